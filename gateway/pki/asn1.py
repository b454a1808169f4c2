"""A small bounded reader of BER and DER elements (X.690), for what `cryptography` does not show or does not read.

Lazy: an element knows where its content stands in the one buffer; its children are read on demand. Definite and
indefinite lengths, tag numbers below 31. It knows no types beyond the few that certificates, CRLs and bundles need.
It does not check that an encoding is the distinguished one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import LimitExceeded, Malformed

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID, UTF8_STRING = 0x01, 0x02, 0x03, 0x04, 0x06, 0x0C
SEQUENCE, SET = 0x30, 0x31
CONSTRUCTED = 0x20
MAX_DEPTH = 32
"""Indefinite lengths within one another; finding such an end costs one pass per level."""


@dataclass(frozen=True, slots=True)
class Element:
    """One tag-length-value in ``data``: identifier octet, its whole extent and its content's, as offsets."""

    data: bytes
    tag: int
    begin: int
    start: int
    stop: int
    end: int

    @property
    def content(self) -> bytes:
        """The content octets as they stand."""
        return self.data[self.start : self.stop]

    @property
    def whole(self) -> bytes:
        """The whole encoding as it stands."""
        return self.data[self.begin : self.end]

    def children(self) -> Iterator["Element"]:
        """Yield the elements inside a constructed one. Raises ``Malformed``."""
        if not self.tag & CONSTRUCTED:
            raise Malformed(f"a primitive element (tag 0x{self.tag:02x}) stands where a constructed one is needed")
        position = self.start
        while position < self.stop:
            child = _element(self.data, position, self.stop, 0)
            yield child
            position = child.end

    def octets(self) -> bytes:
        """Return the value of an octet string, also of one in BER segments (X.690 §8.7)."""
        if self.tag & CONSTRUCTED:
            return b"".join(_expect(child, OCTET_STRING).content for child in self.children())
        return self.content

    def integer(self) -> int:
        """Return the value of an INTEGER."""
        if not self.content:
            raise Malformed("an INTEGER has no content")
        return int.from_bytes(_expect(self, INTEGER).content, "big", signed=True)

    def oid(self) -> str:
        """Return the value of an OBJECT IDENTIFIER in dotted form."""
        content = _expect(self, OID).content
        if not content or content[-1] & 0x80:
            raise Malformed("an OBJECT IDENTIFIER is cut off")
        arcs, value = [], 0
        for octet in content:
            value = value << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def read(data: bytes, tag: int) -> Element:
    """Read the one element that ``data`` consists of. Raises ``Malformed``."""
    element = first(data, tag)
    if element.end != len(data):
        raise Malformed(f"{len(data) - element.end} bytes follow the end of the element")
    return element


def first(data: bytes, tag: int) -> Element:
    """Read the element that ``data`` begins with, whatever follows. Raises ``Malformed``."""
    return _expect(_element(data, 0, len(data), 0), tag)


def fields(element: Element, *tags: int) -> list[Element]:
    """Return the children of ``element``, of which the first must have these tags. Raises ``Malformed``."""
    children = list(element.children())
    if tuple(child.tag for child in children[: len(tags)]) != tags:
        raise Malformed("a structure does not have the fields that its standard asks for")
    return children


def _expect(element: Element, tag: int) -> Element:
    if element.tag != tag:
        raise Malformed(f"found tag 0x{element.tag:02x} where 0x{tag:02x} is needed")
    return element


def _element(data: bytes, begin: int, limit: int, depth: int) -> Element:
    """Read the element at ``begin``, which must end at or before ``limit``."""
    if begin + 2 > limit or data[begin] & 0x1F == 0x1F:
        raise Malformed("an element is cut off, or its tag number is over 30")
    tag, length, start = data[begin], data[begin + 1], begin + 2
    if length == 0x80:
        return _indefinite(data, begin, limit, depth)
    if length > 0x80:
        start += length & 0x7F
        if length > 0x84 or start > limit:
            raise Malformed("a length is cut off or absurd")
        length = int.from_bytes(data[begin + 2 : start], "big")
    if start + length > limit:
        raise Malformed("an element is longer than what holds it")
    return Element(data, tag, begin, start, start + length, start + length)


def _indefinite(data: bytes, begin: int, limit: int, depth: int) -> Element:
    """Find the end-of-contents octets of an indefinite length (X.690 §8.1.5)."""
    if not data[begin] & CONSTRUCTED or depth >= MAX_DEPTH:
        raise LimitExceeded("indefinite lengths are nested too deeply, or on a primitive element")
    position = begin + 2
    while data[position : position + 2] != b"\0\0":
        position = _element(data, position, limit, depth + 1).end
    if position + 2 > limit:
        raise Malformed("an element is longer than what holds it")
    return Element(data, data[begin], begin, begin + 2, position, position + 2)
