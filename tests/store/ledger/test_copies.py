"""The ledger (REL-03): copies taken are not made twice, two mails on purpose stay two, and nothing is lost."""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Fault
from gateway.store import Store, StoreOptions, open_store
from gateway.store.ledger.copies import FOREIGN_AGE, StoredLedger
from gateway.store.ledger.owner import this_owner

MAIL = (b"d" * 32, "outbound", "support@example.org")
ALL = ("a@x", "b@x", "c@x")
HOST = this_owner().split("/")[0]


class Clock:
    """The time of day, as told."""

    at = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def here(store: Store) -> StoredLedger:
    return store.ledger


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    """Another process of this host that lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def owned_by(store: Store, pid: int) -> StoredLedger:
    """The ledger as another process of this host holds it."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return StoredLedger(store.database, f"{HOST}/{pid}/{stat[19]}")


@pytest.mark.parametrize(("end", "claimed"), [("release", {"a@x"}), ("forget", set())])
def test_what_a_fault_kept_from_being_closed_is_closed_before_the_next_claim(
    end: str, claimed: set[str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing() -> Any:
        raise Fault("the disk is full")

    store.ledger.claim(*MAIL, ALL)
    store.ledger.taken(*MAIL, ["a@x"])
    with monkeypatch.context() as patch:
        patch.setattr(store.database, "write", failing)
        with pytest.raises(Fault):
            getattr(store.ledger, end)(*MAIL)
        with pytest.raises(Fault):
            store.ledger.claim(*MAIL, ALL)
        with pytest.raises(Fault):
            store.ledger.release(*MAIL)
    assert store.ledger.claim(*MAIL, ALL) == claimed


def test_rel_03_a_retry_skips_what_a_failed_transaction_had_taken(here: StoredLedger) -> None:
    assert here.claim(*MAIL, ALL) == frozenset()
    here.taken(*MAIL, ["a@x"])
    here.taken(*MAIL, ["b@x", "a@x"])
    here.release(*MAIL)
    assert here.claim(*MAIL, ALL) == {"a@x", "b@x"}
    here.taken(*MAIL, ["c@x"])
    here.forget(*MAIL)
    assert here.claim(*MAIL, ALL) == frozenset()


def test_a_failure_after_a_claim_leaves_everything_for_the_next(here: StoredLedger) -> None:
    here.claim(*MAIL, ALL)
    here.taken(*MAIL, ["a@x"])
    here.release(*MAIL)
    assert here.claim(*MAIL, ALL) == {"a@x"}
    here.taken(*MAIL, ["b@x"])
    here.release(*MAIL)
    assert here.claim(*MAIL, ALL) == {"a@x", "b@x"}


def test_only_recipients_of_the_new_attempt_are_claimed(here: StoredLedger) -> None:
    here.taken(*MAIL, ALL)
    here.release(*MAIL)
    assert here.claim(*MAIL, ["b@x", "d@x"]) == {"b@x"}
    here.forget(*MAIL)


@pytest.mark.parametrize(
    "other", [(b"e" * 32, *MAIL[1:]), (MAIL[0], "milter", MAIL[2]), (*MAIL[:2], "x@y"), (*MAIL[:2], "")]
)
def test_other_content_doors_and_senders_are_other_mails(here: StoredLedger, other: tuple[bytes, str, str]) -> None:
    here.taken(*MAIL, ALL)
    here.release(*MAIL)
    assert here.claim(*other, ALL) == frozenset()
    here.forget(*other)
    assert here.claim(*MAIL, ALL) == set(ALL)


def test_addresses_count_to_the_letter_and_may_hold_anything(here: StoredLedger) -> None:
    odd = ("A@x", "a@x", "\udcff@x", "\0@x", "ü@x", "x" * 5000)
    here.taken(*MAIL, odd[1:])
    here.release(*MAIL)
    assert here.claim(*MAIL, odd) == set(odd[1:])


def test_a_live_process_keeps_its_entries(store: Store, here: StoredLedger, sleeper: "subprocess.Popen[bytes]") -> None:
    running = owned_by(store, sleeper.pid)
    running.claim(*MAIL, ALL)
    running.taken(*MAIL, ["a@x"])
    assert here.claim(*MAIL, ALL) == frozenset()
    here.taken(*MAIL, ALL)
    here.forget(*MAIL)
    running.release(*MAIL)
    assert here.claim(*MAIL, ALL) == {"a@x"}


def test_a_dead_process_loses_its_entries(store: Store, here: StoredLedger, sleeper: "subprocess.Popen[bytes]") -> None:
    died = owned_by(store, sleeper.pid)
    died.claim(*MAIL, ALL)
    died.taken(*MAIL, ["a@x"])
    assert here.claim(*MAIL, ALL) == frozenset()
    sleeper.kill()
    while here.claim(*MAIL, ALL) != {"a@x"}:  # the kernel takes a moment; what remains of the process does not count
        time.sleep(0.01)
    sleeper.wait()


def test_a_process_id_used_again_is_another_process(store: Store, here: StoredLedger) -> None:
    before = StoredLedger(store.database, f"{HOST}/{os.getpid()}/1")
    before.taken(*MAIL, ["a@x"])
    assert here.claim(*MAIL, ALL) == {"a@x"}


def test_a_process_of_another_host_is_dead_after_a_while(store: Store) -> None:
    clock = Clock()
    here = StoredLedger(store.database, this_owner(), clock)
    there = StoredLedger(store.database, "elsewhere/1/1", clock)
    there.taken(*MAIL, ["a@x"])
    clock.at += FOREIGN_AGE
    assert here.claim(*MAIL, ALL) == frozenset()
    clock.at += timedelta(seconds=1)
    assert here.claim(*MAIL, ALL) == {"a@x"}


def test_what_another_host_released_can_be_claimed_at_once(store: Store, here: StoredLedger) -> None:
    there = StoredLedger(store.database, "elsewhere/1/1")
    there.claim(*MAIL, ALL)
    there.taken(*MAIL, ["a@x"])
    there.release(*MAIL)
    assert here.claim(*MAIL, ALL) == {"a@x"}


def test_the_same_bytes_twice_on_purpose_are_two_mails(here: StoredLedger) -> None:
    """Two at once in one process: the failure of one must not let the other's copies pass for its own."""
    assert here.claim(*MAIL, ALL) == frozenset()
    here.taken(*MAIL, ["a@x"])
    assert here.claim(*MAIL, ALL) == frozenset()
    here.release(*MAIL)  # the second fails before it was anywhere
    assert here.claim(*MAIL, ALL) == frozenset()
    here.taken(*MAIL, ["a@x"])
    here.forget(*MAIL)
    here.forget(*MAIL)
    assert here.claim(*MAIL, ALL) == frozenset()


def test_entries_are_there_for_the_next_start(options: StoreOptions) -> None:
    first = open_store(options, durable=True)
    first.ledger.claim(*MAIL, ALL)
    first.ledger.taken(*MAIL, ["a@x"])
    first.ledger.release(*MAIL)
    first.close()
    assert open_store(options, durable=True).ledger.claim(*MAIL, ALL) == {"a@x"}


def test_whether_anything_waits_is_told(here: StoredLedger) -> None:
    assert not here.waiting()
    here.taken(*MAIL, ["a@x"])
    assert here.waiting()
    here.forget(*MAIL)
    assert not here.waiting()


def test_old_entries_are_pruned(store: Store) -> None:
    clock = Clock()
    ledger = StoredLedger(store.database, this_owner(), clock)
    ledger.taken(*MAIL, ["a@x"])
    clock.at += timedelta(days=1)
    ledger.taken(*MAIL, ["b@x"])
    assert ledger.prune(clock.at) == 1
    ledger.release(*MAIL)
    assert ledger.claim(*MAIL, ALL) == {"b@x"}


def _claim(options: StoreOptions, start: Any, found: Any) -> None:
    store = open_store(options, durable=True)
    start.wait()
    found.put(sorted(store.ledger.claim(*MAIL, ALL)))
    start.wait()  # all stay alive until all have claimed


def test_of_many_who_claim_at_once_one_gets_each_entry(options: StoreOptions) -> None:
    store = open_store(options, durable=True)
    store.ledger.taken(*MAIL, ALL)
    store.ledger.release(*MAIL)
    spawn = multiprocessing.get_context("spawn")
    start, found = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=_claim, args=(options, start, found)) for _ in range(4)]
    for process in processes:
        process.start()
    claims = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert sorted(claims) == [[], [], [], sorted(ALL)]
