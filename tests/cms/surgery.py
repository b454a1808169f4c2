"""Cutting into CMS structures: look at, replace and insert elements by their path of child numbers."""

from gateway.cms import der
from gateway.cms.ber import Element, read

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
    """``data`` in BER as streaming writers make it: indefinite lengths, long OCTET STRINGs in segments."""
    element = read(data)
    if element.tag in (der.OCTET_STRING, 0x80) and len(element.value) > segment:
        parts = [element.value[n : n + segment] for n in range(0, len(element.value), segment)]
        return bytes((element.tag | der.CONSTRUCTED, 0x80)) + b"".join(map(der.octets, parts)) + b"\0\0"
    if element.tag & der.CONSTRUCTED:
        return (
            bytes((element.tag, 0x80)) + b"".join(streamed(bytes(c.raw), segment) for c in element.children) + b"\0\0"
        )
    return data
