"""PostgreSQL: one transaction, in which the old tables move into a schema of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, bindparam, text

from gateway.store import migrate, schema
from gateway.store.columns import metadata
from gateway.store.database import open_database
from gateway.store.gateways import tables
from gateway.store.gateways.presence import beating
from gateway.store.portable.places import Claim, Filling, in_use

# What is made of one table, as a month of it, does not move with it.
_THERE = text(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND (c.relname IN :names OR EXISTS ("
    " SELECT 1 FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent"
    " WHERE i.inhrelid = c.oid AND p.relname IN :names))"
).bindparams(bindparam("names", expanding=True))


@contextmanager
def filled_database(url: str, claim: Claim) -> Iterator[Filling]:
    """Give an empty store to fill, which is the one at ``url`` when the transaction ends.

    Raises ``Fault`` where somebody has it open or it cannot be reached, ``Misconfigured`` where it is not empty.
    """
    database = open_database(url, Path(), durable=True, wait=5.0)
    try:
        with database.write() as connection:
            migrate.lock(connection)
            names = [*metadata.tables, schema.version.name]
            there = list(connection.scalars(_THERE, {"names": names}))
            if tables.gateways.name in there and not all(each.gone for each in beating(connection)):
                raise in_use()
            claim.check(there, lambda table: _has_rows(connection, table))
            yield Filling(connection, _put_aside(connection, there, claim))
    finally:
        database.close()


def _has_rows(connection: Connection, table: str) -> bool:
    return connection.execute(text(f'SELECT 1 FROM "{table}" LIMIT 1')).first() is not None  # noqa: S608 - ours


def _put_aside(connection: Connection, there: list[str], claim: Claim) -> str | None:
    """Move the old tables away, or drop them where they are empty; return the name of their schema."""
    if not claim.replace or not there:
        for table in there:
            connection.execute(text(f'DROP TABLE IF EXISTS "{table}" CASCADE'))
        return None
    kept = f"replaced_{claim.name()}"
    connection.execute(text(f'CREATE SCHEMA "{kept}"'))
    for table in there:
        connection.execute(text(f'ALTER TABLE "{table}" SET SCHEMA "{kept}"'))
    return f"schema {kept}"
