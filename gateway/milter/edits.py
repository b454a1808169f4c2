"""Edits: what a mail server must change in a message it holds so that it becomes another one.

Header fields are known to a mail server by name and number (``chgheader``: the n-th field of that name, counted from
1) or by position (``insheader``); the body is replaced as a whole or not at all. Applied in order, the edits give the
new message byte for byte; what need not change is not touched, so a message that stays as it is has no edits at all.

Positions are those of Postfix: its own Received field, which it shows to no milter, stands first and counts; names are
found below it only. So fields are changed and dropped first, and inserted after that, from the top down. New fields at
the very top stand above that Received field (RFC 8601 §4).

Values are what follows the colon, blank included (the protocol's leading-space option), with LF for CRLF. libmilter
takes text without NUL: octets that are no UTF-8 are read as Latin-1, NUL becomes a blank. A line that is no header
field can be dropped by what stands before its colon; it cannot be made.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from gateway.engine.results import PREFIX
from gateway.engine.transaction import Octets
from gateway.errors import GatewayError
from gateway.mail.encoded_word import decode_raw

LIMIT = 2000
"""Edits of one header: a mail server looks through it from the top for each."""
FIELDS = 10_000
"""Fields that are compared one by one; each costs a hundred times its size, and a stranger may send millions."""

_NAME = re.compile(rb"[!-9;-~]++")
_NEXT_FIELD = re.compile(rb"(?<=\r\n)(?![ \t])")


class Inexpressible(GatewayError):
    """The new message holds something that a milter cannot bring about."""


@dataclass(frozen=True, slots=True)
class Change:
    """Put ``value`` into the ``number``-th field called ``name`` (in any case, from 1); an empty value drops it."""

    name: str
    number: int
    value: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert a field so that it stands at ``position``, counted from 0 with the mail server's own first field."""

    position: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Edits:
    """The edits of the header in order, and where the new body begins in the new message; None: it stays."""

    header: tuple[Change | Insert, ...]
    body: int | None


def edits(old: Octets, new: Octets) -> Edits:
    """Return what makes ``new`` of ``old``. Raises ``Inexpressible``."""
    if new is old:
        return Edits((), None)
    before, old_body = _parted(old)
    after, new_body = _parted(new)
    same = len(old) - old_body == len(new) - new_body and new.endswith(memoryview(old)[old_body:])
    if not before.startswith((b" ", b"\t")) and (b"\r\n" + after).endswith(b"\r\n" + before):
        before, after = b"", after[: len(after) - len(before)]
    header = tuple(islice(_header_edits(_fields(before), _fields(after)), LIMIT + 1))
    if len(header) > LIMIT:
        raise Inexpressible(f"more than {LIMIT} header fields would change")
    return Edits(header, None if same else new_body)


def _parted(content: Octets) -> tuple[bytes, int]:
    """Return the header, CRLF included, and where the body begins; without an empty line there is none."""
    if content.startswith(b"\r\n"):
        return b"", 2
    end = content.find(b"\r\n\r\n")
    block = bytes(content if end < 0 else content[: end + 2])
    if not block.endswith(b"\r\n"):
        block += b"\r\n"
    return block, len(content) if end < 0 else end + 4


def _fields(block: bytes) -> list[bytes]:
    """Return the fields of a header, CRLF included."""
    fields = [field for field in _NEXT_FIELD.split(block, FIELDS + 1) if field]
    if len(fields) > FIELDS:
        raise Inexpressible(f"more than {FIELDS} header fields, and not all of them stay as they are")
    return fields


def _header_edits(before: Sequence[bytes], after: Sequence[bytes]) -> Iterator[Change | Insert]:
    """Drop and change from the bottom up, so that no number shifts; then insert from the top down."""
    partners = _partners(before, after)
    numbers = Counter(_name(field) for field in before)
    for place in range(len(before) - 1, -1, -1):
        field, partner = before[place], partners.get(place)
        name = _name(field)
        if partner is None:
            yield Change(_known_as(field), numbers[name], "")
        elif after[partner] != field:
            spelled, value = _named(after[partner])
            yield Change(spelled, numbers[name], value)
        numbers[name] -= 1
    there = set(partners.values())
    top = next((position for position in range(len(after)) if position in there), len(after))
    for position, field in enumerate(after):
        if position not in there:
            yield Insert(position if position < top else position + 1, *_named(field))


