"""The held mail counted, by what it is held for."""

from dataclasses import dataclass

from sqlalchemy import func, select

from gateway.reason import Reason
from gateway.store import schema
from gateway.store.database import Database
from gateway.store.held.message import State


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` held messages that are alike."""

    reason: Reason
    state: State
    count: int


def count_held(database: Database) -> list[Share]:
    """Return all held mail by reason and state. Raises ``Fault``."""
    alike = (schema.held.c.reason, schema.held.c.state)
    with database.read() as connection:
        rows = connection.execute(select(*alike, func.count()).group_by(*alike).order_by(*alike)).all()
    return [Share(Reason(reason), State(state), count) for reason, state, count in rows]
