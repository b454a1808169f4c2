"""Gateways for tests: what they say of themselves, and how long they have been silent."""

from datetime import timedelta

from sqlalchemy import select, update

from gateway.store.database import Database
from gateway.store.gateways import tables
from gateway.store.gateways.presence import Presence
from gateway.store.ledger.owner import this_owner

ELSEWHERE = "gw2.example.org/17/4711"
"""A process of another host."""


def says(name: str, process: str = ELSEWHERE, doors: tuple[str, ...] = ("inbound", "outbound")) -> Presence:
    """What a gateway says of itself."""
    return Presence(name, process, "0.1.0", 2, doors, "p" * 64)


def here(name: str) -> Presence:
    """A gateway of this host, whose supervisor is this process."""
    return says(name, this_owner())


def silence(database: Database, name: str, seconds: float) -> None:
    """Have a gateway's last beat, and its election, be that long ago."""
    ago = timedelta(seconds=seconds)
    with database.write() as connection:
        for name_of, at in ((tables.gateways.c.id, "beat_at"), (tables.elected.c.gateway, "until")):
            table = name_of.table
            then = connection.scalar(select(table.c[at]).where(name_of == name))
            if then is not None:
                connection.execute(update(table).where(name_of == name).values({at: then - ago}))
