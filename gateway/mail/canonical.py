"""The form in which an entity can be signed clear and survive transport (RFC 8551 §3.1, RFC 1847 §2.1; row OUT-06).

What breaks signatures on the way are bytes above 127, NUL, lines over 998 bytes, line ends other than CRLF, blanks at
the end of a line, lines that begin with ``From ``, and parts declared 8bit, which a relay may re-code. An entity free
of all that is returned as it is. Otherwise the leaves that need it are re-coded: text to quoted-printable or base64,
whichever is smaller, everything else to base64, with the Content-Transfer-Encoding field to match; blanks at the end
of a header line move behind the fold, which changes no value. All else stays byte for byte.

Never touched: multipart/signed, multipart/encrypted and PKCS #7 parts, whose bytes are somebody's signature; message
parts other than message/rfc822; leaves that could not be decoded without loss. Where a trap remains, the entity comes
back as it was with ``clear`` false: it must be signed opaque.
"""

import re
from dataclasses import dataclass

from gateway.errors import Malformed
from gateway.mail.content_type import ContentType
from gateway.mail.entity import IDENTITY, Entity, read_entity
from gateway.mail.header import Field, Header
from gateway.mail.transfer import (
    decode,
    encode_base64,
    encode_quoted_printable,
    is_exact_base64,
    is_exact_quoted_printable,
)

LINE_LIMIT = 998
"""Bytes in a line without its CRLF (RFC 5322 §2.1.1)."""

_PLAIN_TEXT = bytes(range(32, 61)) + bytes(range(62, 127)) + b"\t\r\n"
_PROTECTED = re.compile(r"multipart/(?:signed|encrypted)|application/(?:x-)?pkcs7-.*")


def _any_case(word: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


# Spelt out letter by letter: with IGNORECASE the search could not jump from line to line.
_DECLARED = re.compile(
    rf"\n{_any_case('content-transfer-encoding')}[ \t]*:\s*(?:{_any_case('8bit')}|{_any_case('binary')})".encode()
)
_LINE_END_BLANKS = re.compile(rb"([ \t]++)\r\n")


@dataclass(frozen=True, slots=True)
class Canonical:
    """The entity to sign, and whether it may be signed clear; if not, ``content`` is as it came."""

    content: bytes
    clear: bool


def canonical(entity: bytes) -> Canonical:
    """Return the clear-signable form of one entity: Content-* fields, empty line, body."""
    if is_robust(entity) and not _may_declare_8bit(entity):
        return Canonical(entity, True)
    try:
        tree = read_entity(entity)
    except Malformed:
        return Canonical(entity, False)
    writing = _Writing(entity)
    writing.entity(tree)
    content = writing.finish(tree.end)
    if writing.declared_8bit_stays or not is_robust(content):
        return Canonical(entity, False)
    return Canonical(content, True)


def is_robust(content: bytes) -> bool:
    """Return whether ``content`` is 7-bit, in lines of at most 998 bytes ended by CRLF, and free of transport traps."""
    return (
        content.isascii()
        and b"\0" not in content
        and _ends_lines_with_crlf(content)
        and b" \r" not in content
        and b"\t\r" not in content
        and content[-1:] not in (b" ", b"\t")
        and b"\nFrom " not in content
        and not content.startswith(b"From ")
        and not has_long_line(content)
    )


def needs_8bit(content: bytes | bytearray) -> bool:
    """Return whether ``content`` can only be relayed with BODY=8BITMIME (RFC 6152)."""
    return not content.isascii()


def _ends_lines_with_crlf(content: bytes) -> bool:
    ends = content.count(b"\r\n")
    return content.count(b"\n") == ends and content.count(b"\r") == ends


def has_long_line(content: bytes) -> bool:
    """Return whether a line, its CRLF not counted, is over 998 bytes."""
    start, size = 0, len(content)
    # From the start of a line to the last line end within reach: many short lines in one step.
    while size - start > LINE_LIMIT:
        end = content.rfind(b"\n", start, start + LINE_LIMIT + 2)
        if end < 0:
            return size - start != LINE_LIMIT + 1 or content[-1:] != b"\r"
        start = end + 1
    return False


def _may_declare_8bit(content: bytes) -> bool:
    return _DECLARED.search(b"\n" + content[:256]) is not None or _DECLARED.search(content) is not None


class _Writing:
    """The pieces of the new content, in order; slices of the old one where nothing changes."""

    def __init__(self, content: bytes) -> None:
        self.view = memoryview(content)
        self.pieces: list[bytes | memoryview] = []
        self.position = 0
        self.declared_8bit_stays = False

    def put(self, start: int, end: int, replacement: bytes) -> None:
        """Write everything up to ``start``, then the replacement of ``start`` to ``end``."""
        self.pieces += (self.view[self.position : start], replacement)
        self.position = end

    def finish(self, end: int) -> bytes:
        """Write the rest and return it all."""
        return b"".join([*self.pieces, self.view[self.position : end]])
