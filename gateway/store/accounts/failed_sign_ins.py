"""Failed sign-ins in a row, by the name that was given and the client's network.

A failure is noted before the password is looked at, and taken back when it was right: so many attempts at once are no
way around the pause.
"""

import hashlib
import ipaddress
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, case, delete, select, update

from gateway import backoff
from gateway.store import schema
from gateway.store.database import Database, insert_new

FREE = 5
"""Failures without a pause after them."""
FIRST, LONGEST = timedelta(seconds=2), timedelta(minutes=15)
KEPT = timedelta(hours=1)
"""After so long without an attempt all is forgotten."""
NOTHING = timedelta()
IPV6_NETWORK = 64
"""Bits: what one customer has, all of it."""
_TABLE = schema.failed_sign_ins


class StoredFailedSignIns:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def attempt(self, name: str, client: str, at: datetime) -> timedelta:
        """Begin an attempt, and return nothing; or return how long to wait, and begin none.

        ``client``: an IP address, or any other name of where the attempt comes from.
        """
        this = _TABLE.c.id == _id(name, client)
        with self._database.read() as connection:
            if wait := _wait(connection, this, at):
                return wait  # without a write: whoever tries without a pause must not keep others from writing
        with self._database.write(lasting=False) as connection:
            insert_new(connection, _TABLE, [{"id": _id(name, client), "failures": 0, "at": at}])
            # Writing the row takes its lock: of several attempts at once each sees those before it.
            connection.execute(update(_TABLE).where(this).values(id=_TABLE.c.id))
            if wait := _wait(connection, this, at):
                return wait
            failures = case((_TABLE.c.at < at - KEPT, 1), else_=_TABLE.c.failures + 1)
            connection.execute(update(_TABLE).where(this).values(failures=failures, at=at))
        return NOTHING

    def prune(self, at: datetime) -> None:
        """Forget what was long ago."""
        with self._database.write(lasting=False) as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.at < at - KEPT))

    def succeeded(self, name: str, client: str) -> None:
        """Take the failures back: the attempt was no failure."""
        with self._database.write(lasting=False) as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.id == _id(name, client)))


def _wait(connection: Connection, this: ColumnElement[bool], at: datetime) -> timedelta:
    row = connection.execute(select(_TABLE.c.failures, _TABLE.c.at).where(this)).first()
    if row is None or row.failures < FREE or row.at < at - KEPT:
        return NOTHING
    pause: timedelta = backoff.pause(row.failures - FREE + 1, FIRST, LONGEST)
    # A clock that was set back must not make anybody wait for longer than that.
    since: timedelta = at - row.at
    return min(max(pause - since, NOTHING), pause)


def _id(name: str, client: str) -> str:
    text = f"{name}\0{_network(client)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _network(client: str) -> str:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    mapped = address.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(address), IPV6_NETWORK), strict=False))
