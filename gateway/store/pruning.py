"""Deleting what is old a slice at a time, so that others can write in between."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, delete, select

from gateway.store.database import Database


def prune(
    database: Database,
    key: Column[Any],
    *old: ColumnElement[bool],
    at_once: int,
    first: Callable[[Connection], object] = lambda _: None,
) -> int:
    """Delete the rows of ``key``'s table that are ``old``; return how many. Raises ``Fault``.

    ``key``: the primary key or its first column. About ``at_once`` are deleted in a transaction, which begins with
    ``first``.
    """
    some, pruned = select(key).where(*old).limit(at_once), 0
    while True:
        with database.write() as connection:
            first(connection)
            gone = connection.execute(delete(key.table).where(key.in_(some), *old)).rowcount
        pruned += gone
        if gone < at_once:
            return pruned
