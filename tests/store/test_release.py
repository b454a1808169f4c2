"""A release runs on its own schema and on the next one's, and does not migrate under others unless it is told to."""

import pytest
from sqlalchemy import update

from gateway.errors import Fault
from gateway.store import Misconfigured, Store, StoreOptions, open_store, schema
from gateway.store.gateways import tables
from gateway.store.gateways.presence import GONE
from tests.store.gateways.around import says, silence

LATER = "9999"


def made_by(store: Store, revision: str, release: int) -> None:
    """Have the store say that it is of another release."""
    with store.database.write() as connection:
        connection.execute(update(schema.version).values(version_num=revision))
        connection.execute(update(schema.condition).values(release=release))


@pytest.fixture
def running(store: Store) -> Store:
    """A store of the release before, on which a gateway of that release runs."""
    store.gateways.beat(says("old"))
    with store.database.write() as connection:
        connection.execute(update(tables.gateways).values(schema="0011"))
    made_by(store, "0011", schema.RELEASE)
    return store


def test_a_store_of_the_next_release_is_used_as_it_is(store: Store, options: StoreOptions) -> None:
    made_by(store, LATER, schema.RELEASE + 1)
    next_one = open_store(options, durable=True)
    assert next_one.journal.recent() == []
    with next_one.database.read() as connection:
        assert connection.scalar(schema.version.select()) == LATER


def test_a_store_two_releases_ahead_is_refused(store: Store, options: StoreOptions) -> None:
    made_by(store, LATER, schema.RELEASE + 2)
    with pytest.raises(Misconfigured, match="newer version"):
        open_store(options, durable=True)


def test_a_migration_waits_for_those_that_run_under_the_old_schema(
    running: Store, options: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "REVISION", LATER)
    with pytest.raises(Fault, match=r"older version run on this store \(gw2\.example\.org\).* store migrate"):
        open_store(options, durable=True)
    open_store(options, durable=True, migrate_under_others=True)


def test_it_waits_no_longer_when_the_last_of_them_has_ended(
    running: Store, options: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "REVISION", LATER)
    silence(running, "old", GONE.total_seconds() + 1)
    open_store(options, durable=True)


def test_those_that_could_not_use_the_new_schema_have_to_be_stopped(
    running: Store, options: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a release and the one after the next, or of the one before where the store is at the next already."""
    monkeypatch.setattr(schema, "REVISION", LATER)
    monkeypatch.setattr(schema, "RELEASE", schema.RELEASE + 2)
    with pytest.raises(Fault, match="stop them first"):
        open_store(options, durable=True, migrate_under_others=True)
    monkeypatch.setattr(schema, "RELEASE", schema.RELEASE - 1)
    made_by(running, "0012", schema.RELEASE - 1)
    with pytest.raises(Fault, match="could not use the new schema"):
        open_store(options, durable=True, migrate_under_others=True)
