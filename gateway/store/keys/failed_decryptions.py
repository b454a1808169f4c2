"""How often each key failed to decrypt, over all processes that share the store."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, insert, select

from gateway.store import schema
from gateway.store.columns import microseconds
from gateway.store.database import Database
from gateway.store.pruning import prune

PRUNE_AT_ONCE = 10_000
WINDOW = timedelta(hours=1)
_TABLE = schema.failed_decryptions
_NEAR = (
    select(func.count())
    .select_from(_TABLE)
    .where(_TABLE.c.key == bindparam("of"), _TABLE.c.at > bindparam("after"), _TABLE.c.at <= bindparam("until"))
)


class StoredFailures:
    """Answers ``engine.wants.FailuresOf``. All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._near = database.query(_NEAR)

    def count(self, key: str, at: datetime) -> int:
        """Return how often the key failed within the hour.

        One that lies farther ahead was noted before the clock was set back, and would count for ever.
        """
        after, until = microseconds(at - WINDOW), microseconds(at + WINDOW)
        ((count,),) = self._near(of=key, after=after, until=until)
        return int(count)

    def note(self, key: str, at: datetime) -> None:
        """Count a failure. As durable as what a success leaves, so that both take the same time."""
        with self._database.write() as connection:
            connection.execute(insert(_TABLE).values(key=key, at=at))

    def prune(self, at: datetime) -> int:
        """Forget what counts no more; return how many."""
        old = (_TABLE.c.at <= at - WINDOW) | (_TABLE.c.at > at + WINDOW)
        return prune(self._database, _TABLE.c.number, old, at_once=PRUNE_AT_ONCE)
