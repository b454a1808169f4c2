"""What a process of another gateway holds is free when that gateway has been silent for half a minute, not before."""

from datetime import timedelta

import pytest

from gateway.errors import Fault
from gateway.store import Store
from gateway.store.gateways.fate import Fate, fate
from gateway.store.gateways.presence import GONE, LATE
from gateway.store.held.entries import StoredHeld
from gateway.store.ledger.copies import StoredLedger
from gateway.store.ledger.owner import this_owner
from tests.store.gateways.around import says, silence
from tests.store.held.messages import AT, held

MAIL = (b"d" * 32, "outbound", "support@example.org")
ALL = ("a@x", "b@x")
THERE = "gw2.example.org:a/18/4712"
"""A worker of the gateway ``a``."""


def known(store: Store, owner: str = THERE) -> Fate:
    with store.database.read() as connection:
        return fate(connection, owner, this_owner("b"))


def after(store: Store, silent: timedelta) -> None:
    silence(store.database, "a", silent.total_seconds() + 1)


def test_a_process_runs_as_long_as_its_gateway_beats(store: Store) -> None:
    assert known(store) is Fate.ENDED, "it has left"
    store.gateways.beat(says("a"))
    assert known(store) is Fate.RUNS
    after(store, LATE)
    assert known(store) is Fate.SILENT
    after(store, GONE)
    assert known(store) is Fate.ENDED
    assert known(store, "elsewhere/1/1") is Fate.UNKNOWN


def test_one_of_this_host_is_seen_to_end(store: Store) -> None:
    mine = this_owner("b")
    assert known(store, mine) is Fate.RUNS
    assert known(store, mine.rpartition("/")[0] + "/1") is Fate.ENDED


def test_rel_03_a_retry_at_another_gateway_waits_until_it_is_known_what_became_of_the_first(store: Store) -> None:
    """REL-03: neither are copies made twice nor are two mails on purpose taken for one."""
    store.gateways.beat(says("a"))
    there = StoredLedger(store.database, THERE)
    there.claim(*MAIL, ALL)
    there.taken(*MAIL, ["a@x"])
    assert store.ledger.claim(*MAIL, ALL) == frozenset(), "it runs: a mail of its own"
    after(store, LATE)
    with pytest.raises(Fault, match="fallen silent"):
        store.ledger.claim(*MAIL, ALL)
    after(store, GONE)
    assert store.ledger.claim(*MAIL, ALL) == {"a@x"}


def test_what_a_worker_that_died_held_is_left_by_its_own_host(store: Store) -> None:
    """Its gateway beats on, so nobody else would take it for ended."""
    died = StoredLedger(store.database, this_owner("b").rpartition("/")[0] + "/1")
    died.claim(*MAIL, ALL)
    died.taken(*MAIL, ["a@x"])
    elsewhere = StoredLedger(store.database, THERE)
    store.gateways.beat(says("b"))
    assert elsewhere.claim(*MAIL, ALL) == frozenset()
    store.ledger.release_ended()
    assert elsewhere.claim(*MAIL, ALL) == {"a@x"}


def at_gateway(store: Store, owner: str) -> StoredHeld:
    """Held mail as a process of another gateway has it."""
    return StoredHeld(store.database, store.generation, store.wrapping, owner)


def test_rel_05_held_mail_of_a_gateway_that_fell_silent_is_tried_by_another(store: Store) -> None:
    store.gateways.beat(says("a"))
    held(store)
    store.held.retry()
    assert at_gateway(store, THERE).claim(AT, timedelta(hours=1)) is not None
    assert store.held.claim(AT, timedelta(hours=1)) is None
    after(store, LATE)
    assert store.held.claim(AT, timedelta(hours=1)) is None
    after(store, GONE)
    assert store.held.claim(AT, timedelta(hours=1)) is not None


def test_held_mail_is_left_to_the_gateway_that_has_its_door(store: Store) -> None:
    """Unless no gateway that runs has it: a door that was renamed keeps nothing back."""
    store.gateways.beat(says("a", doors=("mx",)))
    held(store, door="mx")
    store.held.retry()
    assert store.held.claim(AT, timedelta(hours=1), ["inbound"]) is None
    after(store, GONE)
    assert store.held.claim(AT, timedelta(hours=1), ["inbound"]) is not None


def test_held_mail_with_one_next_hop_is_tried_by_any_gateway(store: Store) -> None:
    store.gateways.beat(says("a", doors=("mx",)))
    held(store, door="mx")
    store.held.retry()
    assert store.held.claim(AT, timedelta(hours=1), None) is not None
