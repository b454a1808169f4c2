"""What is old goes in slices, each a transaction of its own; what is not old stays."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, insert, select

from gateway.store import Store, schema
from gateway.store.pruning import prune

AT = datetime(2026, 6, 1, tzinfo=UTC)
OLD = AT - timedelta(days=1)


@pytest.mark.parametrize(("old", "slices"), [(0, 1), (9, 1), (10, 2), (25, 3)])
def test_it_goes_slice_by_slice(store: Store, old: int, slices: int) -> None:
    table = schema.failed_decryptions
    rows = [{"key": "k", "at": OLD if number < old else AT} for number in range(old + 4)]
    began: list[Connection] = []
    with store.database.write() as connection:
        connection.execute(insert(table), rows)
    gone = prune(store.database, table.c.number, table.c.at < AT, at_once=10, first=began.append)
    with store.database.read() as connection:
        left = connection.scalar(select(func.count()).select_from(table))
    assert (gone, left, len(began)) == (old, 4, slices)


def test_of_a_key_in_several_columns_only_what_is_old_goes(store: Store) -> None:
    table = schema.opened_mail
    rows = [
        {"name": b"n" * 16, "author": bytes([number]) * 16, "setting": "warn", "at": OLD if number < 7 else AT}
        for number in range(9)
    ]
    with store.database.write() as connection:
        connection.execute(insert(table), rows)
    assert prune(store.database, table.c.name, table.c.at < AT, at_once=2) == 7
    assert prune(store.database, table.c.name, table.c.at < AT, at_once=2) == 0
