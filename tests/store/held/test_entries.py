"""Held mail: kept whole or not at all, encrypted, within its limits, and tried by one process at a time."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from gateway.errors import Fault, Refused
from gateway.pki.need import Need, NeedKind, by_key_id
from gateway.reason import Reason
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.held import pieces
from gateway.store.held.entries import (
    ENTRY_COST,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    MAX_CRASHES,
    HoldLimits,
    NotHeld,
    StoredHeld,
)
from gateway.store.held.message import State, redelivery_message_id, to_hold
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.ledger.owner import this_owner
from tests.authority import Authority
from tests.store.held.messages import AT, CLIENT, LEASE, NOWHERE, ROOMY, arrived, held, hold

HOST = this_owner().split("/")[0]
OTHER: Need = by_key_id(NeedKind.SIGNER, b"other", "the signer CN=\udcff\0ü")


def as_owner(store: Store, owner: str) -> StoredHeld:
    """The held mail as another process uses it."""
    return StoredHeld(store.database, store.generation, store.wrapping, owner)


def ready(store: Store, **facts: Any) -> str:
    """Hold a message and ask for an attempt."""
    name = held(store, **facts)
    store.held.retry([name])
    return name


def rows(store: Store) -> list[int]:
    """How many rows the tables of held mail have."""
    tables = (schema.held, schema.held_content, schema.held_needs)
    with store.database.read() as connection:
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """Another process of this host that lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owner_of(pid: int) -> str:
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{HOST}/{pid}/{stat[19]}"


# holding


def test_everything_comes_back_as_it_was_held(store: Store) -> None:
    content = os.urandom(3 * pieces.PIECE + 17)
    odd = ("Üser@exämple.de", "\udcff\0@x", '"a b"@x')
    name = held(store, NOWHERE, OTHER, content=content, sender="\udcfe@x", recipients=odd)
    message = store.held.get(name)
    transaction = arrived(content, sender="\udcfe@x", recipients=odd)
    assert message.envelope == transaction.envelope
    assert message.client == CLIENT
    assert (message.record_id, message.received_at, message.door) == ("r1", AT, "inbound")
    assert (message.message_id, message.reason, message.unreadable) == ("<m1@example.com>", Reason.NO_KEY, True)
    assert (message.size, message.attempts, message.state, message.note) == (len(content), 0, State.WAITING, None)
    assert {need: need.text for need in message.needs} == {NOWHERE: "", OTHER: OTHER.text}
    store.held.retry()
    claimed = store.held.claim(AT, LEASE)
    assert claimed is not None
    assert claimed[1] == content
    assert (claimed[0].state, claimed[0].attempts, claimed[0].asked) == (State.TRYING, 1, True)


@pytest.mark.parametrize("size", [0, 1, pieces.PIECE, pieces.PIECE + 1])
def test_content_of_any_size_comes_back(store: Store, size: int) -> None:
    content = os.urandom(size)
    name = ready(store, content=content)
    claimed = store.held.claim(AT, LEASE)
    assert claimed is not None
    assert (claimed[0].id, claimed[1]) == (name, content)


def test_the_same_mail_is_held_once(store: Store) -> None:
    name = held(store, recipients=("a@x", "b@x"))
    again = hold(store, recipients=("b@x", "a@x"), id="r2")
    assert (again.id, again.new) == (name, False)
    assert rows(store) == [1, 1, 1]
    assert store.held.get(name).record_id == "r1"
    others = {held(store, recipients=("a@x",)), held(store, content=b"y", recipients=("a@x", "b@x"))}
    assert len(others | {name}) == 3


def test_limits_refuse_what_comes_last(store: Store) -> None:
    small = HoldLimits(max_size=100, max_total=3 * ENTRY_COST + 250, max_per_sender=2)
    assert hold(store, limits=small, content=b"x" * 101).why_not is NotHeld.MAX_SIZE
    first = hold(store, limits=small, content=b"a" * 100, sender="Eve@Example.com")
    assert first.new
    assert hold(store, limits=small, content=b"b" * 100, sender="eve@example.COM").new
    assert hold(store, limits=small, content=b"c", sender="eve@example.com").why_not is NotHeld.MAX_PER_SENDER
    assert hold(store, limits=small, content=b"d" * 51, sender="").why_not is NotHeld.MAX_TOTAL
    assert hold(store, limits=small, content=b"d" * 50, sender="").new
    again = hold(store, limits=small, content=b"a" * 100, sender="eve@example.com")
    assert (again.id, again.why_not) == (first.id, None)
    assert store.held.totals() == (3, 250)
    store.held.succeeded(str(first.id))
    assert hold(store, limits=small, content=b"c", sender="eve@example.com").new


