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
from gateway.mail.entity import IDENTITY, Entity, read_entity
from gateway.mail.transfer import (
    decode,
    encode_base64,
    encode_quoted_printable,
    is_exact_base64,
    is_exact_quoted_printable,
)

LINE_LIMIT = 998
"""Bytes in a line without its CRLF (RFC 5322 §2.1.1)."""

_UNQUOTED = bytes(range(32, 61)) + bytes(range(62, 127)) + b"\t\r\n"
_PROTECTED = re.compile(r"multipart/(?:signed|encrypted)|application/(?:x-)?pkcs7-.*")


def _any_case(word: str) -> str:
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in word)


# These begin with one certain byte, so that the search jumps from line end to line end: a bare line feed, blanks before
# a line end, a line that begins with "From "; in the second also a field that declares a part 8bit or binary. It is
# spelt out letter by letter, because with IGNORECASE no byte would be certain.
_TRAPS = r"(?<!\r\n)|(?<=[ \t]\r\n)|From "
_DECLARATION = rf"{_any_case('content-transfer-encoding')}[ \t]*:\s*(?:{_any_case('8bit')}|{_any_case('binary')})"
_LINE_TRAP = re.compile(rf"\n(?:{_TRAPS})".encode())
_LINE_TRAP_OR_8BIT = re.compile(rf"\n(?:{_TRAPS}|{_DECLARATION})".encode())
_STARTS_8BIT = re.compile(_DECLARATION.encode())
_BARE_RETURN = re.compile(rb"\r(?!\n)")
_FOLDS = re.compile(rb"(?<![ \t])(?:[ \t]*+\r\n)++[ \t]*+")


@dataclass(frozen=True, slots=True)
class Canonical:
    """The entity to sign, and whether it may be signed clear; if not, ``content`` is as it came."""

    content: bytes
    clear: bool


def canonical(entity: bytes) -> Canonical:
    """Return the clear-signable form of one entity: Content-* fields, empty line, body."""
    if _is_free_of(_LINE_TRAP_OR_8BIT, entity) and not _STARTS_8BIT.match(entity):
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
        and _BARE_RETURN.search(content) is None
        and content[-1:] not in (b" ", b"\t")
        and not content.startswith(b"From ")
        and not has_long_line(content)
    )


def needs_8bit(content: bytes | bytearray) -> bool:
    """Return whether ``content`` can only be relayed with BODY=8BITMIME (RFC 6152)."""
    return not content.isascii()


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


class _Writing:
    """The new content as pieces in order: slices of the old one wherever nothing changes."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.view = memoryview(content)
        self.pieces: list[bytes | memoryview] = []
        self.position = 0
        self.declared_8bit_stays = False

    def put(self, start: int, end: int, replacement: bytes) -> None:
        """Write what stands before ``start``, then ``replacement`` for ``content[start:end]``."""
        self.pieces += (self.view[self.position : start], replacement)
        self.position = end

    def finish(self) -> bytes:
        """Write the rest and return it all."""
        return b"".join([*self.pieces, self.view[self.position :]]) if self.pieces else self.content

    def entity(self, entity: Entity) -> None:
        """Write one entity and all below it."""
        kind = entity.content_type.type
        if _PROTECTED.fullmatch(kind) or _is_doubtful(entity):
            self.keep(entity)
        elif entity.children or kind.startswith(("multipart/", "message/")):
            self.container(entity)
        else:
            self.leaf(entity)

    def keep(self, entity: Entity) -> None:
        """Leave an entity untouched."""
        if any(_declares_8bit(part) for part in entity.walk()):
            self.declared_8bit_stays = True

    def container(self, entity: Entity) -> None:
        """Write a multipart or message; it is 7bit once its content is, and the caller looks at that."""
        self.header(entity, "7bit" if _declares_8bit(entity) else None)
        for child in entity.children:
            self.entity(child)

    def leaf(self, entity: Entity) -> None:
        """Write a leaf, re-coded where it must be and can be."""
        body = self.content[entity.body : entity.end]
        if is_robust(body):
            self.header(entity, "7bit" if _declares_8bit(entity) else None)
        elif _is_exact(body, entity.encoding):
            encoding, recoded = _recoded(decode(body, entity.encoding), entity)
            self.header(entity, encoding)
            self.put(entity.body, entity.end, recoded)

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


def _declares_8bit(entity: Entity) -> bool:
    return entity.encoding in ("8bit", "binary")


def _is_doubtful(entity: Entity) -> bool:
    """Return whether readers may disagree about what this entity is: then nothing in it is re-coded."""
    header = entity.header
    types, encodings = header.named("content-type"), header.named("content-transfer-encoding")
    if len(types) > 1 or len(encodings) > 1 or header.body == header.end:
        return True
    main_type = entity.content_type.type.partition("/")[0]
    if types and not header.value(types[0]).lower().startswith(main_type.encode()):
        return True
    if encodings and header.value(encodings[0]).lower() not in (b"", entity.encoding.encode("utf-8", "replace")):
        return True
    return main_type == "multipart" and entity.encoding not in IDENTITY


def _is_exact(body: bytes, encoding: str) -> bool:
    if encoding == "base64":
        return is_exact_base64(body)
    if encoding == "quoted-printable":
        return is_exact_quoted_printable(body)
    return encoding in IDENTITY


def _recoded(payload: bytes, entity: Entity) -> tuple[str, bytes]:
    is_text = entity.content_type.type.startswith("text/") and entity.encoding != "base64"
    if is_text and _suits_quoted_printable(payload):
        return "quoted-printable", encode_quoted_printable(payload)
    return "base64", encode_base64(payload)


def _suits_quoted_printable(text: bytes) -> bool:
    if b"\0" in text or _BARE_RETURN.search(text) or text.count(b"\n") != text.count(b"\r"):
        return False
    # Quoted-printable spends three bytes on each byte it quotes, base64 four on every three of any kind.
    return len(text.translate(None, _UNQUOTED)) * 6 <= len(text)


def _without_line_end_blanks(field: bytes) -> bytes:
    """Move the blanks before a fold behind it and drop those at the end: the unfolded value stays the same."""
    if b" \r\n" not in field and b"\t\r\n" not in field:
        return field
    return _FOLDS.sub(lambda fold: b"\r\n" + fold[0].translate(None, b"\r\n") * (fold.end() < len(field)), field)
