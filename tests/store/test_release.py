"""A release runs on its own schema and on the next one's, and does not migrate under others unless it is told to."""

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from gateway.errors import Fault
from gateway.store import Misconfigured, Store, StoreOptions, open_store, schema
from gateway.store.database import Database
from gateway.store.gateways import tables
from gateway.store.gateways.presence import GONE, StoredGateways
from gateway.store.migrate import BEATS
from tests.store.gateways.around import says, silence
from tests.store.older import older_store

LATER = "9999"


def made_by(store: Store, revision: str, release: int) -> None:
    """Have the store say that it is of another release."""
    with store.database.write() as connection:
        connection.execute(update(schema.version).values(version_num=revision))
        connection.execute(update(schema.condition).values(release=release))


@pytest.fixture
def running(unmade: StoreOptions) -> Iterator[Database]:
    """The store of an older version, which has ``BEATS``, and a gateway of that version that runs on it."""
    with older_store(unmade, BEATS) as database:
        StoredGateways(database).beat(says("old"))
        with database.write() as connection:
            connection.execute(update(tables.gateways).values(schema=BEATS))
        yield database


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


def test_a_migration_waits_for_those_that_run_under_the_old_schema(running: Database, unmade: StoreOptions) -> None:
    with pytest.raises(Fault, match=r"older version run on this store \(gw2\.example\.org\).* store migrate"):
        open_store(unmade, durable=True)
    migrated = open_store(unmade, durable=True, migrate_under_others=True)
    assert open_store(unmade, durable=True).gateways.beat(says("new")) is False
    assert {each.presence.id for each in migrated.gateways.list()} == {"old", "new"}
    assert StoredGateways(running).beat(says("old")), "it goes on"


def test_it_waits_no_longer_when_the_last_of_them_has_ended(running: Database, unmade: StoreOptions) -> None:
    silence(running, "old", GONE.total_seconds() + 1)
    open_store(unmade, durable=True)


def test_those_that_could_not_use_the_new_schema_have_to_be_stopped(
    running: Database, unmade: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would find a schema two releases ahead."""
    monkeypatch.setattr(schema, "RELEASE", schema.RELEASE + 2)
    with pytest.raises(Fault, match="could not use the new schema"):
        open_store(unmade, durable=True, migrate_under_others=True)


def test_a_gateway_of_the_release_before_the_stores_cannot_use_the_one_after_it(
    running: Database, unmade: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is at the second release's schema, on which one of the first runs; the third wants to migrate."""
    with running.write() as connection:
        connection.execute(update(tables.gateways).values(schema="0010"))
    monkeypatch.setattr(schema, "RELEASE", schema.RELEASE + 1)
    with pytest.raises(Fault, match="could not use the new schema"):
        open_store(unmade, durable=True, migrate_under_others=True)