@pytest.mark.parametrize("limit", [NotHeld.MAX_TOTAL, NotHeld.MAX_PER_SENDER])
def test_of_several_who_find_the_last_room_at_once_one_takes_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, limit: NotHeld
) -> None:
    store.wrapping.key()
    total, of_sender = (ENTRY_COST + 20, 9) if limit is NotHeld.MAX_TOTAL else (9 * ENTRY_COST, 1)
    small = HoldLimits(max_size=100, max_total=total, max_per_sender=of_sender)
    together, write = threading.Barrier(3), pieces.write

    def write_together(*values: Any) -> None:
        with suppress(threading.BrokenBarrierError):  # SQLite lets no second one come so far
            together.wait(0.2)
        write(*values)

    monkeypatch.setattr(pieces, "write", write_together)
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda number: hold(store, limits=small, content=b"%010d" % number), range(3)))
    assert sorted(each.new for each in done) == [False, False, True]
    assert [each.why_not for each in done if not each.new] == [limit, limit]
    assert store.held.totals() == (1, 10)


def test_a_fault_in_the_middle_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.wrapping.key()

    def fails(*_: object) -> None:
        raise Fault("the disk is full")

    monkeypatch.setattr("gateway.store.held.needs.replace", fails)
    with pytest.raises(Fault):
        hold(store, content=b"x" * 3_000_000)
    assert rows(store) == [0, 0, 0]
    monkeypatch.undo()
    assert hold(store, content=b"x" * 3_000_000).new


def test_key_01_no_plaintext_of_held_mail_is_on_disk(sqlite_options: StoreOptions) -> None:
    """KEY-01, for mail: no part of the content in database, write-ahead log or any other file, also after deletion."""
    store = open_store(sqlite_options, durable=True)
    marks = [b"canary of a subject", b"canary of a body", b"canary at the end"]
    content = marks[0] + os.urandom(pieces.PIECE - 8) + marks[1] + os.urandom(pieces.PIECE) + marks[2]
    name = ready(store, content=content)
    claimed = store.held.claim(AT, LEASE)
    assert claimed is not None
    assert claimed[1] == content
    seen = [path.read_bytes() for path in sqlite_options.state.rglob("*") if path.is_file()]
    store.held.delete(name)
    store.close()
    seen += [path.read_bytes() for path in sqlite_options.state.rglob("*") if path.is_file()]
    assert sum(map(len, seen)) > len(content)
    samples = [content[at : at + 16] for at in range(0, len(content) - 16, 65536)]
    assert not [mark for mark in (*marks, *samples) if any(mark in file for file in seen)]


_PEAK = """
import sys
from pathlib import Path
from gateway.store import StoreOptions, open_store
from tests.store.held.messages import AT, LEASE, held
def peak():
    Path("/proc/self/clear_refs").write_text("5")
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
def highest():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
store = open_store(StoreOptions(Path(sys.argv[1]), sys.argv[2]), durable=True)
store.held.retry([held(store, content=b"small")])
store.held.succeeded(store.held.claim(AT, LEASE)[0].id)
content = b"0123456789abcdef" * (2 << 20)
before = peak()
name = held(store, content=content)
holding = highest() - before
store.held.retry()
before = peak()
assert store.held.claim(AT, LEASE)[1] == content
print(len(content), holding, highest() - before)
"""


def test_a_large_message_is_not_copied_many_times(options: StoreOptions) -> None:
    command = [sys.executable, "-c", _PEAK, str(options.state), options.database]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3])
    size, holding, claiming = map(int, done.stdout.split())
    assert holding < size
    assert claiming < 2 * size


@pytest.mark.parametrize("what", ["flipped", "missing", "facts", "swapped"])
def test_damaged_content_fails_by_itself_and_stops_no_other(store: Store, what: str) -> None:
    bad, good = ready(store, content=b"bad" * 10), ready(store, content=b"good", received_at=AT + timedelta(seconds=1))
    table, held_table = schema.held_content, schema.held
    with store.database.write() as connection:
        of_bad = table.c.held == bad
        if what == "flipped":
            wrapped = bytearray(connection.scalar(select(table.c.wrapped).where(of_bad)) or b"")
            wrapped[20] ^= 1
            connection.execute(update(table).where(of_bad).values(wrapped=bytes(wrapped)))
        elif what == "missing":
            connection.execute(delete(table).where(of_bad))
        elif what == "swapped":
            other = connection.scalar(select(table.c.wrapped).where(table.c.held == good))
            connection.execute(update(table).where(of_bad).values(wrapped=other))
        else:
            facts = connection.scalar(select(held_table.c.facts).where(held_table.c.id == bad)) or ""
            changed = facts.replace("support@example.org", "thief@example.org")
            connection.execute(update(held_table).where(held_table.c.id == bad).values(facts=changed))
    claimed = store.held.claim(AT + LEASE, LEASE)
    assert claimed is not None
    assert (claimed[0].id, claimed[1]) == (good, b"good")
    failed = store.held.get(bad)
    assert failed.state is State.FAILED
    assert "can only be deleted" in str(failed.note)


