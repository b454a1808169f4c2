"""A store of the version before is brought up to date, whole or not at all.

``before/`` holds dumps that the version with schema 0008 wrote, one of each database, with one of each kind of
certificate, a key, a CRL, a held message and a record. Their key-encryption key is the bytes 0 to 31.
"""

import base64
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select, update

from gateway.pki.self_issued import read_as
from gateway.policy.state import State
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.certificates.facts import facts
from gateway.store.certificates.said import Origin, Trust
from gateway.store.database import open_database
from gateway.store.held.message import State as HeldState

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE = Path(__file__).parent / "before"
NOTHING_SAID = {"changed_at": None, "changed_by": None}


@pytest.fixture
def old(unmade: StoreOptions) -> StoreOptions:
    """Options of a store as the version before left it."""
    options = unmade
    options.state.mkdir(mode=0o700, exist_ok=True)
    (options.state / "kek").touch(mode=0o600)
    (options.state / "kek").write_bytes(base64.b64encode(bytes(range(32))) + b"\n")
    if options.database == "sqlite":
        path = options.state / "store.db"
        path.touch(mode=0o600)
        connection = sqlite3.connect(path)
        connection.executescript((BEFORE / "0008.sqlite.sql").read_text())
        connection.close()
        return options
    import psycopg

    with psycopg.connect(options.database.replace("+psycopg", ""), autocommit=True) as server:
        server.execute((BEFORE / "0008.postgresql.sql").read_bytes())
    return options


@pytest.fixture
def store(old: StoreOptions) -> Iterator[Store]:
    opened = open_store(old, durable=True)
    yield opened
    opened.close()


def rows(store: Store) -> list[Any]:
    with store.database.read() as connection:
        return list(connection.execute(select(schema.certificates)))


def test_every_certificate_has_its_columns(store: Store) -> None:
    for row in rows(store):
        certificate = read_as(row.der, is_ca=row.is_ca)
        expected = facts(certificate) | NOTHING_SAID
        assert {name: getattr(row, name) for name in expected} == expected
    assert len(rows(store)) == 10


def test_origin_and_trust_stand_apart(store: Store) -> None:
    names = {row.mail_names: (Origin(row.origin), Trust(row.trust), row.pending) for row in rows(store)}
    assert names['["waits@example.com"]'] == (Origin.LEARNED, Trust.NONE, True)
    assert names['["learned@example.com"]'] == (Origin.LEARNED, Trust.NONE, False)
    assert names['["was@example.com"]'] == (Origin.IMPORTED, Trust.TRUSTED, False)
    assert names['["none@example.com"]'] == (Origin.IMPORTED, Trust.NONE, False)
    assert names['["bad@example.com"]'] == (Origin.IMPORTED, Trust.DISTRUSTED, False)


def test_all_of_it_is_there_and_serves(store: Store) -> None:
    found = store.certificates.find(["support@example.org", "waits@example.com"], AT)
    own = next(item for item in found["support@example.org"] if item.has_key)
    assert store.keys.key(own.certificate.public_key_id) is not None
    (waits,) = found["waits@example.com"]
    assert (waits.learned, waits.trusted, waits.capabilities) == (True, False, frozenset({"aes-256-gcm"}))
    names = [own.certificate.fingerprint, waits.certificate.fingerprint]
    states = [item.status.state for item in store.listing.of(names, AT)]
    assert states == [State.CURRENT, State.PENDING]
    assert [item.state for item in store.held.list()] == [HeldState.WAITING]
    assert len(store.journal.recent()) == 1
    assert len(store.revocation_lists.list()) == 1


def test_a_certificate_that_cannot_be_read_any_more_keeps_nothing_shut(old: StoreOptions) -> None:
    database = open_database(old.database, old.state, durable=True, wait=1)
    with database.write() as connection:
        table = schema.certificates
        connection.execute(update(table).where(table.c.trust == "quarantined").values(der=b"nothing"))
    database.close()
    store = open_store(old, durable=True)
    spoilt = [row for row in rows(store) if row.serial == ""]
    assert [row.origin for row in spoilt] == [Origin.LEARNED]
    store.close()


def test_what_is_interrupted_leaves_the_store_as_it_was_and_is_done_the_next_time(
    old: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = 0

    def interrupted(certificate: Any) -> dict[str, Any]:
        nonlocal filled
        filled += 1
        if filled == 5:
            raise KeyboardInterrupt
        return facts(certificate)

    with monkeypatch.context() as patch:
        patch.setattr("gateway.store.certificates.facts.facts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            open_store(old, durable=True)
    database = open_database(old.database, old.state, durable=True, wait=1)
    with database.read() as connection:
        assert connection.scalar(select(schema.version.c.version_num)) == "0008"
        assert "serial" not in {column["name"] for column in inspect(connection).get_columns("certificates")}
    database.close()
    store = open_store(old, durable=True)
    assert len([row for row in rows(store) if row.serial]) == 10
    store.close()
