"""The id under which all gateways of a store judge arriving mail: their results are each other's.

What one wrote under its id another must know for its own, else mail is judged twice and a forged result stays. So the
store keeps the id; it changes only while no other gateway runs, and those it had before are removed like its own.
"""

import json

from sqlalchemy import Connection, select, update

from gateway.store import schema
from gateway.store.database import Database
from gateway.store.gateways.presence import Presence, database_time, forget_ended, note_beat, others
from gateway.store.refusal import Misconfigured

_TABLE = schema.condition
FORMER_IDS = 100
"""Of more, the oldest are forgotten."""


class StoredIdentity:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_up(self, presence: Presence, authserv_id: str) -> str | None:
        """Have a gateway begin to run under an id; return the one whose place that took, if it did.

        Raises ``Misconfigured`` where another gateway runs under another id.
        """
        with self._database.write() as connection:
            # The row is locked first, so that two that start at once see each other.
            stored = connection.scalar(select(_TABLE.c.authserv_id).with_for_update())
            replaced = None if stored in (None, authserv_id) else stored
            if replaced is not None and (running := others(connection, presence.id)):
                raise Misconfigured(
                    f"authserv_id: the gateway at {running[0].host} runs on this store under {replaced}: write that,"
                    f" or stop all gateways before the first begins under {authserv_id}"
                )
            if stored != authserv_id:
                _replace(connection, authserv_id, replaced)
            forget_ended(connection)
            note_beat(connection, presence, database_time(connection))
        return replaced

    def former(self) -> tuple[str, ...]:
        """Return the ids that were in use before."""
        with self._database.read() as connection:
            return _former(connection)


def _replace(connection: Connection, authserv_id: str, replaced: str | None) -> None:
    former = [name for name in (*_former(connection), replaced) if name not in (None, authserv_id)]
    kept = json.dumps(list(dict.fromkeys(former))[-FORMER_IDS:])
    connection.execute(update(_TABLE).values(authserv_id=authserv_id, former_ids=kept))


def _former(connection: Connection) -> tuple[str, ...]:
    return tuple(json.loads(connection.scalar(select(_TABLE.c.former_ids)) or "[]"))
