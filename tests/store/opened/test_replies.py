"""DEC-13: mail that was opened, by its names, its author and the setting for answers to it; and what came in plain."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from gateway.policy.rule import ReplyRule
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.database import at_hand_only
from gateway.store.generation import LOOK_EVERY
from gateway.store.opened.replies import Sighting, StoredReplies
from gateway.story import NotAtHand
from tests.stores import carried_out

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ALICE = "alice@example.com"


@pytest.fixture
def replies(store: Store) -> StoredReplies:
    return store.replies


def stored(store: Store) -> tuple[int, int]:
    with store.database.read() as connection:
        tables = (schema.opened_mail, schema.plain_mail)
        return tuple(connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables)  # type: ignore[return-value]


def test_dec_13_an_answer_is_known_by_any_name(replies: StoredReplies) -> None:
    replies.remember(["a@x", "b@x"], ALICE, ReplyRule.WARN, AT)
    assert replies.answered(["c@x", "b@x"]) is ReplyRule.WARN
    assert replies.answered(["c@x"]) is None
    assert replies.answered([]) is None


def test_plain_mail_is_not_answered_by_anybody(replies: StoredReplies) -> None:
    replies.remember(["a@x"], ALICE, ReplyRule.REQUIRE, AT)
    replies.write([Sighting(["b@x"], AT)])
    assert replies.answered(["b@x"]) is None


def test_one_seen_on_plain_mail_counts_from_its_encrypted_sighting_on(replies: StoredReplies) -> None:
    replies.write([Sighting(["a@x"], AT)])
    replies.remember(["a@x"], ALICE, ReplyRule.REQUIRE, AT)
    replies.remember(["b@x"], ALICE, ReplyRule.REQUIRE, AT)
    replies.write([Sighting(["b@x"], AT)])
    assert replies.answered(["a@x"]) is replies.answered(["b@x"]) is ReplyRule.REQUIRE


def test_the_strictest_setting_counts_whenever_it_came(replies: StoredReplies) -> None:
    replies.remember(["a@x"], ALICE, ReplyRule.REQUIRE, AT)
    replies.remember(["a@x"], ALICE, ReplyRule.IGNORE, AT)
    replies.remember(["b@x"], ALICE, ReplyRule.WARN, AT)
    assert replies.answered(["a@x", "b@x"]) is ReplyRule.REQUIRE
    assert replies.answered(["b@x"]) is ReplyRule.WARN


def test_mail_sent_on_has_its_author(replies: StoredReplies) -> None:
    replies.remember(["a@x"], "mallory@example.net", ReplyRule.IGNORE, AT)
    replies.remember(["a@x"], ALICE, ReplyRule.REQUIRE, AT)
    assert replies.sent_on(["a@x"], "Alice@EXAMPLE.com") is ReplyRule.REQUIRE
    assert replies.sent_on(["a@x"], "mallory@example.net") is ReplyRule.IGNORE
    assert replies.sent_on(["a@x"], "bob@example.com") is None
    assert replies.sent_on(["a@x"], None) is None
    assert replies.sent_on(["b@x"], ALICE) is None


def test_mail_without_a_usable_author_is_known_by_that(replies: StoredReplies) -> None:
    replies.remember(["a@x"], None, ReplyRule.WARN, AT)
    assert replies.sent_on(["a@x"], None) is ReplyRule.WARN


def test_what_came_in_plain_is_not_taken_for_opened_mail_sent_on(replies: StoredReplies) -> None:
    replies.remember(["a@x", "b@x"], ALICE, ReplyRule.REQUIRE, AT)
    replies.write([Sighting(["a@x"], AT)])
    assert replies.sent_on(["a@x"], ALICE) is None
    assert replies.sent_on(["a@x", "b@x"], ALICE) is ReplyRule.REQUIRE


def test_authors_cannot_be_told_from_what_is_stored(store: Store, replies: StoredReplies) -> None:
    replies.remember(["a@x", "b@x"], ALICE, ReplyRule.REQUIRE, AT)
    with store.database.read() as connection:
        rows = connection.execute(select(schema.opened_mail)).all()
    assert len({row.author for row in rows}) == 2


def test_names_may_hold_anything_and_be_many(replies: StoredReplies) -> None:
    odd = ["\0", "\udcff@x", "ü@x", "x" * 100_000, "%", "'"]
    for name in odd:
        replies.remember([name], ALICE, ReplyRule.WARN, AT)
    assert all(replies.answered([name]) is ReplyRule.WARN for name in odd)
    assert replies.answered(f"{number}@x" for number in range(3000)) is None
    assert replies.answered([*(f"{number}@x" for number in range(3000)), odd[0]]) is ReplyRule.WARN


def test_they_are_there_for_other_processes(options: StoreOptions) -> None:
    now = [100.0]
    one, other = open_store(options, durable=True), open_store(options, durable=False, clock=lambda: now[0])
    assert other.replies.answered(["a@x"]) is None
    one.replies.remember(["a@x"], ALICE, ReplyRule.WARN, AT)
    now[0] += LOOK_EVERY  # for the first one ever; then at once
    assert other.replies.answered(["a@x"]) is ReplyRule.WARN
    assert other.replies.sent_on(["a@x"], ALICE) is ReplyRule.WARN
    one.replies.remember(["b@x"], ALICE, ReplyRule.WARN, AT)
    assert other.replies.answered(["b@x"]) is ReplyRule.WARN


def test_nothing_is_asked_while_nothing_is_remembered(options: StoreOptions) -> None:
    now = [100.0]
    store = open_store(options, durable=True, clock=lambda: now[0])
    assert not store.replies.any_opened()
    with at_hand_only():
        assert not store.replies.any_opened(), "known for half a second"
        now[0] += LOOK_EVERY
        with pytest.raises(NotAtHand):
            store.replies.any_opened()
    store.replies.remember({"1@x"}, None, ReplyRule.REQUIRE, AT)
    assert store.replies.any_opened()
    now[0] += 3600
    with at_hand_only():
        assert store.replies.any_opened(), "once it was, that stays so"
    store.close()


def test_opened_mail_is_durable_and_plain_sightings_need_not_be(sqlite_options: StoreOptions) -> None:
    store = open_store(sqlite_options, durable=False)
    store.wrapping.mac_key("made before")
    sent = carried_out(store)
    store.replies.write([Sighting(["a@x"], AT)])
    store.replies.remember(["b@x"], ALICE, ReplyRule.WARN, AT)
    assert [one.split()[-1] for one in sent if "synchronous" in one] == ["NORMAL", "FULL"]


def test_old_mail_and_too_many_plain_sightings_are_forgotten(store: Store) -> None:
    replies = StoredReplies(store.database, store.wrapping, time.monotonic, plain_kept=10)
    days = [AT + timedelta(days=day) for day in range(30)]
    for day in days:
        replies.remember([f"sealed{day.day}-{day.month}@x"], ALICE, ReplyRule.WARN, day)
    replies.write([Sighting([f"plain{day.day}-{day.month}@x"], day) for day in days])
    assert replies.prune(AT + timedelta(days=5)) == 5 + 20
    assert stored(store) == (25, 10)
    assert replies.prune(AT + timedelta(days=5)) == 0
    assert replies.prune(AT + timedelta(days=100)) == 35
    assert stored(store) == (0, 0)


def test_only_what_is_old_of_a_name_is_forgotten(store: Store, replies: StoredReplies) -> None:
    replies.remember(["a@x"], ALICE, ReplyRule.REQUIRE, AT)
    replies.remember(["a@x"], ALICE, ReplyRule.WARN, AT + timedelta(days=10))
    assert replies.prune(AT + timedelta(days=5)) == 1
    assert replies.answered(["a@x"]) is ReplyRule.WARN
