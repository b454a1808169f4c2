"""Connections are bounded, and may be those of a pgbouncer that gives each transaction another session."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.errors import Fault
from gateway.store import StoreOptions, open_store
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority
from tests.store.bouncer import SESSIONS, Bouncer
from tests.store.conftest import PrivateServer
from tests.store.gateways.around import here, says
from tests.store.held.messages import AT, held

MAIL = (b"d" * 32, "outbound", "support@example.org")


@pytest.fixture(scope="module")
def bouncer(postgresql: PrivateServer) -> Iterator[Bouncer]:
    with Bouncer(postgresql.folder, postgresql.user) as bouncer:
        yield bouncer


@pytest.fixture
def through(bouncer: Bouncer, postgresql: PrivateServer, tmp_path: Path) -> Iterator[StoreOptions]:
    """Options of a store that does not exist yet, through pgbouncer."""
    (tmp_path / "state").mkdir(mode=0o700)
    with postgresql.new_database() as url:
        yield StoreOptions(tmp_path / "state", bouncer.url(url), wait=5.0)


def test_all_of_it_works_through_pgbouncer_in_transaction_mode(through: StoreOptions, authority: Authority) -> None:
    """Migration under a lock, statements repeated beyond what drivers prepare, elections, leases, changes, records."""
    first, second = open_store(through, durable=True), open_store(through, durable=True)
    leaf = authority.leaf("alice@example.com", kind="p256")
    assert second.certificates.find(["alice@example.com"], datetime.now(UTC)) == {"alice@example.com": ()}
    import_file(first, authority.root.pem(), (), ImportOptions())
    import_file(first, leaf.pem() + leaf.key_pem(), (), ImportOptions())
    second.generation.expire()
    for number in range(24):
        with ExitStack() as taken:
            for _ in range(number % SESSIONS):  # what follows gets another session than it had before
                taken.enter_context(second.database.read()).execute(text("SELECT 1"))
            assert first.gateways.beat(here("a"))
            if number > 12:  # before, nothing but the same few writes: these a driver would prepare
                assert len(first.keys.list()) == 1
                first.ledger.claim(*MAIL, ["a@x"])
                first.ledger.taken(*MAIL, ["a@x"])
                first.ledger.forget(*MAIL)
    assert not second.gateways.beat(says("b"))
    assert len(second.certificates.find(["alice@example.com"], datetime.now(UTC))["alice@example.com"]) == 1
    name = held(first)
    first.held.retry([name])
    assert second.held.claim(AT, timedelta(hours=1)) is not None
    assert first.held.claim(AT, timedelta(hours=1)) is None
    second.held.succeeded(name)


def test_many_at_once_share_few_sessions_of_the_server(through: StoreOptions) -> None:
    stores = [open_store(replace(through, pool=4), durable=True) for _ in range(2)]

    def work(number: int) -> None:
        mail = (bytes([number]) * 32, "outbound", "support@example.org")
        for _ in range(5):
            stores[number % 2].ledger.claim(*mail, ["a@x"])
            stores[number % 2].ledger.taken(*mail, ["a@x"])
            stores[number % 2].ledger.forget(*mail)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(16)))
    with stores[0].database.read() as connection:
        sessions = connection.scalar(
            text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> 0")
        )
    assert sessions <= SESSIONS
    assert not stores[0].ledger.waiting()


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_process_has_no_more_connections_than_it_may(options: StoreOptions) -> None:
    store = open_store(replace(options, pool=2, wait=0.2), durable=True)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(store.database.read())
        with pytest.raises(Fault, match="database_pool allows more"), store.database.read():
            pass
    assert not store.ledger.waiting()


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_nothing_needs_two_connections_at_once(options: StoreOptions, authority: Authority) -> None:
    """Else as many threads as there are connections, each with one, would wait for one another."""
    store = open_store(replace(options, pool=1, wait=1.0), durable=True)
    leaf = authority.leaf("alice@example.com", kind="p256")
    import_file(store, authority.root.pem() + leaf.pem() + leaf.key_pem(), (), ImportOptions())
    assert store.keys.key(leaf.certificate.public_key_id) is not None
    assert store.certificates.find(["alice@example.com"], datetime.now(UTC))
    name = held(store)
    store.held.retry([name])
    assert store.held.claim(AT, timedelta(hours=1), ["inbound"]) is not None
    store.held.failed_temporarily(name, AT, "x")
    store.ledger.claim(*MAIL, ["a@x"])
    store.ledger.taken(*MAIL, ["a@x"])
    store.ledger.release(*MAIL)
    assert store.ledger.claim(*MAIL, ["a@x"]) == {"a@x"}
    assert store.gateways.beat(here("a"))
    assert store.identity.take_up(here("a"), "smime.example.org") is None
