"""The journal: one row per message, the record as JSON beside what it is looked up by.

Sender, From and recipients are indexed in folded form, ids as ``record_names`` says, so that one is found among
millions of rows without reading them. Rows are numbered in the order in which they were begun; where several processes
write at once a lower number may appear after a higher one, which ``follow`` allows for.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, false, func, insert, or_, select

from gateway.engine.record import Record, as_json
from gateway.errors import Refused
from gateway.mail.address import index_key
from gateway.store import schema
from gateway.store.database import Database
from gateway.store.journal import record_names
from gateway.store.journal.record_names import Name
from gateway.store.pruning import prune

Document = dict[str, Any]
"""A record as a JSON object (docs/interface.md §6)."""

POLL_EVERY = 0.5
OVERLAP = 1000
"""How far behind the newest number ``follow`` still looks for rows that were committed late."""
PRUNE_AT_ONCE = 1000

# Made once: to build a statement with its values takes several times as long as to carry it out.
_ADD = insert(schema.records).returning(schema.records.c.number)
_INDEX = insert(schema.record_addresses)


@dataclass(frozen=True, slots=True)
class Query:
    """Which records. ``status``: a signature status, an encryption status or a verdict.

    ``address``: sender, From or a recipient, in any case; ``@domain`` means every address in it. ``since``: from that
    time on, ``until``: before that time, both aware. ``groups``: of one of these groups; None: of any, or of none.
    ``id``: the beginning of an id of a record, or of held mail; all records of that mail are meant.
    """

    direction: str | None = None
    status: str | None = None
    address: str | None = None
    since: datetime | None = None
    id: str | None = None
    message_id: str | None = None
    queue_id: str | None = None
    until: datetime | None = None
    groups: tuple[str, ...] | None = None


class Journal:
    """The records of this store. All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, records: Sequence[Record]) -> None:
        """Add records in one transaction; a store that is not durable may lose the last seconds' in a power failure."""
        with self._database.write(lasting=False) as connection:
            index: list[dict[str, Any]] = []
            names: list[dict[str, Any]] = []
            for record in records:
                number = connection.scalar(_ADD, _row(record))
                index += [{"number": number, "address": address} for address in sorted(_addresses(record))]
                names += record_names.rows(number, record)
            if index:
                connection.execute(_INDEX, index)
            record_names.write(connection, names)

    def get(self, beginning: str, groups: tuple[str, ...] | None = None) -> tuple[Document, list[str]]:
        """Return the record with that id or beginning of one, and the ids of all records of the same mail, in order.

        Under the id of held mail: the record of its arrival. ``groups``: of mail of these only. Raises ``Refused``.
        """
        mail = self.recent(Query(id=beginning, groups=groups), record_names.TIED)
        named = [document for document in mail if document["id"].startswith(beginning.lower())]
        return record_names.RECORD.only(named or mail[:1], beginning), [document["id"] for document in mail]

    def recent(self, query: Query = Query(), limit: int = 50) -> list[Document]:
        """Return the last ``limit`` records that match, newest last. Raises ``Refused`` for an ambiguous id."""
        return self._documents(self._numbers(query, 0, limit))

    def page(self, query: Query = Query(), after: str | None = None, limit: int = 50) -> list[Document]:
        """Return at most ``limit`` records that match, newest first, older than the one with the id ``after``.

        Raises ``Refused`` where that one is gone.
        """
        below = None if after is None else self._number(after)
        return self._documents(self._numbers(query, 0, limit, below))[::-1]

    def follow(
        self, query: Query = Query(), limit: int = 10, pause: Callable[[float], None] = time.sleep
    ) -> Iterator[Document]:
        """Yield the last ``limit`` records that match, then every new one, for ever; ``pause`` waits between looks."""
        newest = self._newest()
        seen = set(self._numbers(query, newest - OVERLAP))
        yield from self.recent(query, limit)
        while True:
            pause(POLL_EVERY)
            found = [number for number in self._numbers(query, newest - OVERLAP) if number not in seen]
            yield from self._documents(found)
            newest = max([newest, *found])
            seen = {number for number in seen.union(found) if number > newest - OVERLAP}

    def prune(self, before: datetime) -> int:
        """Delete the records received before that time; return how many. Others can write in between."""
        table = schema.records.c
        return prune(self._database, table.number, table.received_at < before, at_once=PRUNE_AT_ONCE)

    def _newest(self) -> int:
        with self._database.read() as connection:
            return connection.scalar(select(func.max(schema.records.c.number))) or 0

    def _number(self, record: str) -> int:
        table, named = schema.records.c, record_names.called(Name.RECORD, record)
        found: int | None = None
        if record.isprintable():  # as ``_names``
            with self._database.read() as connection:
                found = connection.scalar(select(table.number).where(table.id == record, table.number.in_(named)))
        if found is None:
            raise Refused(f"no record {record} is in the journal, behind which the list could go on")
        return found

    def _numbers(self, query: Query, above: int, limit: int | None = None, below: int | None = None) -> list[int]:
        """The numbers of the last matching records between two, in order."""
        number = schema.records.c.number
        last = select(number).where(number > above, *_conditions(query)).order_by(number.desc()).limit(limit)
        if below is not None:
            last = last.where(number < below)
        with self._database.read() as connection:
            if query.id is not None:
                last = last.where(number.in_(record_names.tied(connection, query.id)))
            return sorted(connection.scalars(last))

    def _documents(self, numbers: Sequence[int]) -> list[Document]:
        table = schema.records.c
        with self._database.read() as connection:
            wanted = select(table.document).where(table.number.in_(numbers)).order_by(table.number)
            return [json.loads(document) for document in connection.scalars(wanted)]


def _row(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "received_at": record.received_at,
        "direction": record.direction,
        "verdict": record.verdict,
        "signature": record.signature.status if record.signature else None,
        "encryption": record.encryption.status if record.encryption else None,
        "document": json.dumps(as_json(record), separators=(",", ":")),
    }


def _addresses(record: Record) -> set[str]:
    named = {record.sender, record.from_ or "", *record.recipients} - {""}
    return {index_key(address) for address in named if address.isprintable()}


def _conditions(query: Query) -> Iterator[ColumnElement[bool]]:
    table = schema.records.c
    if query.direction is not None:
        yield table.direction == query.direction
    if query.status is not None:
        yield _has_status(query.status)
    if query.since is not None:
        yield table.received_at >= query.since
    if query.until is not None:
        yield table.received_at < query.until
    if query.groups is not None:
        yield table.number.in_(record_names.of_groups(query.groups))
    if query.message_id is not None:
        yield table.number.in_(record_names.called(Name.MESSAGE, query.message_id))
    if query.queue_id is not None:
        yield table.number.in_(record_names.called(Name.QUEUE, query.queue_id))
    if query.address is not None:
        index = schema.record_addresses.c
        yield table.number.in_(select(index.number).where(_names(index.address, query.address)))


def _has_status(status: str) -> ColumnElement[bool]:
    table = schema.records.c
    if not status.isprintable():
        return false()  # as ``_names``
    return or_(table.signature == status, table.encryption == status, table.verdict == status)


def _names(column: Column[str], address: str) -> ColumnElement[bool]:
    if not address.isprintable():
        return false()  # in no index, and not every database takes it
    if address.startswith("@"):
        return column.endswith(address.lower(), autoescape=True)
    return column == index_key(address)
