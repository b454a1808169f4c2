"""The MIME tree of a message as byte offsets (RFC 2045, RFC 2046 §5.1; limits of row LIM-01).

Nothing is decoded, copied or changed: every entity is a slice of one content. The rules of RFC 2046 §5.1.1: the line
end before a delimiter belongs to the delimiter; a delimiter line holds nothing but the boundary and blanks, so that a
boundary may be the beginning of another; a delimiter of an outer multipart ends all that is open inside; a missing
close delimiter ends with the enclosing entity. A multipart without boundary, or in which no delimiter is found, is an
entity without children. A Content-Type that does not parse counts as absent (RFC 2045 §5.2).

The content is searched once per level of nesting and lines that merely begin like a delimiter are counted, so the
work is bounded by the limits, whatever the content.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import LimitExceeded, Malformed
from gateway.mail.content_type import ContentType, content_type
from gateway.mail.encoded_word import decode_raw
from gateway.mail.header import Header, read_header
from gateway.mail.lexical import without_comments
from gateway.mail.transfer import decode

PARTS_LIMIT = 1000
DEPTH_LIMIT = 20
BOUNDARY_LIMIT = 70
FALSE_DELIMITERS_LIMIT = 10_000
HEADERS_LIMIT = 4 * 1024 * 1024
"""Octets of all headers: they are read word by word, and cost a hundred times what bodies do."""

USUAL = 32
"""Octets of a transfer encoding that is remembered; there are five of them."""

IDENTITY = frozenset({"7bit", "8bit", "binary"})

_PLAIN = ContentType("text/plain")
_MESSAGE = ContentType("message/rfc822")
_DELIMITER_REST = re.compile(rb"(--)?[ \t]*+(\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: ``content[start:end]``, its header, its body ``content[body:end]`` and its children in order.

    ``encoding`` is the lower-case Content-Transfer-Encoding, ``7bit`` where there is none.
    """

    content: bytes
    header: Header
    content_type: ContentType
    encoding: str
    end: int
    children: tuple["Entity", ...]

    @property
    def start(self) -> int:
        """Offset of the first byte of the header."""
        return self.header.start

    @property
    def body(self) -> int:
        """Offset of the first byte of the body."""
        return self.header.body

    def walk(self) -> Iterator["Entity"]:
        """Yield this entity and all below it, in the order of the content."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_entity(content: bytes, start: int = 0, end: int | None = None, *, header: Header | None = None) -> Entity:
    """Read the entity that is ``content[start:end]`` with everything below it; ``header``: its own, if at hand.

    Raises ``LimitExceeded`` over 1,000 parts, 20 levels, 70 characters of boundary, 4 MiB of headers or the limits of
    one header.
    """
    return _Reading(content).entity(start, len(content) if end is None else end, 0, _PLAIN, header)


def decoded_body(entity: Entity) -> bytes:
    """Return the decoded body of a leaf, read as tolerantly as mail readers do.

    Raises ``Malformed`` when its Content-Transfer-Encoding is unknown.
    """
    return decode(memoryview(entity.content)[entity.body : entity.end], entity.encoding)


class _Reading:
    """One pass over one content, counting what the limits limit."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.parts = 0
        self.headers = 0
        self.false_delimiters = 0

    def entity(self, start: int, end: int, depth: int, default: ContentType, header: Header | None = None) -> Entity:
        self.parts += 1
        if self.parts > PARTS_LIMIT:
            raise LimitExceeded(f"MIME structure: more than {PARTS_LIMIT} parts")
        if depth > DEPTH_LIMIT:
            raise LimitExceeded(f"MIME structure: nested deeper than {DEPTH_LIMIT} levels")
        header = header or read_header(self.content, start, end)
        self.headers += header.body - header.start
        if self.headers > HEADERS_LIMIT:
            raise LimitExceeded(f"MIME structure: more than {HEADERS_LIMIT} bytes of headers")
        kind, encoding = type_of(header, default), _encoding(header)
        children: tuple[Entity, ...] = ()
        if kind.type.startswith("multipart/"):
            below = _MESSAGE if kind.type == "multipart/digest" else _PLAIN
            spans = self.spans(header.body, end, _boundary(kind))
            children = tuple([self.entity(*span, depth + 1, below) for span in spans])
        elif kind.type == "message/rfc822" and encoding in IDENTITY:
            children = (self.entity(header.body, end, depth + 1, _PLAIN),)
        return Entity(self.content, header, kind, encoding, end, children)

    def spans(self, start: int, end: int, boundary: bytes) -> Iterator[tuple[int, int]]:
        """Yield start and end of each body part between the delimiters in ``content[start:end]``."""
        if not boundary or start == end:
            return
        part = None
        # A body begins behind a line end, so the first delimiter may use that one.
        for delimiter, rest, is_close in self.delimiters(start - 1, end, b"\n--" + boundary):
            if part is not None:
                yield part, max(part, delimiter)
            part = None if is_close else rest
            if is_close:
                return
        if part is not None:
            yield part, end

    def delimiters(self, start: int, end: int, mark: bytes) -> Iterator[tuple[int, int, bool]]:
        """Yield for each delimiter line where its line end before begins, where the next line begins, if it closes."""
        position, size = start, len(mark)
        while (found := self.content.find(mark, position, end)) >= 0:
            line = _DELIMITER_REST.match(self.content, found + size, end)
            if line is None:
                self.false_delimiters += 1
                if self.false_delimiters > FALSE_DELIMITERS_LIMIT:
                    raise LimitExceeded(f"MIME structure: more than {FALSE_DELIMITERS_LIMIT} lines like a delimiter")
                position = found + size
                continue
            has_return, behind = found > start and self.content[found - 1] == 13, line.end()
            yield found - has_return, behind, line[1] is not None
            # The line end of this delimiter may at once be the one before the next.
            position = max(behind - 1, found + size)


def type_of(header: Header, default: ContentType = _PLAIN) -> ContentType:
    """Return the content type of an entity; ``default`` where its header names none. Raises ``LimitExceeded``."""
    for field in header.named("content-type"):
        try:
            return content_type(header.value(field))
        except LimitExceeded:
            raise
        except Malformed:
            return _PLAIN
    return default


def _encoding(header: Header) -> str:
    for field in header.named("content-transfer-encoding"):
        value = header.value(field)
        return _usual_encoding(value) if len(value) <= USUAL else _encoding_of(value)
    return "7bit"


def _encoding_of(value: bytes) -> str:
    try:
        return without_comments(decode_raw(value)).strip(' \t";').lower() or "7bit"
    except Malformed:
        return "7bit"


_usual_encoding = lru_cache(64)(_encoding_of)


def _boundary(kind: ContentType) -> bytes:
    boundary = kind.parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
    if len(boundary) > BOUNDARY_LIMIT:
        raise LimitExceeded(f"MIME structure: a boundary longer than {BOUNDARY_LIMIT} characters")
    return boundary
