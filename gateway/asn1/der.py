"""DER writer: elements from parts (ITU-T X.690 §10, §11).

Small elements are plain ``bytes``. A payload of many megabytes is never joined to what surrounds it: a ``Frame``
holds the bytes before and after a payload of known size, with all definite lengths already right.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
UTF8_STRING = 0x0C
NUMERIC_STRING = 0x12
PRINTABLE_STRING = 0x13
TELETEX_STRING = 0x14
IA5_STRING = 0x16
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
VISIBLE_STRING = 0x1A
UNIVERSAL_STRING = 0x1C
BMP_STRING = 0x1E
SEQUENCE = 0x30
SET = 0x31
CONSTRUCTED = 0x20


@cache
def context(number: int) -> int:
    """Return the context tag ``[number]`` of an element that holds others: explicit, or an implicit SEQUENCE or SET."""
    return 0xA0 | number


@cache
def primitive(number: int) -> int:
    """Return the context tag ``[number]`` of an element that holds a value."""
    return 0x80 | number


@lru_cache(1024)
def header(tag: int, size: int) -> bytes:
    """Return identifier and length octets of an element with ``size`` octets of content."""
    if size < 0x80:
        return bytes((tag, size))
    if size < 0x100:
        return bytes((tag, 0x81, size))
    if size < 0x10000:
        return bytes((tag, 0x82, size >> 8, size & 0xFF))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return the element whose content is ``parts`` one after another."""
    content = b"".join(parts)
    return header(tag, len(content)) + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE."""
    return tlv(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """Return a SET OF in DER order (X.690 §11.6); ``tag`` replaces SET where it is implicitly tagged."""
    return tlv(tag, *sorted(parts))


def explicit(number: int, *parts: bytes) -> bytes:
    """Return ``parts`` under the constructed context tag ``[number]``."""
    return tlv(context(number), *parts)


def integer(value: int) -> bytes:
    """Return an INTEGER."""
    size = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return tlv(INTEGER, value.to_bytes(size, "big", signed=True))


def octets(value: bytes) -> bytes:
    """Return an OCTET STRING."""
    return tlv(OCTET_STRING, value)


def oid(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(OID, *(_base128(arc) for arc in (40 * first + second, *rest)))


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(0x80 | arc & 0x7F)
    return bytes(reversed(groups))


def time(at: datetime) -> bytes:
    """Return a Time (RFC 5652 §11.3): UTCTime from 1950 to 2049, else GeneralizedTime. ``at`` is aware (UTC)."""
    if 1950 <= at.year < 2050:
        return tlv(UTC_TIME, at.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return tlv(GENERALIZED_TIME, at.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


@dataclass(frozen=True, slots=True)
class Frame:
    """The bytes before and after a payload of ``size`` octets that is kept elsewhere."""

    before: bytes
    size: int
    after: bytes = b""

    def within(self, tag: int, before: bytes = b"", after: bytes = b"") -> "Frame":
        """Return this frame inside the element ``tag``, with ``before`` and ``after`` as its neighbours there."""
        inside = len(before) + len(self.before) + self.size + len(self.after) + len(after)
        return Frame(header(tag, inside) + before + self.before, self.size, self.after + after)
