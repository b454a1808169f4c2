"""The header block of a message or body part as an index of byte offsets (RFC 5322 §2.2, limits of row LIM-01).

Reading finds where each field stands and changes nothing; ``edit`` is the only way to write, and every byte it is not
told about stays. Field names are found in every spelling: any case, blanks before the colon. A line that is no field
(an mbox ``From `` line, rubbish, a name with a bracket or parenthesis, ``>From:``, without which PHP's reader reads it)
is an unnamed field, so that nothing is lost; ``spelt`` finds what some reader takes it for. The block ends at the first
empty line; without one, all of it is header and the body is empty. Lines end in LF, with or without CR before it; a CR
alone ends no line. The body is never looked at.
"""

import re
from bisect import bisect, bisect_left
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby
from typing import NamedTuple

from gateway.errors import LimitExceeded
from gateway.mail.encoded_word import decode_words

Content = bytes | bytearray | memoryview

HEADER_LIMIT = 256 * 1024
FIELD_LIMIT = 64 * 1024
FIELDS_LIMIT = 1000
USUAL = 64
"""Octets of field names that are remembered: the same few stand in everybody's mail."""
ROOM = 32 * 1024
ROOM_FIELDS = 100
"""What is left for results and for the trace of mail servers in a header that is not full."""

_LINE = re.compile(rb"(\r?\n)|(?:([!-'*-9;=?-~]++)[ \t]*+:)?+([^\n]*+(?:\n[ \t][^\n]*+)*+\n?+)")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_DIVIDING = re.compile(rb"\n[ \t]++\r?+(?:\n|\Z)|\r(?!\n)|\0")
"""A line of blanks, a CR alone, a NUL."""
_BLANKS = b" \t"


class Field(NamedTuple):
    """One field: lower-case ``name`` (empty: no field), offsets of its first byte, past its line end, of its value."""

    name: str
    start: int
    end: int
    value_start: int


_FIELD: Callable[[tuple[str, int, int, int]], Field] = partial(tuple.__new__, Field)
"""A ``Field`` of its four values; by its name it takes twice as long, and each message has dozens."""


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of ``content[start:end]`` in order; ``end`` is the empty line, ``body`` the first byte past it."""

    content: Content
    start: int
    fields: tuple[Field, ...]
    end: int
    body: int

    @property
    def reads_one_way(self) -> bool:
        """Whether every line is a field, its name right before the colon: else readers disagree where it all ends."""
        content = self.content  # in which a value begins behind the colon
        return not [each for each in self.fields if not each.name or content[each.value_start - 2] in _BLANKS]

    @property
    def is_divided(self) -> bool:
        """Whether some reader takes a field for two, or the header for ended within one."""
        return _DIVIDING.search(self.content, self.start, self.end) is not None

    @property
    def is_full(self) -> bool:
        """Whether what is added on the way may bring it over the limits, so that who comes next cannot read it."""
        return len(self.fields) > FIELDS_LIMIT - ROOM_FIELDS or self.end - self.start > HEADER_LIMIT - ROOM

    def named(self, name: str) -> tuple[Field, ...]:
        """Return every field with this lower-case name, in order."""
        found: list[Field] = []
        for field in self.fields:
            if field.name == name:
                found.append(field)
        return tuple(found)

    def taken_for(self, spelling: re.Pattern[bytes]) -> tuple[Field, ...]:
        """Return the lines that are no field in which ``spelling``, as ``spelt`` makes it, is found, each once.

        Some readers fold at controls, too, so such lines are one text where they stand side by side.
        """
        if not [field for field in self.fields if not field.name]:
            return ()
        found: list[Field] = []
        for is_field, run in groupby(self.fields, lambda field: field.name != ""):
            lines = [] if is_field else list(run)
            starts = [line.start for line in lines]
            for match in spelling.finditer(self.content, starts[0], lines[-1].end) if lines else ():
                found += lines[bisect(starts, match.start()) - 1 : bisect_left(starts, match.end())]
        # One that is folded may hold it in a thousand places.
        return tuple(dict.fromkeys(found))

    def raw(self, field: Field) -> bytes:
        """Return the field as it stands, name and line end included."""
        return bytes(self.content[field.start : field.end])

    def folded(self, field: Field) -> bytes:
        """Return the field's value as it stands, line ends included."""
        return bytes(self.content[field.value_start : field.end])

    def value(self, field: Field) -> bytes:
        """Return the field's value unfolded, without the blanks around it, otherwise raw."""
        return unfold(bytes(self.content[field.value_start : field.end]))

    def text(self, field: Field) -> str:
        """Return the field's value for the human eye: encoded words decoded (RFC 2047)."""
        return decode_words(self.value(field))


def unfold(value: bytes) -> bytes:
    """Return a raw field value on one line, without the blanks and line ends around it (RFC 5322 §2.2.3)."""
    value = value.strip(b" \t\r\n")
    return _FOLD.sub(b"", value) if b"\n" in value else value


def spelt(*names: str) -> bytes:
    """Return the expression that finds one of ``names`` at the beginning of a line, as the most lenient reader does.

    Blanks, controls, octets above 127, brackets, parentheses and folds do not count, before its letters and between
    them, nor does case.
    """
    any_of = b"|".join([rb"[^!-'*-;=?-~]*+".join([re.escape(letter.encode()) for letter in name]) for name in names])
    return rb"(?im:^[^!-'*-;=?-~\n]*+(?:%s))" % any_of


def read_header(content: Content, start: int = 0, end: int | None = None) -> Header:
    """Index the header block at the start of ``content[start:end]``.

    Raises ``LimitExceeded`` over 256 KiB in all, 64 KiB in one field or 1,000 fields.
    """
    end = len(content) if end is None else end
    limit = min(end, start + HEADER_LIMIT + 2)
    fields: list[Field] = []
    stop = start
    for number, line in enumerate(_LINE.finditer(content, start, limit), 1):
        begin, stop, value = stop, line.end(), line.start(3)
        if begin == stop:
            break
        if line[1] is not None:
            return Header(content, start, tuple(fields), begin, stop)
        name = _usual_name(line[2]) if value - begin <= USUAL else _name(line[2])
        fields.append(_FIELD((name, begin, stop, value)))
        if stop - begin > FIELD_LIMIT:
            raise LimitExceeded(f"header: one field has more than {FIELD_LIMIT} bytes")
        if number > FIELDS_LIMIT:
            raise LimitExceeded(f"header: more than {FIELDS_LIMIT} fields")
    if limit < end:
        raise LimitExceeded(f"header: more than {HEADER_LIMIT} bytes before the empty line")
    return Header(content, start, tuple(fields), end, end)


def _name(octets: bytes | None) -> str:
    return octets.decode("ascii").lower() if octets else ""


_usual_name = lru_cache(1024)(_name)


def edit(
    content: bytes,
    header: Header,
    *,
    drop: Collection[Field] = (),
    replace: Mapping[Field, bytes] | None = None,
    prepend: bytes = b"",
) -> bytes:
    """Return ``content`` without the fields in ``drop``, with those in ``replace`` as given, ``prepend`` on top.

    Replacements and ``prepend`` are whole fields with their CRLF; all other bytes stay as and where they are.
    """
    changes = dict.fromkeys(drop, b"") | dict(replace or {})
    if not changes and not prepend:
        return content
    view = memoryview(content)
    pieces: list[bytes | memoryview] = [view[: header.start], prepend]
    position = header.start
    for field in sorted(changes, key=lambda field: field.start):
        pieces += (view[position : field.start], changes[field])
        position = field.end
    pieces.append(view[position:])
    return b"".join(pieces)
