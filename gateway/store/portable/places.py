"""Where a store is to be filled: what has to hold before, on either database."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.portable import contents
from gateway.store.refusal import Misconfigured

_OF_NO_WEIGHT = {schema.condition.name, schema.changes.name, schema.audit_head.name}
"""What is in every store, however new."""


@dataclass(slots=True)
class Filling:
    """A store without tables, in a transaction. ``kept``: where the replaced one is, once it is there."""

    connection: Connection
    kept: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Under what conditions a store is filled. ``replace``: one that is there gives way, and is kept, named by ``at``.

    ``cure``: what to do where it is not empty.
    """

    at: datetime
    cure: str
    replace: bool = False

    def check(self, tables: Iterable[str], has_rows: Callable[[str], bool]) -> None:
        """See that nothing would be lost. Raises ``Misconfigured``."""
        ours = {table.name for table in contents.tables()} - _OF_NO_WEIGHT
        if not self.replace and any(has_rows(name) for name in sorted(ours & set(tables))):
            raise self.refusal("it is not empty")

    def refusal(self, why: str) -> Misconfigured:
        """Return why the store that is there is not given up."""
        return Misconfigured(f"the store that is to be filled is not lost by accident: {why}; {self.cure}")

    def name(self) -> str:
        """Return what the old store is called by."""
        return f"{self.at:%Y%m%dT%H%M%SZ}"


def in_use() -> Fault:
    """Return that somebody has the store open."""
    return Fault("the store is in use: stop the service on every host, and whatever else has it open, first")
