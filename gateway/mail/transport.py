"""Opened content on its way through SMTP (RFC 5321 §2.3.8, §4.5.3.1.6; RFC 6152; RFC 8551 §3.1).

What was inside an envelope, a compression or an opaque signature never had to cross SMTP by itself: it may have line
ends of any kind, binary parts, lines without end. ``with_crlf`` gives it line ends, ``fit`` re-codes the leaves that
SMTP cannot carry, ``seven_bit`` also those that a next hop without 8BITMIME cannot. What can pass stays as it is.

A line end is one only in text: a leaf that is no text, or holds a NUL or a lone CR, keeps every octet and is re-coded,
whatever encoding it is labelled with. Signed parts keep every byte, whatever it costs: with their signature they can
still be judged, and a mail is sent rather than lost. Only bare line ends are mended even there, since no message may
hold any (row SMT-02).
"""

import re
from collections.abc import Iterator

from gateway.errors import Malformed
from gateway.mail.canonical import has_long_line
from gateway.mail.entity import IDENTITY, Entity, read_entity
from gateway.mail.recoding import BARE_RETURN, Pieces, declares_8bit, is_container, is_exact, is_protected, recoded
from gateway.mail.transfer import Buffer, decode, encode_base64

_BARE_FEED = re.compile(rb"\n(?<!\r\n)")


def with_crlf(content: Buffer) -> bytes:
    """Return ``content`` with every line end as CRLF, but for those inside leaves that ``fit`` re-codes."""
    data = bytes(content)
    if not _has_bare_line_end(data):
        return data
    made = b"".join([piece if exact else _converted(piece) for piece, exact in _pieces(data)])
    # What was converted may be taken apart in another way now: nothing bare may be left that ``fit`` does not see.
    if any(_has_bare_line_end(piece) for piece, exact in _pieces(made) if not exact):
        return _converted(data)
    return made


def fit(content: bytes) -> bytes:
    """Return what ``with_crlf`` left as SMTP may carry it with 8BITMIME: no NUL, bare line end or line over 998 bytes.

    Text without long lines, 8-bit or not, is returned as it is. What is signed may keep NULs and long lines.
    """
    if b"\0" not in content and not has_long_line(content) and not _has_bare_line_end(content):
        return content
    made = _recoded(content, seven_bit=False)
    return _converted(made) if _has_bare_line_end(made) else made


def seven_bit(content: bytes) -> bytes:
    """Return an entity with all its leaves in 7 bits, but for those that are signed; header fields stay as they are."""
    return content if content.isascii() else _recoded(content, seven_bit=True)


def _converted(content: bytes) -> bytes:
    """Return ``content`` with CRLF for every CRLF, CR and LF, at one speed and size however many there are."""
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def _has_bare_line_end(content: bytes) -> bool:
    return _BARE_FEED.search(content) is not None or BARE_RETURN.search(content) is not None


def _pieces(content: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield content in order, each piece with whether it is the body of a leaf whose octets are to be kept."""
    try:
        leaves = list(_exact_leaves(read_entity(content)))
    except Malformed:
        leaves = []
    position = 0
    for leaf in leaves:
        yield content[position : leaf.body], False
        yield content[leaf.body : leaf.end], True
        position = leaf.end
    yield content[position:], False


def _exact_leaves(entity: Entity, *, signed: bool = False) -> Iterator[Entity]:
    """Yield the leaves in which a line end is no line end; of what is ``signed`` those that say so themselves."""
    signed = signed or is_protected(entity)
    for child in entity.children:
        yield from _exact_leaves(child, signed=signed)
    if is_container(entity) or entity.encoding not in IDENTITY:
        return
    if entity.encoding == "binary" or (not signed and not _is_text(entity)):
        yield entity


def _is_text(entity: Entity) -> bool:
    body = entity.content[entity.body : entity.end]
    return entity.content_type.type.startswith("text/") and b"\0" not in body and BARE_RETURN.search(body) is None


def _recoded(content: bytes, *, seven_bit: bool) -> bytes:
    try:
        tree = read_entity(content)
    except Malformed:
        return content
    writing = _Writing(content, seven_bit)
    writing.entity(tree)
    return writing.finish()


class _Writing(Pieces):
    """The entity that can be relayed, in the making."""

    def __init__(self, content: bytes, seven_bit: bool) -> None:
        super().__init__(content)
        self.seven_bit = seven_bit

    def entity(self, entity: Entity) -> None:
        """Write one entity and all below it."""
        if is_protected(entity):
            return
        if self.is_garbled(entity):
            self.octets(entity)
        elif is_container(entity):
            self.label(entity, "8bit" if self.keeps_8bit(entity) else "7bit")
            for child in entity.children:
                self.entity(child)
        else:
            self.leaf(entity)

    def leaf(self, entity: Entity) -> None:
        """Write a leaf, re-coded where it must be and can be."""
        body = self.content[entity.body : entity.end]
        if self.carries(body):
            self.label(entity, "7bit" if body.isascii() else "8bit")
        elif is_exact(body, entity.encoding):
            encoding, made = recoded(decode(body, entity.encoding), entity)
            self.set_encoding(entity, encoding)
            self.put(entity.body, entity.end, made)

    def octets(self, entity: Entity) -> None:
        """Write an entity as mere octets."""
        lines = {
            "content-type": b"Content-Type: application/octet-stream\r\n",
            "content-transfer-encoding": b"Content-Transfer-Encoding: base64\r\n",
        }
        for place, line in sorted((self.place(entity, name), line) for name, line in lines.items()):
            self.put(*place, line)
        body = self.content[entity.body : entity.end]
        self.put(entity.body, entity.end, encode_base64(decode(body, entity.encoding)))

    def is_garbled(self, entity: Entity) -> bool:
        """Whether an attached message has to be re-coded whose header ends here for some and there for others."""
        if not entity.content_type.type.startswith("message/") or self.carries(self.content[entity.body : entity.end]):
            return False
        headers = [child.header for child in entity.children]
        return any(not header.fields or not header.reads_one_way or header.is_divided for header in headers)

    def carries(self, body: bytes) -> bool:
        """Whether a body needs no other encoding."""
        if b"\0" in body or has_long_line(body) or _has_bare_line_end(body):
            return False
        return body.isascii() or not self.seven_bit

    def keeps_8bit(self, entity: Entity) -> bool:
        """Whether bytes above 127 stay below an entity."""
        if not self.seven_bit:
            return not self.content[entity.body : entity.end].isascii()
        kept = [part for part in entity.walk() if is_protected(part)]
        return not all(self.content[part.start : part.end].isascii() for part in kept)

    def label(self, entity: Entity, encoding: str) -> None:
        """Tell the truth where an entity claims to be more than ``encoding``."""
        if declares_8bit(entity) and entity.encoding != encoding:
            self.set_encoding(entity, encoding)

    def set_encoding(self, entity: Entity, encoding: str) -> None:
        """Write another Content-Transfer-Encoding in the place of the one that is there, or below the other fields."""
        line = f"Content-Transfer-Encoding: {encoding}\r\n".encode()
        self.put(*self.place(entity, "content-transfer-encoding"), line)

    def place(self, entity: Entity, name: str) -> tuple[int, int]:
        """Return where the field of that name stands, or will stand."""
        fields = entity.header.named(name)
        return (fields[0].start, fields[0].end) if fields else (entity.header.end, entity.header.end)
