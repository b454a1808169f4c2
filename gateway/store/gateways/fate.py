"""Whether a process that holds something in the store still runs, as far as one of another gateway can tell."""

from enum import Enum

from sqlalchemy import Connection, select

from gateway.store.gateways import tables
from gateway.store.gateways.presence import GONE, LATE, database_time
from gateway.store.ledger.owner import gateway_of, host_of, is_alive_here

_TABLE = tables.gateways


class Fate(Enum):
    """What is known of a process."""

    RUNS = "runs"
    ENDED = "ended"
    SILENT = "silent"
    """Its gateway should have beaten by now."""
    UNKNOWN = "unknown"
    """It is another host's, of a version that does not beat."""


def fate(connection: Connection, owner: str, here: str) -> Fate:
    """Return what is known of ``owner`` to the process ``here``: of its own host at once, of others by their beats."""
    alive = is_alive_here(owner, host_of(here))
    if alive is not None:
        return Fate.RUNS if alive else Fate.ENDED
    gateway = gateway_of(owner)
    if not gateway:
        return Fate.UNKNOWN
    beat_at = connection.scalar(select(_TABLE.c.beat_at).where(_TABLE.c.id == gateway))
    silent = GONE if beat_at is None else database_time(connection) - beat_at
    if silent >= GONE:
        return Fate.ENDED
    return Fate.SILENT if silent >= LATE else Fate.RUNS
