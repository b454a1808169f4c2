"""A wrapped content key opens one content, whoever asks and however many ask at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Barrier

import pytest
from sqlalchemy import event, func, select

from gateway.engine.wants import Use
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.opened.content_keys import StoredContentKeys
from tests.stores import carried_out

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ONE, OTHER = sha256(b"one").digest(), sha256(b"other").digest()


def use(wrapped: bytes, content: bytes, *, authenticated: bool = False) -> Use:
    return Use(wrapped, content, authenticated)


@pytest.fixture
def keys(store: Store) -> StoredContentKeys:
    return store.content_keys


def stored(store: Store) -> int:
    with store.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(schema.content_keys)) or 0


def test_the_same_content_opens_again_and_another_does_not(store: Store, keys: StoredContentKeys) -> None:
    assert keys.remember([use(b"k", ONE)], "first", AT) is None
    assert keys.remember([use(b"k", ONE)], "second", AT) is None
    assert keys.other([use(b"k", ONE)]) is None
    assert keys.other([use(b"k", OTHER)]) == "first"
    assert keys.remember([use(b"k", OTHER)], "third", AT) == "first"
    assert stored(store) == 1


def test_any_key_that_is_known_counts_and_then_none_is_remembered(store: Store, keys: StoredContentKeys) -> None:
    keys.remember([use(b"k", ONE)], "first", AT)
    several = [use(b"new", OTHER), use(b"k", OTHER), use(b"newer", OTHER)]
    assert keys.other(several) == "first"
    assert keys.remember(several, "second", AT) == "first"
    assert stored(store) == 1
    assert keys.remember([use(b"new", ONE)], "third", AT) is None


def test_what_authenticates_itself_is_no_other_content_and_changes_nothing(keys: StoredContentKeys) -> None:
    keys.remember([use(b"k", ONE)], "first", AT)
    assert keys.remember([use(b"k", OTHER, authenticated=True)], "second", AT) is None
    assert keys.other([use(b"k", ONE)]) is None
    assert keys.other([use(b"k", OTHER)]) == "first"


def test_one_key_with_two_contents_in_one_message_is_seen(keys: StoredContentKeys) -> None:
    assert keys.remember([use(b"k", ONE), use(b"k", OTHER)], "first", AT) == "first"
    assert keys.other([use(b"k", OTHER)]) is None


def test_asking_remembers_nothing(store: Store, keys: StoredContentKeys) -> None:
    assert keys.other([use(b"k", ONE)]) is None
    assert keys.other([]) is None
    assert stored(store) == 0


def test_of_two_processes_that_open_two_contents_at_once_one_wins(options: StoreOptions) -> None:
    """The keys come in another order each time: nobody waits for nobody."""
    processes = [open_store(options, durable=False) for _ in range(4)]
    processes[0].wrapping.mac_key("content keys")
    together = Barrier(len(processes))

    def open_at_once(number: int, turn: int) -> str | None:
        content = sha256(b"%d" % number).digest()
        uses = [use(b"%d %d" % (turn, name), content) for name in range(3)]
        together.wait()
        record = f"{turn}/{number}"
        return processes[number].content_keys.remember(uses[:: (-1) ** number], record, AT) or record

    with ThreadPoolExecutor(len(processes)) as threads:
        for turn in range(10):
            winners = set(threads.map(open_at_once, range(len(processes)), [turn] * len(processes)))
            assert len(winners) == 1
    assert stored(processes[0]) == 30


def test_what_is_remembered_is_durable_and_tells_nothing(sqlite_options: StoreOptions) -> None:
    store = open_store(sqlite_options, durable=False)
    sent = carried_out(store)
    store.content_keys.remember([use(b"wrapped octets", ONE)], "first", AT)
    assert [one.split()[-1] for one in sent if "synchronous" in one][-1] == "FULL"
    with store.database.read() as connection:
        (row,) = connection.execute(select(schema.content_keys)).all()
    assert row.wrapped not in (sha256(b"wrapped octets").digest(), b"wrapped octets")
    assert (row.record, row.at) == ("first", AT)


def test_one_statement_is_all_that_new_mail_costs(store: Store, keys: StoredContentKeys) -> None:
    sent: list[str] = []
    keys.other([])
    event.listen(store.database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    keys.remember([use(b"k", ONE), use(b"l", ONE)], "first", AT)
    assert [one.split()[0] for one in sent if one.split()[0] in ("SELECT", "INSERT")] == ["INSERT"]


def test_old_ones_are_forgotten(store: Store, keys: StoredContentKeys) -> None:
    for day in range(10):
        keys.remember([use(b"%d" % day, ONE)], f"r{day}", AT + timedelta(days=day))
    assert keys.prune(AT + timedelta(days=4)) == 4
    assert keys.other([use(b"3", OTHER)]) is None
    assert keys.other([use(b"4", OTHER)]) == "r4"


def test_many_keys_at_once(store: Store, keys: StoredContentKeys) -> None:
    many = [use(b"%d" % number, ONE) for number in range(1200)]
    assert keys.remember(many, "first", AT) is None
    assert keys.other([*many[:-1], use(b"1199", OTHER)]) == "first"
    assert stored(store) == 1200
