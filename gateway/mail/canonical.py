"""The form in which an entity can be signed clear and survive transport (RFC 8551 §3.1, RFC 1847 §2.1; row OUT-06).

What breaks signatures on the way are bytes above 127, NUL, lines over 998 bytes, line ends other than CRLF, blanks at
the end of a line, lines that begin with ``From ``, parts declared 8bit, which a relay may re-code, base64 in lines of
another length than 76 and a soft break at the end of quoted-printable, which some relays write anew. An entity free of
all that is returned as it is. Otherwise the leaves that need it are re-coded: text to quoted-printable or base64,
whichever is smaller, everything else to base64, with the Content-Transfer-Encoding field to match; blanks at the end
of a header line move behind the fold, which changes no value. All else stays byte for byte.

Never touched: multipart/signed, multipart/encrypted and PKCS #7 parts, whose bytes are somebody's signature; message
parts other than message/rfc822; leaves that could not be decoded without loss. Where a trap remains, the entity comes
back as it was with ``clear`` false: it must be signed opaque.
"""

import re
from dataclasses import dataclass

from gateway.errors import Malformed
from gateway.mail.entity import Entity, read_entity
from gateway.mail.recoding import BARE_RETURN, Pieces, declares_8bit, is_container, is_exact, is_protected, recoded
from gateway.mail.transfer import decode

LINE_LIMIT = 998
"""Bytes in a line without its CRLF (RFC 5322 §2.1.1)."""


def _any_case(word: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


# These begin with one certain byte, so that the search jumps from line end to line end: a bare line feed, blanks before
# a line end, a line that begins with "From "; in the second also a field that declares any encoding but 7bit. It is
# spelt out letter by letter, because with IGNORECASE no byte would be certain.
_TRAPS = r"(?<!\r\n)|(?<=[ \t]\r\n)|From "
_DECLARATION = rf"{_any_case('content-transfer-encoding')}[ \t]*+:(?!\s*+7{_any_case('bit')})"
_LINE_TRAP = re.compile(rf"\n(?:{_TRAPS})".encode())
_LINE_TRAP_OR_CODED = re.compile(rf"\n(?:{_TRAPS}|{_DECLARATION})".encode())
_STARTS_CODED = re.compile(_DECLARATION.encode())
_SETTLED_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{76}\r\n)*+[A-Za-z0-9+/]{0,76}+={0,2}+(?:(?<=[^\n])\r\n)?+")
_TRAILING_SOFT_BREAK = re.compile(rb"=[ \t]*+(?:\r\n)*+\Z")
_PKCS7 = re.compile(r"application/(?:x-)?pkcs7-.*")
_FOLDS = re.compile(rb"(?<![ \t])(?:[ \t]*+\r\n)++[ \t]*+")


@dataclass(frozen=True, slots=True)
class Canonical:
    """The entity to sign, and whether it may be signed clear; if not, ``content`` is as it came."""

    content: bytes
    clear: bool


def canonical(entity: bytes) -> Canonical:
    """Return the clear-signable form of one entity: Content-* fields, empty line, body."""
    if _is_free_of(_LINE_TRAP_OR_CODED, entity) and not _STARTS_CODED.match(entity):
        return Canonical(entity, True)
    try:
        tree = read_entity(entity)
    except Malformed:
        return Canonical(entity, False)
    writing = _Writing(entity)
    writing.entity(tree)
    content = writing.finish()
    if writing.declared_8bit_stays or not is_robust(content):
        return Canonical(entity, False)
    return Canonical(content, True)


def is_robust(content: bytes) -> bool:
    """Return whether ``content`` is 7-bit, in lines of at most 998 bytes ended by CRLF, and free of transport traps."""
    return _is_free_of(_LINE_TRAP, content)


def _is_free_of(line_trap: re.Pattern[bytes], content: bytes) -> bool:
    return (
        content.isascii()
        and b"\0" not in content
        and line_trap.search(content) is None
        and BARE_RETURN.search(content) is None
        and content[-1:] not in (b" ", b"\t")
        and not content.startswith(b"From ")
        and not has_long_line(content)
    )


def has_long_line(content: bytes) -> bool:
    """Return whether a line, its CRLF not counted, is over 998 bytes."""
    start, size = 0, len(content)
    # From the start of a line to the last line end within reach: many short lines in one step.
    while size - start > LINE_LIMIT:
        end = content.rfind(b"\n", start, start + LINE_LIMIT + 2)
        if end < 0:
            return True
        start = end + 1
    return False


class _Writing(Pieces):
    """The clear-signable form in the making."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.declared_8bit_stays = False

    def entity(self, entity: Entity) -> None:
        """Write one entity and all below it."""
        if is_protected(entity) or _PKCS7.fullmatch(entity.content_type.type):
            self.keep(entity)
        elif is_container(entity):
            self.container(entity)
        else:
            self.leaf(entity)

    def keep(self, entity: Entity) -> None:
        """Leave an entity untouched."""
        if any(declares_8bit(part) for part in entity.walk()):
            self.declared_8bit_stays = True

    def container(self, entity: Entity) -> None:
        """Write a multipart or message; it is 7bit once its content is, and the caller looks at that."""
        self.header(entity, "7bit" if declares_8bit(entity) else None)
        for child in entity.children:
            self.entity(child)

    def leaf(self, entity: Entity) -> None:
        """Write a leaf, re-coded where it must be and can be."""
        body = self.content[entity.body : entity.end]
        if is_robust(body) and _is_settled(body, entity.encoding):
            self.header(entity, "7bit" if declares_8bit(entity) else None)
        elif is_exact(body, entity.encoding):
            # Only what is exact: else readers disagree about the content already, and it is not ours to choose.
            encoding, made = recoded(decode(body, entity.encoding), entity)
            self.header(entity, encoding)
            self.put(entity.body, entity.end, made)

    def header(self, entity: Entity, encoding: str | None) -> None:
        """Write the header: line ends without blanks and, unless None, another Content-Transfer-Encoding."""
        field_line = f"Content-Transfer-Encoding: {encoding}\r\n".encode() if encoding else None
        for field in entity.header.fields:
            raw = entity.header.raw(field)
            tidy = _without_line_end_blanks(raw) if field.name else raw
            if field_line and field.name == "content-transfer-encoding":
                tidy, field_line = field_line, None
            if tidy != raw:
                self.put(field.start, field.end, tidy)
        if field_line:
            self.put(entity.header.end, entity.header.end, field_line)


def _is_settled(body: bytes, encoding: str) -> bool:
    """Return whether a relay that writes the encoding of ``body`` anew writes the same again."""
    if encoding == "base64":
        return _SETTLED_BASE64.fullmatch(body) is not None
    # What ends a body is looked for at its end: a search would walk over every "=" of it.
    return encoding != "quoted-printable" or _TRAILING_SOFT_BREAK.search(body, max(0, len(body) - 80)) is None


def _without_line_end_blanks(field: bytes) -> bytes:
    """Move the blanks before a fold behind it and drop those at the end: the unfolded value stays the same."""
    if b" \r\n" not in field and b"\t\r\n" not in field:
        return field
    return _FOLDS.sub(lambda fold: b"\r\n" + fold[0].translate(None, b"\r\n") * (fold.end() < len(field)), field)
