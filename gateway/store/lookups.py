"""What each source of certificates said last of an address, and when it may be asked again; shared by all processes.

A look-up that failed is noted for whoever wants to know, and is due again at once: that nobody answered is no answer.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, or_, select

from gateway.mail.address import index_key
from gateway.store import schema
from gateway.store.database import Database, insert_new
from gateway.store.due import FARTHEST

FAILED = "failed"
KEPT = timedelta(days=90)
"""After this time without a question to it, what a source said is forgotten."""
PRUNE_AT_ONCE = 500
_TABLE = schema.lookups


@dataclass(frozen=True, slots=True)
class Saying:
    """What ``source`` said of ``address`` (as indexed) ``at`` that time. ``due``: when it may be asked again."""

    source: str
    address: str
    at: datetime
    result: str
    due: datetime

    @property
    def failed(self) -> bool:
        """Whether it could not be asked."""
        return self.result == FAILED

    def is_fresh(self, at: datetime) -> bool:
        """Whether it need not be asked; what was said in the future was said under a wrong clock."""
        return not self.failed and self.at <= at + FARTHEST and at < self.due


class StoredLookups:
    """All methods raise ``Fault``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, addresses: Collection[str]) -> Sequence[Saying]:
        """Return what is known of these addresses, by source and address."""
        wanted = sorted({index_key(address) for address in addresses if address.isprintable()})
        query = select(_TABLE).where(_TABLE.c.address.in_(wanted)).order_by(_TABLE.c.address, _TABLE.c.source)
        with self._database.read() as connection:
            return [_saying(row) for row in connection.execute(query)] if wanted else []

    def note(self, said: Saying) -> None:
        """Take down what a source said, in the place of what it said before."""
        row = {
            "source": said.source,
            "address": index_key(said.address),
            "at": said.at,
            "result": said.result,
            "due": said.due,
        }
        with self._database.write(lasting=False) as connection:
            before = (_TABLE.c.source == row["source"], _TABLE.c.address == row["address"])
            connection.execute(delete(_TABLE).where(*before))
            insert_new(connection, _TABLE, [row])

    def prune(self, at: datetime) -> int:
        """Remove what nobody asked about for long; return how much it was."""
        old = or_(_TABLE.c.at < at - KEPT, _TABLE.c.at > at + FARTHEST)
        pruned = 0
        while True:
            some = select(_TABLE.c.source, _TABLE.c.address).where(old).limit(PRUNE_AT_ONCE)
            with self._database.write() as connection:
                rows = connection.execute(some).all()
                for row in rows:
                    here = (_TABLE.c.source == row.source, _TABLE.c.address == row.address)
                    connection.execute(delete(_TABLE).where(*here))
            pruned += len(rows)
            if len(rows) < PRUNE_AT_ONCE:
                return pruned


def _saying(row: Row[Any]) -> Saying:
    return Saying(row.source, row.address, row.at, row.result, row.due)
