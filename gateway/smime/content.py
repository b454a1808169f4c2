"""What stood inside a layer, made an entity: nothing of it is lost, and nothing in it speaks for the message.

A layer should hold a MIME entity (RFC 8551 §3.1). Scripts put bare text there, or a file. The header inside is what
stands before the first empty line, and it is *usable* where every line is a field or a continuation, clean text, and
one of the promoted fields is among them, none twice. Then it stays as it is; of its fields only the promoted ones reach
the message's header. An empty line at the very start is an empty header. All else is content from its first octet on:
text where it can be text, and an attachment where not, or where it begins like a MIME header but is none.

None of this is an error: that would tell whoever garbled a ciphertext that a key took it (row DEC-07).
"""

import re
from collections.abc import Collection

from gateway.errors import LimitExceeded
from gateway.mail.canonical import has_long_line
from gateway.mail.entity import Entity
from gateway.mail.header import HEADER_LIMIT, Content, Field, Header, edit, read_header
from gateway.mail.recoding import BARE_RETURN
from gateway.mail.transfer import Buffer, encode_base64, encode_quoted_printable, is_exact_base64
from gateway.mail.transport import fit, with_crlf
from gateway.smime.open import is_signature, is_smime

PROMOTED = frozenset(
    f"content-{name}"
    for name in ("type", "transfer-encoding", "disposition", "id", "description", "language", "location")
)
"""The fields of the entity that become the message's; no others, whatever they are called (row DEC-11)."""

NOTICE_LIMIT = 400
"""Octets of what tells readers without MIME what they see."""