# trying


def test_what_waits_is_not_tried_and_the_oldest_is_tried_first(store: Store) -> None:
    held(store, content=b"waits")
    names = [ready(store, content=b"%d" % age, received_at=AT - timedelta(days=age)) for age in (1, 3, 2)]
    order = []
    while claimed := store.held.claim(AT, LEASE):
        order.append(claimed[0].id)
    assert order == [names[1], names[2], names[0]]


def test_what_is_delivered_leaves_nothing(store: Store) -> None:
    name = ready(store)
    assert store.held.claim(AT, LEASE) is not None
    store.held.succeeded(name)
    assert rows(store) == [0, 0, 0]
    assert store.held.claim(AT + 2 * LEASE, LEASE) is None


def test_a_temporary_failure_waits_longer_each_time(store: Store) -> None:
    name = ready(store)
    now, pauses = AT, []
    for _ in range(10):
        assert store.held.claim(now, LEASE) is not None
        store.held.failed_temporarily(name, now, "451 4.3.0 later")
        message = store.held.get(name)
        assert (message.state, message.note) == (State.READY, "451 4.3.0 later")
        assert message.due is not None
        pauses.append(message.due - now)
        assert store.held.claim(message.due - timedelta(microseconds=1), LEASE) is None
        now = message.due
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    assert store.held.get(name).attempts == 10
    store.held.retry([name])
    assert store.held.claim(AT, LEASE) is not None
    store.held.failed_temporarily(name, AT, "again")
    assert store.held.get(name).due == AT + FIRST_PAUSE


def test_rel_10_what_was_put_off_under_a_clock_that_was_ahead_is_due(store: Store) -> None:
    name, ahead = ready(store), AT + timedelta(days=3652)
    assert store.held.claim(ahead, LEASE) is not None
    store.held.failed_temporarily(name, ahead, "451 4.3.0 later")
    assert store.held.claim(ahead, LEASE) is None
    assert store.held.claim(AT, LEASE) is not None


@pytest.mark.parametrize("end", ["failed_permanently", "judged"])
def test_what_ended_for_good_stays_until_it_is_asked_for(store: Store, end: str) -> None:
    name = ready(store)
    assert store.held.claim(AT, LEASE) is not None
    getattr(store.held, end)(name, "550 no \udcff\0")
    message = store.held.get(name)
    assert message.state is {"failed_permanently": State.FAILED, "judged": State.JUDGED}[end]
    assert (message.note, message.asked) == ("550 no \udcff\0", False)
    assert store.held.claim(AT + timedelta(days=29), LEASE) is None
    store.held.retry([name])
    claimed = store.held.claim(AT, LEASE)
    assert claimed is not None
    assert claimed[0].asked


def test_what_still_waits_says_for_what(store: Store) -> None:
    name = ready(store)
    assert store.held.claim(AT, LEASE) is not None
    store.held.still_waiting(name, frozenset({OTHER}), Reason.NO_CERTIFICATE)
    message = store.held.get(name)
    assert (message.state, message.reason, message.needs) == (State.WAITING, Reason.NO_CERTIFICATE, {OTHER})
    assert store.held.claim(AT + timedelta(days=1), LEASE) is None


def test_one_that_lost_its_lease_changes_nothing_any_more(store: Store) -> None:
    name = ready(store)
    slow, other = as_owner(store, "slow/1/1"), as_owner(store, "other/1/1")
    assert slow.claim(AT, LEASE) is not None
    assert other.claim(AT + LEASE - timedelta(seconds=1), LEASE) is None
    assert other.claim(AT + LEASE, LEASE) is not None
    slow.failed_permanently(name, "late")
    slow.still_waiting(name, frozenset(), Reason.NO_PATH)
    slow.failed_temporarily(name, AT, "late")
    assert (store.held.get(name).state, store.held.get(name).note) == (State.TRYING, None)
    slow.succeeded(name)  # but what it delivered must not be delivered again
    assert rows(store) == [0, 0, 0]


