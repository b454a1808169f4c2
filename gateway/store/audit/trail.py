"""The audit log in the store: entered, read, verified, and at its old end pruned."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Text, delete, insert, select, type_coerce, update

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.audit.chain import Entry, Link, Stored, stored
from gateway.store.database import Database

EFFECTS_IN_A_ROW = 100
"""What concerns more objects takes several rows, so that none is large."""
AT_ONCE = 500
"""Rows that are read or pruned at once."""
_TABLE, _HEAD = schema.audit, schema.audit_head
_RAW = select(
    _TABLE.c.sequence,
    type_coerce(_TABLE.c.at, BigInteger).label("at"),
    _TABLE.c.actor_kind,
    type_coerce(_TABLE.c.actor, Text).label("actor"),
    _TABLE.c.verb,
    _TABLE.c.effects,
    _TABLE.c.previous,
    _TABLE.c.hash,
)
"""Rows as they are stored, whatever somebody made of them."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the log and its place."""

    link: Link
    entry: Entry


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of following the chain. ``rows``: how many hold, behind ``pruned``; ``last``: the last of them.

    ``broken``: number of the first that does not; ``fault``: in which way. None: all is well.
    """

    rows: int
    pruned: Link
    last: Link
    broken: int | None = None
    fault: str | None = None


class StoredAudit:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, entry: Entry) -> Link:
        """Write an entry behind all others; return its (last) place."""
        with self._database.write() as connection:
            link = _last(connection)
            for start in range(0, len(entry.effects), EFFECTS_IN_A_ROW):
                some = replace(entry, effects=entry.effects[start : start + EFFECTS_IN_A_ROW])
                link = _write(connection, some, link)
            connection.execute(update(_HEAD).values(sequence=link.sequence, hash=link.hash))
        return link

    def page(self, before: int | None, limit: int) -> list[AuditRow]:
        """Return at most ``limit`` rows with smaller numbers than ``before``, newest first."""
        wanted = _RAW.order_by(_TABLE.c.sequence.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(_TABLE.c.sequence < before)
        with self._database.read() as connection:
            rows = connection.execute(wanted).all()
        return [_read(_stored(row)) for row in rows]

    def verify(self) -> Verified:
        """Follow the chain from its beginning, or from what was pruned last, to its head; so many rows at a time."""
        with self._database.snapshot() as connection:
            head = connection.execute(select(_HEAD)).first()
            if head is None:
                return Verified(0, Link(), Link(), 1, "the head of the log is missing")
            pruned = last = Link(head.pruned_sequence, head.pruned_hash)
            rows = 0
            for row in _all(connection):
                if fault := _fault(row, last):
                    return Verified(rows, pruned, last, min(row.sequence, last.sequence + 1), fault)
                last = Link(row.sequence, row.hash)
                rows += 1
        return _against(Link(head.sequence, head.hash), Verified(rows, pruned, last))

    def prune(self, before: datetime) -> int:
        """Delete rows older than ``before``, as far as no newer one stands before them; return how many.

        The last that goes stays known by number and hash, so that the chain begins there.
        """
        pruned = 0
        while gone := self._prune_some(before):
            pruned += gone
        return pruned

    def _prune_some(self, before: datetime) -> int:
        number = _TABLE.c.sequence
        some = select(number, _TABLE.c.hash, _TABLE.c.at).order_by(number).limit(AT_ONCE)
        with self._database.write() as connection:
            _last(connection)
            old = list(takewhile(lambda row: row.at < before, connection.execute(some)))
            if old:
                connection.execute(update(_HEAD).values(pruned_sequence=old[-1].sequence, pruned_hash=old[-1].hash))
                connection.execute(delete(_TABLE).where(number <= old[-1].sequence))
        return len(old)


def _last(connection: Connection) -> Link:
    """Return the last row's place, and keep others from writing behind it. Raises ``Fault``."""
    head = connection.execute(select(_HEAD.c.sequence, _HEAD.c.hash).with_for_update()).first()
    if head is None:
        raise Fault("the audit log cannot be written: its head is missing; restore a backup")
    return Link(head.sequence, head.hash)


def _write(connection: Connection, entry: Entry, last: Link) -> Link:
    row = stored(entry, last)
    values = {name: getattr(row, name) for name in Stored.__slots__} | {"at": entry.at, "actor": entry.actor}
    connection.execute(insert(_TABLE).values(**values))
    return Link(row.sequence, row.hash)


def _all(connection: Connection) -> Iterator[Stored]:
    """Yield all rows in their order."""
    number, after = _TABLE.c.sequence, -1
    while rows := connection.execute(_RAW.where(number > after).order_by(number).limit(AT_ONCE)).all():
        yield from map(_stored, rows)
        after = rows[-1].sequence


def _stored(row: Row[Any]) -> Stored:
    return Stored(**row._asdict())


def _fault(row: Stored, last: Link) -> str | None:
    """Say in which way a row does not stand behind the ``last`` one."""
    if row.sequence > last.sequence + 1:
        return "is missing"
    if row.sequence <= last.sequence:
        return f"was inserted: the log was pruned up to {last.sequence}"
    if row.previous != last.hash:
        return "does not stand behind the row before it: one of the two was changed"
    return None if row.linked() == row else "was changed"


def _against(head: Link, found: Verified) -> Verified:
    """Compare the last row with the head that is kept apart."""
    if found.last == head:
        return found
    if found.last.sequence < head.sequence:
        return replace(found, broken=found.last.sequence + 1, fault=f"is missing: the log once reached {head.sequence}")
    fault = "was changed" if found.last.sequence == head.sequence else "was added behind the end of the log"
    return replace(found, broken=max(head.sequence, 0) + (found.last.sequence > head.sequence), fault=fault)


def _read(row: Stored) -> AuditRow:
    try:
        return AuditRow(Link(row.sequence, row.hash), row.entry())
    except (ValueError, TypeError, OverflowError) as error:
        raise Fault(f"row {row.sequence} of the audit log cannot be read: see audit verify") from error
