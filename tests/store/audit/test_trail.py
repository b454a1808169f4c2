"""The audit log is a chain: whatever is done to it behind our back, ``verify`` names the first row that does not hold.

KEY-08: append-only, hash-chained; concurrent writers keep one chain; what is pruned is its new beginning.
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from gateway.errors import Fault
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.audit.chain import NOTHING, Effect, Entry, Link, Stored, stored
from gateway.store.audit.trail import AT_ONCE, EFFECTS_IN_A_ROW

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
TABLE, HEAD = schema.audit, schema.audit_head
COLUMNS = "sequence, at, actor_kind, actor, verb, effects, previous, hash"


def entry(number: int = 0, effects: int = 1, at: datetime = AT) -> Entry:
    gone = tuple(Effect("certificate", f"{number:032x}{each:032x}", "deleted") for each in range(effects))
    return Entry(at, "system user", "ada \N{GREEK SMALL LETTER PI}", "delete-certificates", gone)


def enter(store: Store, count: int, at: datetime = AT) -> None:
    for number in range(count):
        store.audit.enter(entry(number, at=at))


def tamper(store: Store, statement: Any, **values: Any) -> None:
    with store.database.write() as connection:
        connection.execute(statement, values)


def test_what_was_entered_is_read_newest_first(store: Store) -> None:
    links = [store.audit.enter(entry(number)) for number in range(5)]
    rows = store.audit.page(None, 100)
    assert [row.link for row in rows] == links[::-1]
    assert [row.entry for row in rows] == [entry(number) for number in range(5)][::-1]
    assert store.audit.page(4, 2) == rows[2:4]
    found = store.audit.verify()
    assert (found.rows, found.last, found.broken) == (5, links[-1], None)


def test_an_empty_log_holds(store: Store) -> None:
    found = store.audit.verify()
    assert (found.rows, found.last, found.broken) == (0, Link(), None)


def test_the_chain_can_be_followed_without_our_code(store: Store) -> None:
    enter(store, 3)
    with store.database.read() as connection:
        rows = connection.execute(text(f"SELECT {COLUMNS} FROM audit ORDER BY sequence")).all()
    last = NOTHING
    for *fields, expected in rows:
        assert fields[-1] == last
        last = hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode("ascii")).hexdigest()
        assert last == expected


def test_a_large_change_takes_several_rows(store: Store) -> None:
    store.audit.enter(entry(effects=EFFECTS_IN_A_ROW * 2 + 1))
    rows = store.audit.page(None, 100)
    assert [len(row.entry.effects) for row in rows] == [1, EFFECTS_IN_A_ROW, EFFECTS_IN_A_ROW]
    assert {row.entry.at for row in rows} == {AT}
    assert store.audit.verify().broken is None


@pytest.mark.parametrize(
    "change",
    [
        {"effects": "[]"},
        {"effects": "not JSON"},
        {"at": AT + timedelta(microseconds=1)},
        {"actor": "eve"},
        {"actor_kind": "account"},
        {"verb": "trust"},
        {"hash": "f" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_row_is_found(store: Store, change: dict[str, Any]) -> None:
    enter(store, 5)
    tamper(store, update(TABLE).where(TABLE.c.sequence == 3).values(**change))
    found = store.audit.verify()
    assert (found.rows, found.broken, found.fault) == (2, 3, "was changed")


def test_a_changed_row_with_its_own_hash_made_anew_breaks_the_next(store: Store) -> None:
    enter(store, 5)
    tamper(store, update(TABLE).where(TABLE.c.sequence == 3).values(verb="trust"))
    with store.database.read() as connection:
        row = connection.execute(text(f"SELECT {COLUMNS} FROM audit WHERE sequence = 3")).one()
    tamper(store, update(TABLE).where(TABLE.c.sequence == 3).values(hash=Stored(*row).linked().hash))
    found = store.audit.verify()
    assert (found.rows, found.broken) == (3, 4)


def test_a_row_that_nothing_reads_is_found_and_keeps_nobody_from_reading_on(store: Store) -> None:
    enter(store, 5)
    tamper(store, text("UPDATE audit SET at = 9223372036854775807, actor = '{' WHERE sequence = 3"))
    assert store.audit.verify().broken == 3
    assert len(store.audit.page(None, 2)) == 2
    with pytest.raises(Fault, match="row 3 of the audit log"):
        store.audit.page(None, 100)


def test_a_missing_row_is_found(store: Store) -> None:
    enter(store, 5)
    tamper(store, delete(TABLE).where(TABLE.c.sequence == 3))
    found = store.audit.verify()
    assert (found.rows, found.broken, found.fault) == (2, 3, "is missing")


@pytest.mark.parametrize("last", [1, 3, 5])
def test_a_missing_end_is_found(store: Store, last: int) -> None:
    enter(store, 5)
    tamper(store, delete(TABLE).where(TABLE.c.sequence >= last))
    found = store.audit.verify()
    assert (found.rows, found.broken) == (last - 1, last)
    assert found.fault == "is missing: the log once reached 5"


def test_a_missing_beginning_is_found(store: Store) -> None:
    enter(store, 5)
    tamper(store, delete(TABLE).where(TABLE.c.sequence <= 2))
    assert store.audit.verify().broken == 1


def test_an_inserted_row_is_found_wherever_it_stands(store: Store) -> None:
    enter(store, 3)
    with store.database.read() as connection:
        row = connection.execute(select(TABLE).where(TABLE.c.sequence == 2)).one()._asdict()
    # in the middle: those behind it have to move
    for sequence in (3, 2):
        tamper(store, update(TABLE).where(TABLE.c.sequence == sequence).values(sequence=sequence + 1))
    tamper(store, insert(TABLE).values(row))
    assert store.audit.verify().broken == 3
    tamper(store, delete(TABLE).where(TABLE.c.sequence == 2))
    for sequence in (3, 4):
        tamper(store, update(TABLE).where(TABLE.c.sequence == sequence).values(sequence=sequence - 1))
    assert store.audit.verify().broken is None
    # behind the end, made as we would
    forged = stored(entry(9), store.audit.verify().last)
    values = {name: getattr(forged, name) for name in Stored.__slots__} | {"at": AT, "actor": entry(9).actor}
    tamper(store, insert(TABLE).values(values))
    found = store.audit.verify()
    assert (found.broken, found.fault) == (4, "was added behind the end of the log")


def test_a_head_that_is_gone_keeps_everybody_from_writing(store: Store) -> None:
    enter(store, 1)
    tamper(store, delete(HEAD))
    assert store.audit.verify().fault == "the head of the log is missing"
    with pytest.raises(Fault, match="audit log cannot be written"):
        store.audit.enter(entry())


def test_many_rows_are_read_in_pieces(store: Store) -> None:
    store.audit.enter(entry(effects=EFFECTS_IN_A_ROW * (AT_ONCE + 3)))
    assert store.audit.verify().rows == AT_ONCE + 3
    tamper(store, update(TABLE).where(TABLE.c.sequence == AT_ONCE + 2).values(verb="x"))
    assert store.audit.verify().broken == AT_ONCE + 2


def test_writers_beside_each_other_keep_one_chain(options: StoreOptions, store: Store) -> None:
    stores = [open_store(options, durable=True) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: enter(one, 10), stores))
    found = store.audit.verify()
    assert (found.rows, found.broken) == (40, None)


# what is pruned


def test_the_last_that_was_pruned_begins_the_chain(store: Store) -> None:
    enter(store, AT_ONCE + 5)
    later = AT + timedelta(days=1)
    enter(store, 3, later)
    assert store.audit.prune(AT) == 0
    assert store.audit.prune(later) == AT_ONCE + 5
    found = store.audit.verify()
    assert (found.rows, found.pruned.sequence, found.broken) == (3, AT_ONCE + 5, None)
    tamper(store, delete(TABLE).where(TABLE.c.sequence == AT_ONCE + 6))
    assert store.audit.verify().broken == AT_ONCE + 6


def test_a_log_that_was_pruned_whole_goes_on(store: Store) -> None:
    enter(store, 3)
    assert store.audit.prune(AT + timedelta(days=1)) == 3
    assert store.audit.verify().broken is None
    assert store.audit.enter(entry()).sequence == 4
    found = store.audit.verify()
    assert (found.rows, found.pruned.sequence, found.broken) == (1, 3, None)


def test_a_row_in_the_place_of_one_that_was_pruned_is_found(store: Store) -> None:
    enter(store, 3)
    with store.database.read() as connection:
        row = connection.execute(select(TABLE).where(TABLE.c.sequence == 1)).one()._asdict()
    store.audit.prune(AT + timedelta(days=1))
    tamper(store, insert(TABLE).values(row | {"verb": "trust"}))
    assert store.audit.verify().broken == 1


def test_what_is_newer_than_what_stands_behind_it_stays(store: Store) -> None:
    """The clock was set back: the chain has no holes all the same."""
    for days in (0, 5, 1):
        store.audit.enter(entry(at=AT + timedelta(days=days)))
    assert store.audit.prune(AT + timedelta(days=3)) == 1
    assert store.audit.verify().rows == 2