_EMPTY_LINE = re.compile(rb"\A\r?\n")
_CONTROL_IN_FIELD = re.compile("(?!\r\n)[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROLS = bytes({*range(32), 127} - set(b"\t\r\n\f"))
_BLANK_LINE = re.compile(rb"(?<=\n)[ \t]++\r?\n")
_NOTICE = re.compile(rb"mime|signed", re.IGNORECASE)
_ATTACHED = (
    b"Content-Type: application/octet-stream\r\n"
    b"Content-Disposition: attachment\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)


def as_entity(content: Buffer) -> bytes:
    """Return the entity that the ``content`` of a layer is or becomes, its line ends CRLF as in ``with_crlf``."""
    octets = bytes(content)
    if start := _EMPTY_LINE.match(octets):
        return _text(octets[start.end() :])
    end = _header_end(octets)
    if _is_usable(octets, end):
        return with_crlf(octets)
    if _begins_field(octets[:end]) or _holds_control(octets):
        return _ATTACHED + encode_base64(octets)
    return _text(octets)


def _header_end(content: bytes) -> int | None:
    """Return where the first empty line begins; None: there is none."""
    for reach in (HEADER_LIMIT, len(content)):
        found = [place for line in (b"\n\n", b"\n\r\n") if (place := content.find(line, 0, reach)) >= 0]
        if found:
            return min(found) + 1
    return None


def _begins_field(block: bytes) -> bool:
    """Whether a line is or would be a Content-* field."""
    return b"\ncontent-" in b"\n" + block.lower()


def _holds_control(octets: bytes) -> bool:
    return len(octets.translate(None, _CONTROLS)) != len(octets)


def _is_usable(content: bytes, end: int | None) -> bool:
    """Whether what stands before the empty line at ``end`` is a MIME header that all readers take for the same one."""
    if end is None or end > HEADER_LIMIT:
        return False
    block = _unified(content[:end]) + b"\r\n"
    try:
        header = read_header(block)
    except LimitExceeded:
        return False
    promoted = [field.name for field in header.fields if field.name in PROMOTED]
    return header.reads_one_way and 0 < len(promoted) == len(set(promoted)) and is_clean(block)


def is_clean(fields: Content) -> bool:
    """Whether header fields are ASCII or valid UTF-8 without controls."""
    try:
        return _CONTROL_IN_FIELD.search(str(fields, "utf-8")) is None
    except UnicodeDecodeError:
        return False


def _text(octets: bytes) -> bytes:
    """Return text of any charset as an entity; every octet stays but for a bare LF, which is a line end."""
    encoding, body = "8bit", octets
    if _holds_control(octets) or BARE_RETURN.search(octets):
        encoding, body = "quoted-printable", encode_quoted_printable(octets, binary=True)
    else:
        body = _unified(octets)
        if has_long_line(body):
            encoding, body = "quoted-printable", encode_quoted_printable(body)
        elif body.isascii():
            encoding = "7bit"
    head = f"Content-Type: text/plain; charset={_charset(octets)}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


def _unified(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _charset(octets: bytes) -> str:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return "iso-8859-1"
    return "utf-8"


def put_in_place(
    header: Header, drop: Collection[Field], inner: Header, subject: bytes | None = None
) -> tuple[bytes, memoryview]:
    """Return header block and body of a message with an entity of ``as_entity`` in the place of its own.

    ``inner``: the header of that entity, which is all of its content. All of the message's fields but Content-* and
    ``drop`` stay in order; a ``subject`` field takes the place of what Subject there is. What SMTP cannot carry is
    re-coded.
    """
    own = [field for field in header.fields if field.name.startswith("content-")]
    promoted = [_plain(inner.raw(field)) for field in inner.fields if field.name in PROMOTED]
    made = fit(b"".join((*promoted, b"\r\n", memoryview(inner.content)[inner.body :])))
    version = b"" if header.named("mime-version") else b"MIME-Version: 1.0\r\n"
    end = made.index(b"\r\n\r\n") + 4
    return b"".join((_fields(header, {*drop, *own}, subject), version, made[:end])), memoryview(made)[end:]


def left_in_place(header: Header, drop: Collection[Field], subject: bytes | None = None) -> bytes:
    """Return the header block, empty line included, of a message that keeps its content; as in ``put_in_place``."""
    return _fields(header, set(drop), subject) + bytes(header.content[header.end : header.body])


def _fields(header: Header, drop: set[Field], subject: bytes | None) -> bytes:
    """Return the fields without ``drop``; every reader finds a ``subject`` that is given, and no other."""
    fields = bytes(header.content[: header.end])
    if subject is None:
        return edit(fields, header, drop=drop)
    there = header.named("subject")
    if not there:
        return edit(fields, header, drop=drop, prepend=subject)
    return edit(fields, header, drop=drop.union(there[1:]), replace={there[0]: subject})


def _plain(field: bytes) -> bytes:
    """Return a field without continuations of blanks only, at which some readers end the header."""
    return _BLANK_LINE.sub(b"", field)


def sole_content(entity: Entity) -> memoryview | None:
    """Return the signed part of a clear-signed ``entity`` that holds a signature and no other text; else None.

    What tells readers without MIME what they see, before the first delimiter (RFC 2046 §5.1.1), is no text. Whether the
    signature is good is not asked, only that it is one, and none that some reader shows.
    """
    if entity.content_type.type != "multipart/signed" or len(entity.children) != 2 or not is_smime(entity):
        return None
    content, (part, signature) = entity.content, entity.children
    before, _, _ = content[entity.body : part.start].rstrip(b"\r\n").rpartition(b"\n")
    _, _, behind = content[signature.end : entity.end].lstrip(b"\r\n").partition(b"\n")
    if behind.strip() or not _is_notice(before.strip()):
        return None
    if not is_signature(signature) or not is_exact_base64(content[signature.body : signature.end]):
        return None
    return memoryview(content)[part.start : part.end]


def _is_notice(text: bytes) -> bool:
    """Whether a preamble is nothing, or one short paragraph about the form of the message."""
    lines = text.split(b"\n")
    return not text or (len(text) <= NOTICE_LIMIT and all(map(bytes.strip, lines)) and bool(_NOTICE.search(text)))