def test_a_live_process_keeps_its_entry_and_a_dead_one_loses_it(
    store: Store, sleeper: "subprocess.Popen[bytes]"
) -> None:
    name = ready(store)
    assert as_owner(store, owner_of(sleeper.pid)).claim(AT, LEASE) is not None
    assert store.held.claim(AT, LEASE) is None
    sleeper.kill()
    while (claimed := store.held.claim(AT, LEASE)) is None:
        time.sleep(0.01)
    assert (claimed[0].id, claimed[0].attempts) == (name, 2)


def test_rel_11_a_message_that_ends_every_attempt_is_given_up(store: Store) -> None:
    name = ready(store)
    died = as_owner(store, f"{HOST}/{os.getpid()}/1")
    for _ in range(MAX_CRASHES):
        assert died.claim(AT, LEASE) is not None
    assert died.claim(AT, LEASE) is None
    message = store.held.get(name)
    assert message.state is State.FAILED
    assert "ended without a word" in str(message.note)
    store.held.retry([name])
    assert store.held.claim(AT, LEASE) is not None


def _claim(options: StoreOptions, start: Any, found: Any) -> None:
    store = open_store(options, durable=True)
    start.wait()
    mine = []
    while claimed := store.held.claim(AT, LEASE):
        mine.append((claimed[0].id, claimed[1]))
    found.put(mine)
    start.wait()  # all stay alive until all have claimed


def test_of_many_who_claim_at_once_one_gets_each_entry(options: StoreOptions) -> None:
    store = open_store(options, durable=True)
    made = {(ready(store, content=b"%d" % number), b"%d" % number) for number in range(12)}
    spawn = multiprocessing.get_context("spawn")
    start, found = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=_claim, args=(options, start, found)) for _ in range(4)]
    for process in processes:
        process.start()
    claims = [entry for _ in processes for entry in found.get(timeout=60)]
    for process in processes:
        process.join(60)
    assert sorted(claims) == sorted(made)


# an import that crosses


def test_what_was_imported_while_a_message_was_judged_is_not_missed(store: Store, authority: Authority) -> None:
    before = store.generation.current()
    import_file(store, authority.leaf("x@example.com", kind="p256").pem(), (), ImportOptions())
    name = held(store, judged_under=before)
    assert store.held.get(name).state is State.READY
    assert store.held.claim(AT, LEASE) is not None
    store.held.still_waiting(name, frozenset({NOWHERE}), Reason.NO_KEY)
    assert store.held.get(name).state is State.WAITING
    store.held.retry([name])
    assert store.held.claim(AT, LEASE) is not None
    import_file(store, authority.leaf("y@example.com", kind="p256").pem(), (), ImportOptions())
    store.held.still_waiting(name, frozenset({NOWHERE}), Reason.NO_KEY)
    assert store.held.get(name).state is State.READY
    assert store.held.claim(AT, LEASE) is not None


def test_an_attempt_sees_what_is_stored_now(options: StoreOptions, authority: Authority) -> None:
    store = open_store(options, durable=True, clock=lambda: 0.0)
    alice = authority.leaf("alice@example.com", kind="p256")
    assert not store.certificates.find(["alice@example.com"], AT)["alice@example.com"]
    import_file(open_store(options, durable=True), alice.pem(), (), ImportOptions())
    assert store.certificates.find(["alice@example.com"], AT)["alice@example.com"] == ()  # the clock stands still
    ready(store)
    assert store.held.claim(AT, LEASE) is not None
    assert store.certificates.find(["alice@example.com"], AT)["alice@example.com"] != ()


# the administrator


def test_a_message_is_named_by_an_unambiguous_prefix(store: Store) -> None:
    names = [held(store, content=b"%d" % number) for number in range(17)]
    for name in names:
        assert store.held.get(name).id == name
        assert store.held.get(name[:16].upper()).id == name
    first = [name[0] for name in names]
    with pytest.raises(Refused, match="several held messages"):
        store.held.get(next(digit for digit in first if first.count(digit) > 1))
    for odd in ("", "xyz", "%", "_", "a\0"):
        with pytest.raises(Refused, match="no id of held mail"):
            store.held.get(odd)
    for ask in (store.held.get, store.held.delete, lambda name: store.held.retry([name])):
        with pytest.raises(Refused, match="no held message"):
            ask("0" * 32)


