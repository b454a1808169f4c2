"""The names by which records are found again, and by which those of one mail are tied together.

A mail may have several records: of its arrival, of every attempt while it was held, of its second door. Each names what
it goes with (``held``, ``retry_of``, ``pass_of``); two that share such a name are about the same mail. Queue ids and
Message-IDs, which others chose, and names of groups are kept as hashes: any text finds its record by an index.
"""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, insert, select

from gateway.engine.record import Record
from gateway.errors import Refused
from gateway.store import schema
from gateway.store.prefix import Naming, begins

TIED = 1000
"""Records of one mail that are looked at."""
_TABLE = schema.record_names.c
_INDEX = insert(schema.record_names)
RECORD = Naming("no record has an id that begins with {}", "several ids begin with {}")


class Name(StrEnum):
    """What kind of name it is."""

    RECORD = "record"
    QUEUE = "queue"
    MESSAGE = "message"
    GROUP = "group"


def rows(number: int, record: Record) -> list[dict[str, Any]]:
    """Return the rows for a record."""
    ids = {record.id, record.held, record.retry_of, record.pass_of}
    found = {(Name.RECORD, each) for each in ids if each}
    found |= {(Name.QUEUE, hashed(record.queue_id))} if record.queue_id else set()
    found |= {(Name.MESSAGE, hashed(bare(record.message_id)))} if record.message_id else set()
    found |= {(Name.GROUP, hashed(record.group))} if record.group else set()
    return [{"number": number, "kind": kind.value, "name": name} for kind, name in sorted(found)]


def write(connection: Connection, new: list[dict[str, Any]]) -> None:
    """Add rows."""
    if new:
        connection.execute(_INDEX, new)


def called(kind: Name, text: str) -> Select[tuple[int]]:
    """Select the numbers of the records with that id, queue id or Message-ID (with or without its brackets)."""
    name = text if kind is Name.RECORD else hashed(bare(text) if kind is Name.MESSAGE else text)
    return select(_TABLE.number).where(_TABLE.kind == kind.value, _TABLE.name == name)


def of_groups(groups: Iterable[str]) -> Select[tuple[int]]:
    """Select the numbers of the records of these groups."""
    named = sorted(map(hashed, groups))
    return select(_TABLE.number).where(_TABLE.kind == Name.GROUP.value, _TABLE.name.in_(named))


def tied(connection: Connection, beginning: str) -> list[int]:
    """Return the numbers of all records of the mail that has, or is held under, the id of this beginning; none: [].

    Raises ``Refused`` where several mails have one.
    """
    if not beginning.isascii() or not beginning.isalnum():
        raise Refused(f"{beginning!r} is no id of a record and no beginning of one")
    begin = begins(_TABLE.name, beginning.lower())
    named = list(connection.scalars(select(_TABLE.name).where(_TABLE.kind == "record", begin).distinct().limit(TIED)))
    if not named:
        return []
    numbers, names = _closure(connection, named[0])
    if not names.issuperset(named):
        RECORD.only(named, beginning.lower())
    return sorted(numbers)


def _closure(connection: Connection, name: str) -> tuple[set[int], set[str]]:
    """Follow names to records and back until nothing new is found."""
    numbers: set[int] = set()
    names: set[str] = set()
    new = {name}
    while new and len(numbers) < TIED:
        names |= new
        found = set(connection.scalars(_last(_TABLE.number, _TABLE.name.in_(new)))) - numbers
        numbers |= found
        new = set(connection.scalars(_last(_TABLE.name, _TABLE.number.in_(found)))) - names if found else set()
    return numbers, names


def _last(column: Any, condition: ColumnElement[bool]) -> Select[Any]:
    return select(column).where(_TABLE.kind == "record", condition).order_by(_TABLE.number.desc()).limit(TIED)


def bare(message_id: str) -> str:
    """Return what stands between the brackets of a Message-ID, where it has any."""
    start, end = message_id.find("<"), message_id.find(">")
    return message_id[start + 1 : end] if 0 <= start < end else message_id.strip()


def hashed(text: str) -> str:
    """Return a short hash of any text, hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
