"""Several writes as one transaction of one thread: whole, or not at all, and nobody else sees a part."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from gateway.errors import Fault
from gateway.store import Store, StoreOptions, open_store

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def names(store: Store) -> list[str]:
    return [account.name for account in store.accounts.list()]


def test_all_of_it_is_committed_at_the_end(options: StoreOptions, store: Store) -> None:
    other = open_store(options, durable=True)
    with store.database.together():
        store.accounts.introduce("a", "", "", AT)
        store.accounts.introduce("b", "", "", AT)
        assert names(store) == ["a", "b"]
        assert names(other) == []
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(names, store).result() == []
    assert names(other) == names(store) == ["a", "b"]
    assert not store.database.is_apart


def test_a_failure_undoes_all_of_it(store: Store) -> None:
    with pytest.raises(RuntimeError), store.database.together():
        store.accounts.introduce("a", "", "", AT)
        raise RuntimeError
    with pytest.raises(Fault), store.database.together():
        store.accounts.introduce("a", "", "", AT)
        with store.database.write() as connection:
            connection.execute(text("INSERT INTO nowhere VALUES (1)"))
    assert names(store) == []
    store.accounts.introduce("a", "", "", AT)
    assert names(store) == ["a"]


def test_it_begins_with_the_first_write(options: StoreOptions, store: Store) -> None:
    """What is read and computed before keeps nobody waiting."""
    other = open_store(options, durable=True)
    with store.database.together():
        assert names(store) == []
        assert not store.database.is_apart
        other.accounts.introduce("other", "", "", AT)
        store.accounts.introduce("own", "", "", AT)
    assert names(store) == ["other", "own"]


def test_what_is_not_to_be_kept_is_undone_alone(store: Store) -> None:
    with store.database.together():
        store.accounts.introduce("a", "", "", AT)
        with store.database.write(keep=False):
            store.accounts.introduce("b", "", "", AT)
            assert names(store) == ["a", "b"]
        assert names(store) == ["a"]
    assert names(store) == ["a"]


def test_a_change_inside_is_seen_by_all_processes_afterwards(options: StoreOptions, store: Store) -> None:
    other = open_store(options, durable=True)
    before = store.generation.current()
    with store.database.together():
        with store.database.change():
            pass
        store.generation.expire()
        assert store.generation.current() == before
        with store.database.change():
            pass
    other.generation.expire()
    store.generation.expire()
    assert other.generation.current() == store.generation.current() == before + 2
