"""Who runs on this store: every gateway beats, and one of them is elected to do what only one may.

A gateway is one start of ``serve``. Times are the database's, the one clock that all of them share. A gateway that has
been silent for ``GONE`` has ended for all others: what its processes held is free. Nothing here is locked between two
transactions, so it works behind a pool of connections, too.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store import schema
from gateway.store.database import Database
from gateway.store.due import FARTHEST
from gateway.store.gateways import tables
from gateway.store.ledger.owner import host_of, is_alive_here

BEAT_EVERY = 3.0
"""Seconds between two beats."""
LATE = timedelta(seconds=10)
"""Silence after which nobody can say whether a gateway still runs."""
GONE = timedelta(seconds=30)
"""Silence after which it does not, for all others."""
ELECTED_FOR = timedelta(seconds=15)
"""How long an election holds without another beat."""
FORGOTTEN = timedelta(days=1)
"""Silence after which a gateway is not told of any more."""
HOUSEKEEPING = "housekeeping"
_TABLE, _ELECTED = tables.gateways, tables.elected


@dataclass(frozen=True, slots=True)
class Presence:
    """What a gateway says of itself. ``process``: its supervisor (``ledger.owner``); ``processes``: how many it has.

    ``doors``: names of its listeners and milters; ``policy``: a digest by which those under other rules are seen.
    """

    id: str
    process: str
    version: str
    processes: int
    doors: tuple[str, ...]
    policy: str


@dataclass(frozen=True, slots=True)
class Beating:
    """A gateway as the store knows it. ``schema``: the newest it can use; ``silent``: since its last beat."""

    presence: Presence
    schema: str
    started_at: datetime
    beat_at: datetime
    silent: timedelta
    elected: bool

    @property
    def host(self) -> str:
        """The machine it runs on."""
        return host_of(self.presence.process)

    @property
    def gone(self) -> bool:
        """Whether it has ended for all others."""
        return self.silent >= GONE


class StoredGateways:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, presence: Presence) -> bool:
        """Note that a gateway runs; return whether it is elected, for ``ELECTED_FOR`` from now on."""
        with self._database.write(lasting=False) as connection:
            at = database_time(connection)
            note_beat(connection, presence, at)
            return _elect(connection, presence.id, at)

    def leave(self, gateway: str) -> None:
        """Note that a gateway has ended, after all of its processes."""
        with self._database.write() as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.id == gateway))
            connection.execute(delete(_ELECTED).where(_ELECTED.c.gateway == gateway))

    def list(self) -> list[Beating]:
        """Return who runs, and who was lately silent, by host and start."""
        with self._database.read() as connection:
            found = beating(connection)
        return sorted(found, key=lambda each: (each.host, each.started_at, each.presence.id))

    def forget(self) -> None:
        """Drop those that have been silent for very long."""
        with self._database.write() as connection:
            old = _TABLE.c.beat_at < database_time(connection) - FORGOTTEN
            connection.execute(delete(_TABLE).where(old))


def database_time(connection: Connection) -> datetime:
    """Return the time by the clock that all gateways of a store share; a file's is that of its host."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def beating(connection: Connection) -> list[Beating]:
    """Return all gateways that the store knows of; one of this host whose supervisor has ended is gone."""
    at = database_time(connection)
    holder = _holder(connection, at)
    return [_beating(row, at, holder) for row in connection.execute(select(_TABLE))]


def others(connection: Connection, gateway: str) -> list[Beating]:
    """Return the other gateways that run, as far as anybody can say."""
    return [each for each in beating(connection) if each.presence.id != gateway and not each.gone]


def forget_ended(connection: Connection) -> None:
    """Drop the gateways of this host whose supervisor has ended without a word."""
    rows = connection.execute(select(_TABLE.c.id, _TABLE.c.process)).all()
    ended = [row.id for row in rows if is_alive_here(row.process) is False]
    connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(ended)))


def note_beat(connection: Connection, presence: Presence, at: datetime) -> None:
    """Write a gateway's row anew, with its beat."""
    says = {
        "process": presence.process,
        "version": presence.version,
        "schema": schema.REVISION,
        "processes": presence.processes,
        "doors": json.dumps(presence.doors),
        "policy": presence.policy,
        "beat_at": at,
    }
    row = says | {"id": presence.id, "started_at": at}
    _put(connection, _TABLE, row, says)


def _elect(connection: Connection, gateway: str, at: datetime) -> bool:
    """Elect this gateway unless another is, and have its own election go on."""
    says = {"gateway": gateway, "until": at + ELECTED_FOR}
    free = or_(_ELECTED.c.gateway == gateway, _ELECTED.c.until <= at, _ELECTED.c.until > at + FARTHEST)
    return _put(connection, _ELECTED, says | {"duty": HOUSEKEEPING}, says, free)


def _put(connection: Connection, table: Any, row: dict[str, Any], again: dict[str, Any], where: Any = None) -> bool:
    """Insert a row, or where it is there update it under a condition; return whether it was written."""
    made = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    statement = made.values(row).on_conflict_do_update(index_elements=list(table.primary_key), set_=again, where=where)
    return connection.execute(statement.returning(*table.primary_key)).first() is not None


def _holder(connection: Connection, at: datetime) -> str | None:
    held = _ELECTED.c.duty == HOUSEKEEPING, _ELECTED.c.until > at, _ELECTED.c.until <= at + FARTHEST
    return connection.scalar(select(_ELECTED.c.gateway).where(*held))


def _beating(row: Row[Any], at: datetime, holder: str | None) -> Beating:
    presence = Presence(row.id, row.process, row.version, row.processes, tuple(json.loads(row.doors)), row.policy)
    silent = max(at - row.beat_at, timedelta())
    if is_alive_here(row.process) is False:
        silent = max(silent, GONE)
    return Beating(presence, row.schema, row.started_at, row.beat_at, silent, row.id == holder)


def doors_elsewhere(connection: Connection, gateway: str, own: Iterable[str]) -> frozenset[str]:
    """Return the doors that other gateways have and this one has not."""
    theirs = (each.presence.doors for each in others(connection, gateway))
    return frozenset(name for doors in theirs for name in doors) - frozenset(own)