def test_the_list_is_by_age_and_searched(store: Store) -> None:
    new = held(store, OTHER, content=b"1", sender="Bob@example.com", received_at=AT + timedelta(days=1))
    old = held(store, content=b"2", recipients=("sales@example.org",), id="r2")
    assert [message.id for message in store.held.list()] == [old, new]
    assert [message.needs for message in store.held.list()] == [{NOWHERE}, {OTHER}]
    for text, found in {"bob@EXAMPLE": [new], "SALES@": [old], "r2": [old], "no-key": [old, new], "zz": []}.items():
        assert [message.id for message in store.held.list(text)] == found


def test_retry_makes_ready_what_is_named_or_all_but_what_is_being_tried(store: Store) -> None:
    one, two, three = (held(store, content=b"%d" % number) for number in range(3))
    assert [message.id for message in store.held.retry([one[:20]])] == [one]
    assert {message.id for message in store.held.list() if message.state is State.READY} == {one}
    assert store.held.claim(AT, LEASE) is not None
    with pytest.raises(Refused, match="being tried"):
        store.held.retry([two, one])
    assert store.held.get(two).state is State.WAITING
    assert {message.id for message in store.held.retry()} == {two, three}
    assert store.held.get(one).state is State.TRYING


def test_what_is_deleted_is_gone_even_while_it_is_tried(store: Store) -> None:
    name = ready(store)
    assert store.held.claim(AT, LEASE) is not None
    assert store.held.delete(name[:10]).id == name
    store.held.failed_temporarily(name, AT, "x")
    assert rows(store) == [0, 0, 0]


def test_what_is_past_its_retention_is_pruned(store: Store) -> None:
    names = [ready(store, content=b"%d" % day, received_at=AT + timedelta(days=day)) for day in range(4)]
    assert store.held.claim(AT, LEASE) is not None
    assert store.held.prune(AT + timedelta(days=2)) == 2
    assert [message.id for message in store.held.list()] == names[2:]
    assert store.held.claim(AT + timedelta(days=2), LEASE) is not None
    assert store.held.prune(AT + timedelta(days=2, seconds=1)) == 0
    assert rows(store)[1:] == [2, 2]


def test_a_redelivery_has_the_same_message_id_each_time(store: Store) -> None:
    name = held(store)
    assert redelivery_message_id(name, "gw.example.org") == f"<held.{name}@gw.example.org>"
    assert name == hold(store).id


def test_no_key_encryption_key_is_a_fault_and_holds_nothing(options: StoreOptions) -> None:
    early = open_store(options, durable=True)
    open_store(options, durable=True).wrapping.key()
    (options.state / "kek").unlink()
    with pytest.raises(Fault, match="key-encryption key is missing"):
        hold(early)
    assert rows(early) == [0, 0, 0]


# what may not leave


def test_what_is_withheld_is_seen_and_never_tried(store: Store) -> None:
    message = to_hold(arrived(), Reason.REPLY_TO_ENCRYPTED, frozenset(), unreadable=False, message_id=None)
    name = store.held.hold(replace(message, state=State.WITHHELD), arrived().content, ROOMY, 0).id
    assert name is not None
    assert [(found.state, found.reason) for found in store.held.list()] == [(State.WITHHELD, Reason.REPLY_TO_ENCRYPTED)]
    assert store.held.retry() == []
    with pytest.raises(Refused, match="may not be sent"):
        store.held.retry([name])
    assert store.held.claim(AT + timedelta(days=1), LEASE) is None
    assert store.held.prune(AT + timedelta(days=1)) == 1
    assert store.held.list() == []


def test_what_is_withheld_has_room_of_its_own(store: Store) -> None:
    """Whoever fills the room for mail without a key must not have opened mail returned to him."""
    small = HoldLimits(max_size=1000, max_total=2 * (ENTRY_COST + 10), max_per_sender=2)

    def withhold(content: bytes) -> NotHeld | None:
        mail = replace(arrived(), content=content)
        message = to_hold(mail, Reason.REPLY_TO_ENCRYPTED, frozenset(), unreadable=False, message_id=None)
        return store.held.hold(replace(message, state=State.WITHHELD), content, small, 0).why_not

    for content in (b"1", b"2"):
        assert hold(store, limits=small, content=content).new
    assert hold(store, limits=small, content=b"3", sender="eve@example.com").why_not is NotHeld.MAX_TOTAL
    assert [withhold(content) for content in (b"4", b"5", b"6")] == [None, None, NotHeld.MAX_TOTAL]
    store.held.prune(AT + timedelta(days=1))
    assert withhold(b"7" * 10) is None
    assert all(hold(store, limits=small, content=content).new for content in (b"8", b"9"))
