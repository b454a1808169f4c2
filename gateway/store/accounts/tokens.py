"""Tokens: what programs sign in with at the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update

from gateway.errors import Absent, Conflict
from gateway.store import schema
from gateway.store.accounts.secret import secret_id
from gateway.store.database import Database, insert_new

_TABLE = schema.tokens
_LISTS = ("scopes", "groups", "clients")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token allows. ``groups``, ``clients`` (networks): none means all; ``until``: None, for ever."""

    name: str
    scopes: tuple[str, ...]
    groups: tuple[str, ...]
    clients: tuple[str, ...]
    until: datetime | None
    created_at: datetime
    created_by: str
    used_at: datetime | None = None


class StoredTokens:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[Token]:
        """Return all, by name, those that are over, too."""
        with self._database.read() as connection:
            return list(map(_token, connection.execute(select(_TABLE).order_by(_TABLE.c.name))))

    def find(self, secret: str) -> Token | None:
        """Return the one with that secret."""
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE).where(_TABLE.c.hash == secret_id(secret))).first()
        return None if row is None else _token(row)

    def issue(self, token: Token, secret: str) -> None:
        """Keep a new one. Raises ``Conflict`` where there is one of that name."""
        row = {name: getattr(token, name) for name in Token.__slots__}
        row |= {name: "\n".join(row[name]) for name in _LISTS} | {"hash": secret_id(secret)}
        with self._database.write() as connection:
            if not insert_new(connection, _TABLE, [row]):
                raise Conflict(f"there is a token {token.name!r} already")

    def revoke(self, name: str) -> None:
        """Delete one. Raises ``Absent``."""
        with self._database.write() as connection:
            if not connection.execute(delete(_TABLE).where(_TABLE.c.name == name)).rowcount:
                raise Absent(f"there is no token {name!r}")

    def used(self, name: str, at: datetime) -> None:
        """Note that one is in use."""
        with self._database.write(lasting=False) as connection:
            connection.execute(update(_TABLE).where(_TABLE.c.name == name).values(used_at=at))


def _token(row: Row[Any]) -> Token:
    values = {name: getattr(row, name) for name in Token.__slots__}
    return Token(**values | {name: tuple(filter(None, values[name].split("\n"))) for name in _LISTS})
