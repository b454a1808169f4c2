"""What a gateway's processes know of its beats, and what it says of itself."""

import os
import time

import pytest

from gateway.config import parse
from gateway.processes.gateway import HELD_FOR, Gateway, Pulse, policy_digest
from gateway.store.gateways.presence import GONE


def test_what_was_taken_counts_while_no_beat_is_late() -> None:
    now, pulse = time.monotonic(), Pulse()
    assert not pulse.holds(now), "it never beat"
    pulse.beat(now - 100)
    assert not pulse.holds(now), "it has fallen silent"
    pulse.beat(now)
    assert pulse.holds(now)
    assert not pulse.holds(now - 1), "another may have taken over what was taken before the silence"
    pulse.beat(now + 1)
    assert pulse.holds(now), "it goes on"


def test_an_election_ends_by_itself() -> None:
    now, pulse = time.monotonic(), Pulse()
    assert not pulse.elected()
    pulse.elect(now + 100)
    assert pulse.elected()
    pulse.elect(now - 1)
    assert not pulse.elected()


def test_it_stops_before_the_others_go_on() -> None:
    assert GONE.total_seconds() > HELD_FOR


def test_all_processes_see_the_beat() -> None:
    pulse = Pulse()
    if (child := os.fork()) == 0:
        pulse.beat(time.monotonic())
        os._exit(0)
    os.waitpid(child, 0)
    assert pulse.holds(time.monotonic())


def test_a_gateway_that_shares_its_store_with_nobody_waits_for_nobody() -> None:
    assert Gateway(2, shares=False).holds(time.monotonic())
    assert not Gateway(2, shares=True).holds(time.monotonic())


GROUP = "groups: [{name: g, addresses: ['a@example.org'], sign: required}]\n"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("limits: {copies: 3}\n" + GROUP, True),
        (GROUP.replace("required", "never"), False),
        (GROUP + "defaults: {encrypt: never}\n", False),
        (GROUP + "internal: {addresses: ['b@example.org']}\n", False),
        (GROUP + "algorithms: {accept_legacy: true}\n", False),
    ],
)
def test_gateways_under_other_rules_are_told_apart(text: str, same: bool) -> None:
    plain = parse("hostname: a.example.org\n" + GROUP)
    assert (policy_digest(parse("hostname: b.example.org\n" + text)) == policy_digest(plain)) is same
