"""Sessions of people at the console; the browser holds a secret, the store its hash."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select, update

from gateway.errors import Absent
from gateway.store import schema
from gateway.store.accounts.secret import new_secret, secret_id
from gateway.store.database import Database

IDLE, ABSOLUTE, OWING = timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=5)
"""How long a session lasts without use, at most, and while a one-time code is owed."""
AGENT_SIZE = 200
"""Characters of what a browser says of itself."""
_TABLE = schema.sessions


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. ``id`` names it and gives nothing away; ``complete``: he owes no one-time code any more."""

    id: str
    account: str
    complete: bool
    created_at: datetime
    used_at: datetime
    client: str
    agent: str


class StoredSessions:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, account: str, client: str, agent: str, at: datetime, *, complete: bool) -> tuple[str, Session]:
        """Begin a session; return the secret that the browser gets, and it."""
        secret = new_secret()
        session = Session(secret_id(secret), account, complete, at, at, client, agent[:AGENT_SIZE])
        row = {name: getattr(session, name) for name in Session.__slots__}
        with self._database.write(lasting=False) as connection:
            connection.execute(insert(_TABLE).values(**row))
        return secret, session

    def find(self, secret: str, at: datetime) -> Session | None:
        """Return the session with that secret, unless it is over."""
        alive = _TABLE.c.id == secret_id(secret), ~_over(at)
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE).where(*alive)).first()
        return None if row is None else _session(row)

    def list(self, account: str | None, at: datetime) -> list[Session]:
        """Return the sessions that are not over, of one account or of all, last used first."""
        wanted = select(_TABLE).where(~_over(at)).order_by(_TABLE.c.used_at.desc(), _TABLE.c.id)
        if account is not None:
            wanted = wanted.where(_TABLE.c.account == account)
        with self._database.read() as connection:
            return list(map(_session, connection.execute(wanted)))

    def touch(self, name: str, at: datetime) -> None:
        """Note that a session is in use."""
        with self._database.write(lasting=False) as connection:
            connection.execute(update(_TABLE).where(_TABLE.c.id == name).values(used_at=at))

    def forget(self, name: str) -> None:
        """End one, if it is there."""
        with self._database.write() as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.id == name))

    def end(self, name: str) -> Session:
        """End one and return it. Raises ``Absent``."""
        with self._database.write() as connection:
            row = connection.execute(select(_TABLE).where(_TABLE.c.id == name)).first()
            if row is None:
                raise Absent("there is no such session any more")
            connection.execute(delete(_TABLE).where(_TABLE.c.id == name))
        return _session(row)

    def end_of(self, account: str, keep: str = "") -> None:
        """End all of an account, but for the one with the id ``keep``."""
        with self._database.write() as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.account == account, _TABLE.c.id != keep))

    def prune(self, at: datetime) -> None:
        """Delete those that are over."""
        with self._database.write(lasting=False) as connection:
            connection.execute(delete(_TABLE).where(_over(at)))


def _over(at: datetime) -> ColumnElement[bool]:
    table = _TABLE.c
    return or_(
        table.used_at <= at - IDLE,
        table.created_at <= at - ABSOLUTE,
        ~table.complete & (table.created_at <= at - OWING),
    )


def _session(row: Row[Any]) -> Session:
    return Session(**{name: getattr(row, name) for name in Session.__slots__})
