"""Cutting into CMS structures: look at, replace and insert elements by their path of child numbers."""

from collections.abc import Iterable

from gateway.asn1 import der
from gateway.asn1.ber import Element, read

BODY = (1, 0)
"""From a ContentInfo to what it holds."""


def at(data: bytes, *path: int) -> Element:
    """The element that the path leads to."""
    element = read(data)
    for number in path:
        element = element.children[number]
    return element


def put(data: bytes, path: tuple[int, ...], *new: bytes) -> bytes:
    """``data`` with the element at ``path`` replaced by ``new`` (several, one or none), all lengths right."""
    if not path:
        return b"".join(new)
    element = read(data)
    children = [bytes(child.raw) for child in element.children]
    children[path[0]] = put(children[path[0]], path[1:], *new)
    return der.tlv(element.tag, *children)


def streamed(data: bytes, segment: int = 7) -> bytes:
    """``data`` in BER as streaming writers make it: indefinite lengths, long OCTET STRINGs in segments.

    Names of certificates stay as they are, for every writer copies them, and so do attributes, which must be DER.
    """
    element = read(data)
    if element.tag in (der.OCTET_STRING, 0x80) and element.end - element.content > segment:
        value = element.value
        parts = [value[n : n + segment] for n in range(0, len(value), segment)]
        return _endless(element.tag | der.CONSTRUCTED, map(der.octets, parts))
    if not element.tag & der.CONSTRUCTED or _is_name(element) or _is_attributes(element):
        return data
    return _endless(element.tag, (streamed(bytes(child.raw), segment) for child in element.children))


def _endless(tag: int, parts: Iterable[bytes]) -> bytes:
    return bytes((tag, 0x80)) + b"".join(parts) + b"\0\0"


def _is_name(element: Element) -> bool:
    return [child.tag for child in element.children] == [der.SEQUENCE, der.INTEGER]


def _is_attributes(element: Element) -> bool:
    kinds = [[part.tag for part in child.children] for child in element.children if child.tag == der.SEQUENCE]
    return element.tag in (0xA0, 0xA1) and kinds == [[der.OID, der.SET]] * len(element.children)
