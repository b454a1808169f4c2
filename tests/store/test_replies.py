"""DEC-13: the Message-IDs of mail that arrived encrypted, and only those."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, func, select

from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.generation import LOOK_EVERY
from gateway.store.replies import Sighting, StoredReplies

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def replies(store: Store) -> StoredReplies:
    return store.replies


def stored(store: Store) -> int:
    with store.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(schema.message_ids)) or 0


def test_dec_13_an_answer_to_encrypted_mail_is_known_by_any_of_its_references(replies: StoredReplies) -> None:
    replies.remember("<a@x>", AT)
    replies.write([Sighting("<b@x>", False, AT)])
    assert replies.known(["<b@x>", "<c@x>", "<a@x>"]) == {"<a@x>"}
    assert replies.known(["<b@x>", "<c@x>"]) == frozenset()
    assert replies.known([]) == frozenset()


def test_the_first_sighting_counts_for_good(replies: StoredReplies) -> None:
    replies.write([Sighting("<plain@x>", False, AT)])
    replies.remember("<plain@x>", AT)
    replies.remember("<sealed@x>", AT)
    replies.write([Sighting("<sealed@x>", False, AT)])
    assert replies.known(["<plain@x>", "<sealed@x>"]) == {"<sealed@x>"}


def test_many_sightings_are_written_at_once_in_their_order(store: Store, replies: StoredReplies) -> None:
    sent: list[str] = []
    event.listen(store.database.engine, "commit", lambda _: sent.append("commit"))
    replies.write([Sighting("<a@x>", True, AT), Sighting("<a@x>", False, AT), Sighting("<b@x>", False, AT)])
    replies.write([Sighting("<b@x>", True, AT)])
    assert sent == ["commit"] * 2
    assert replies.known(["<a@x>", "<b@x>"]) == {"<a@x>"}


def test_ids_count_to_the_letter_but_for_brackets_and_blanks(replies: StoredReplies) -> None:
    replies.remember(" <A@x>\r\n", AT)
    assert replies.known(["A@x", "<A@x>", "<a@x>", "<A@X>", "<<A@x>>"]) == {"A@x", "<A@x>"}


@pytest.mark.parametrize("none", ["", "<>", "  "])
def test_no_id_is_nobodys(store: Store, replies: StoredReplies, none: str) -> None:
    replies.remember(none, AT)
    assert replies.known([none]) == frozenset()
    assert stored(store) == 0


def test_ids_may_hold_anything_and_be_many(replies: StoredReplies) -> None:
    odd = ["\0", "\udcff@x", "ü@x", "x" * 100_000, "%", "'"]
    replies.write([Sighting(name, True, AT) for name in odd])
    assert replies.known(odd + [f"<{number}@x>" for number in range(3000)]) == set(odd)


def test_they_are_there_for_other_processes(options: StoreOptions) -> None:
    now = [100.0]
    one, other = open_store(options, durable=True), open_store(options, durable=False, clock=lambda: now[0])
    assert other.replies.known(["<a@x>"]) == frozenset()
    one.replies.remember("<a@x>", AT)
    now[0] += LOOK_EVERY  # for the first one ever; then at once
    assert other.replies.known(["<a@x>"]) == {"<a@x>"}
    one.replies.remember("<b@x>", AT)
    assert other.replies.known(["<b@x>"]) == {"<b@x>"}


def test_nothing_is_asked_while_nothing_is_remembered(options: StoreOptions) -> None:
    store = open_store(options, durable=True, clock=lambda: 100.0)
    store.replies.known(["<a@x>"])
    sent: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    assert store.replies.known(["<a@x>"]) == frozenset()
    assert sent == []
    store.replies.remember("<a@x>", AT)
    assert store.replies.known(["<a@x>"]) == {"<a@x>"}


def test_encrypted_ids_are_durable_and_plain_ones_need_not_be(sqlite_options: StoreOptions) -> None:
    store = open_store(sqlite_options, durable=False)
    sent: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    store.replies.write([Sighting("<a@x>", False, AT)])
    store.replies.remember("<b@x>", AT)
    assert [one.split()[-1] for one in sent if "synchronous" in one] == ["NORMAL", "FULL"]


def test_old_ids_and_too_many_plain_ones_are_forgotten(store: Store) -> None:
    replies = StoredReplies(store.database, time.monotonic, plain_kept=10)
    days = [AT + timedelta(days=day) for day in range(30)]
    replies.write([Sighting(f"<sealed{day.day}-{day.month}@x>", True, day) for day in days])
    replies.write([Sighting(f"<plain{day.day}-{day.month}@x>", False, day) for day in days])
    assert replies.prune(AT + timedelta(days=5)) == 5 + 20
    assert stored(store) == 25 + 10
    assert replies.prune(AT + timedelta(days=5)) == 0
    replies.remember("<plain4-3@x>", AT)  # forgotten, so it counts as new
    assert replies.known(["<plain4-3@x>"]) == {"<plain4-3@x>"}
    assert replies.prune(AT + timedelta(days=100)) == 36
    assert stored(store) == 0
