"""Who runs on a store, by the database's clock, and who of them is elected."""

from datetime import timedelta

import pytest

from gateway.store import Store
from gateway.store.gateways.presence import ELECTED_FOR, FORGOTTEN, GONE, doors_elsewhere, others
from tests.store.gateways.around import here, says, silence


def elected(store: Store) -> list[str]:
    return [each.presence.id for each in store.gateways.list() if each.elected]


def test_who_beats_is_told_with_what_it_says(store: Store) -> None:
    store.gateways.beat(says("b"))
    store.gateways.beat(here("a"))
    told = {each.presence.id: each for each in store.gateways.list()}
    assert told["b"].presence == says("b")
    assert told["b"].host == "gw2.example.org"
    assert not any(each.gone for each in told.values())
    assert told["b"].silent < timedelta(seconds=10)


def test_one_of_all_is_elected_and_stays_so(store: Store) -> None:
    assert [store.gateways.beat(says(name)) for name in "abab"] == [True, False, True, False]
    assert elected(store) == ["a"]


def test_what_the_elected_does_is_handed_over_when_it_falls_silent(store: Store) -> None:
    for name in "ab":
        store.gateways.beat(says(name))
    silence(store.database, "a", ELECTED_FOR.total_seconds() + 1)
    assert elected(store) == []
    assert store.gateways.beat(says("b"))
    assert not store.gateways.beat(says("a")), "two would do it at once"


def test_who_leaves_is_no_longer_told_and_hands_over_at_once(store: Store) -> None:
    for name in "ab":
        store.gateways.beat(says(name))
    store.gateways.leave("a")
    assert [each.presence.id for each in store.gateways.list()] == ["b"]
    assert store.gateways.beat(says("b"))


def test_who_is_silent_too_long_is_gone_for_the_others_until_it_beats(store: Store) -> None:
    store.gateways.beat(says("a"))
    store.gateways.beat(says("b"))
    silence(store.database, "a", GONE.total_seconds() + 1)
    with store.database.read() as connection:
        assert [each.presence.id for each in others(connection, "b")] == []
    store.gateways.beat(says("a"))
    with store.database.read() as connection:
        assert [each.presence.id for each in others(connection, "b")] == ["a"]


def test_a_gateway_of_this_host_is_gone_when_its_supervisor_has_ended(store: Store) -> None:
    process, _, _ = here("a").process.rpartition("/")
    store.gateways.beat(says("a", f"{process}/1"))
    (told,) = store.gateways.list()
    assert told.gone


def test_the_doors_that_only_others_have(store: Store) -> None:
    store.gateways.beat(says("a", doors=("mx", "inbound")))
    with store.database.read() as connection:
        assert doors_elsewhere(connection, "b", ["inbound"]) == {"mx"}
        assert doors_elsewhere(connection, "a", ["inbound"]) == frozenset()
    silence(store.database, "a", GONE.total_seconds() + 1)
    with store.database.read() as connection:
        assert doors_elsewhere(connection, "b", ["inbound"]) == frozenset()


@pytest.mark.parametrize(("silent", "kept"), [(GONE, ["a"]), (FORGOTTEN, [])])
def test_who_has_been_silent_for_a_day_is_forgotten(store: Store, silent: timedelta, kept: list[str]) -> None:
    store.gateways.beat(says("a"))
    silence(store.database, "a", silent.total_seconds() + 1)
    store.gateways.forget()
    assert [each.presence.id for each in store.gateways.list()] == kept
