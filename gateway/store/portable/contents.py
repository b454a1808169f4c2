"""What of a store is taken along: every table of the schema but those of ``LEFT_BEHIND``, each row as it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Select, Table, select, type_coerce
from sqlalchemy.types import TypeDecorator

from gateway.store import schema
from gateway.store.columns import metadata

LEFT_BEHIND: Mapping[str, str] = {
    "sessions": "who is signed in signs in again; one that was ended since would be good again",
    "gateways": "who runs on this store, by beats that are seconds old",
    "elected": "a lease of one of them, of seconds",
    "failed_sign_ins": "failures in a row, of the last minutes",
}
"""Tables that stay where they are, each with the reason."""
FIRST = schema.condition
"""It says under which key everything else is, so it is read before all else."""
ROWS_AT_ONCE = 500
BLOBS_AT_ONCE = 4
"""Rows read at once of a table with octets of any length: a piece of held mail has a megabyte, a CRL up to 32."""

Value = None | bool | int | str | bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of one table, each with a value for every one of ``columns``."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple[Value, ...]]


def tables() -> list[Table]:
    """Return the tables that are taken along, each behind those that it refers to."""
    taken = [table for table in metadata.sorted_tables if table.name not in LEFT_BEHIND]
    return [FIRST, *(table for table in taken if table is not FIRST)]


def read(connection: Connection) -> Iterator[Batch]:
    """Yield all of them; ``connection`` has to see the store at one moment (``Database.snapshot``)."""
    for table in tables():
        columns = tuple(column.name for column in table.columns)
        size = BLOBS_AT_ONCE if any(map(_is_large, table.columns)) else ROWS_AT_ONCE
        with connection.execution_options(yield_per=size).execute(_as_stored(table)) as found:
            for rows in found.partitions():
                yield Batch(table.name, columns, [tuple(row) for row in rows])


def _as_stored(table: Table) -> Select[Any]:
    """Select all of a table as the database holds it: a time is a number, foreign text its JSON."""
    return select(*(_plain(column) for column in table.columns))


def _plain(column: Column[Any]) -> Any:
    kind = column.type
    return type_coerce(column, kind.impl_instance) if isinstance(kind, TypeDecorator) else column


def _is_large(column: Column[Any]) -> bool:
    return isinstance(column.type, LargeBinary) and column.type.length is None