def _partners(before: Sequence[bytes], after: Sequence[bytes]) -> dict[int, int]:
    """Return which old field becomes which new one, in increasing order: those that stay, and those that change."""
    stay = _common(before, after)
    partners = dict(stay)
    start, start_after = 0, 0
    for end, end_after in (*stay, (len(before), len(after))):
        _pair_by_name(before, range(start, end), after, range(start_after, end_after), partners)
        start, start_after = end + 1, end_after + 1
    return partners


def _pair_by_name(
    before: Sequence[bytes], gone: range, after: Sequence[bytes], come: range, partners: dict[int, int]
) -> None:
    """Between two fields that stay: a field that goes makes room for one of its name that comes."""
    names = [_changeable(after[place]) for place in come]
    for place in gone:
        with suppress(ValueError):
            found = names.index(_name(before[place]))
            partners[place] = come[found]
            come, names = come[found + 1 :], names[found + 1 :]


def _common(before: Sequence[bytes], after: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return the fields that both have in the same order, as many as there can be.

    Of equal fields the n-th is taken for the other's n-th, which keeps this linear and costs an edit at worst.
    """
    seen: Counter[bytes] = Counter()
    places: dict[tuple[bytes, int], int] = {}
    for place, field in enumerate(after):
        seen[field] += 1
        places[field, seen[field]] = place
    seen.clear()
    pairs: list[tuple[int, int]] = []
    for place, field in enumerate(before):
        seen[field] += 1
        if (there := places.get((field, seen[field]))) is not None:
            pairs.append((place, there))
    return _increasing(pairs)


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest part of ``pairs`` whose second numbers increase (patience sorting)."""
    tops: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, (_, there) in enumerate(pairs):
        pile = bisect_left(tops, there)
        tops[pile : pile + 1] = [there]
        ends[pile : pile + 1] = [index]
        previous.append(ends[pile - 1] if pile else -1)
    found: list[tuple[int, int]] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        found.append(pairs[index])
        index = previous[index]
    return found[::-1]


def _name(field: bytes) -> str:
    """Return the compared form of a field's name; a line that is no field has none."""
    return _parts(field)[0].decode("latin-1").lower()


def _parts(field: bytes) -> tuple[bytes, bytes]:
    """Return name and value of a field; a line that is none has no name."""
    name, colon, value = field.partition(b":")
    return (name.rstrip(b" \t") if colon and b"\n" not in name else b""), value.removesuffix(b"\r\n")


def _changeable(field: bytes) -> str | None:
    """Return the name of a new field that may take an old one's place.

    An empty value would drop that instead. In the place of a forged result that was the message's first field, ours
    would stand below the mail server's Received (row HDR-03).
    """
    name = _name(field)
    kept_on_top = name.startswith(PREFIX) or name == "authentication-results"
    return None if kept_on_top or field.endswith(b":\r\n") else name or None


def _named(field: bytes) -> tuple[str, str]:
    """Return a field's name and value as libmilter takes them."""
    name, value = _parts(field)
    if _NAME.fullmatch(name) is None:
        raise Inexpressible("the header holds a line that is no field")
    return name.decode(), decode_raw(value.replace(b"\r\n", b"\n").replace(b"\0", b" "))


def _known_as(field: bytes) -> str:
    """Return the name by which the mail server knows a line that it holds, be it one or none."""
    name, _ = _parts(field)
    try:
        known = name.decode()
    except UnicodeDecodeError:
        known = ""
    if not known or "\0" in known:
        raise Inexpressible("the header holds a line that no name can be given for")
    return known
