"""All gateways of a store judge under one id."""

import pytest

from gateway.store import Misconfigured, Store
from gateway.store.gateways.presence import GONE
from tests.store.gateways.around import here, says, silence

ONE, OTHER = "smime.gw.example.org", "smime.other.example.org"


def test_the_first_says_it_and_the_others_say_the_same(store: Store) -> None:
    assert store.identity.take_up(says("a"), ONE) is None
    assert store.identity.take_up(says("b"), ONE) is None
    assert store.identity.former() == ()
    assert {each.presence.id for each in store.gateways.list()} == {"a", "b"}


def test_another_is_refused_while_one_runs(store: Store) -> None:
    store.identity.take_up(says("a"), ONE)
    with pytest.raises(Misconfigured, match=r"gw2\.example\.org .* under smime\.gw\.example\.org"):
        store.identity.take_up(here("b"), OTHER)
    assert [each.presence.id for each in store.gateways.list()] == ["a"], "it does not begin"


@pytest.mark.parametrize("silent", [True, False])
def test_another_takes_its_place_when_nobody_runs(store: Store, silent: bool) -> None:
    store.identity.take_up(says("a"), ONE)
    if silent:
        silence(store.database, "a", GONE.total_seconds() + 1)
    else:
        store.gateways.leave("a")
    assert store.identity.take_up(here("b"), OTHER) == ONE
    assert store.identity.former() == (ONE,)


def test_one_that_comes_back_is_not_among_the_former(store: Store) -> None:
    for number, name in enumerate((ONE, OTHER, ONE)):
        store.identity.take_up(says(f"g{number}"), name)
        store.gateways.leave(f"g{number}")
    assert store.identity.former() == (OTHER,)


def test_a_gateway_that_was_killed_on_this_host_holds_up_nobody(store: Store) -> None:
    process, _, _ = here("a").process.rpartition("/")
    store.identity.take_up(says("a", f"{process}/1"), ONE)
    assert store.identity.take_up(here("b"), OTHER) == ONE
    assert [each.presence.id for each in store.gateways.list()] == ["b"]
