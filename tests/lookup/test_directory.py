"""A source is spared where it fails, and asked once for what is under way."""

from collections.abc import Iterator
from threading import Event

import pytest

from gateway.lookup.answer import NotAnswered
from gateway.lookup.directory import (
    AT_ONCE,
    BURST,
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    PER_SECOND,
    Breaker,
    Directory,
)


class Time:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def breaker(clock: Time) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.take()
        breaker.tell(well=False)


def test_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.take()
    breaker.tell(well=True)
    fail(breaker, FAILURES - 1)
    breaker.take()
    assert breaker.tell(well=False) and breaker.is_open
    with pytest.raises(NotAnswered, match="spared"):
        breaker.take()


def test_after_a_pause_one_tries(breaker: Breaker, clock: Time) -> None:
    fail(breaker, FAILURES)
    clock.at += FIRST_PAUSE
    breaker.take()
    with pytest.raises(NotAnswered, match="spared"):
        breaker.take()
    assert breaker.tell(well=True) and not breaker.is_open
    breaker.take()


def test_pauses_grow_up_to_a_bound(breaker: Breaker, clock: Time) -> None:
    fail(breaker, FAILURES)
    for _ in range(20):
        clock.at += LONGEST_PAUSE
        fail(breaker, 1)
    clock.at += LONGEST_PAUSE - 1
    with pytest.raises(NotAnswered, match="spared"):
        breaker.take()
    clock.at += 1
    breaker.take()


def test_a_rate_is_kept(breaker: Breaker, clock: Time) -> None:
    for _ in range(int(BURST)):
        breaker.take()
    with pytest.raises(NotAnswered, match="too often"):
        breaker.take()
    clock.at += 2.5 / PER_SECOND
    breaker.take()
    breaker.take()
    with pytest.raises(NotAnswered, match="too often"):
        breaker.take()


@pytest.fixture
def directory() -> Iterator[Directory[str]]:
    made: Directory[str] = Directory("test")
    yield made
    made.close()


def test_what_is_under_way_is_not_asked_twice(directory: Directory[str]) -> None:
    go, asked = Event(), []

    def question(address: str) -> str:
        asked.append(address)
        go.wait(10)
        return address.upper()

    answers = [directory.ask(address, question) for address in ("a", "b", "a", "a")]
    go.set()
    assert [answer.result(10) for answer in answers] == ["A", "B", "A", "A"]
    assert sorted(asked) == ["a", "b"]
    assert directory.ask("a", question).result(10) == "A", "and asked again once it has ended"
    assert len(asked) == 3


def test_so_many_at_once(directory: Directory[str]) -> None:
    go, begun = Event(), []

    def question(address: str) -> str:
        begun.append(address)
        go.wait(10)
        return address

    answers = [directory.ask(str(n), question) for n in range(AT_ONCE + 5)]
    while len(begun) < AT_ONCE:
        go.wait(0.01)
    assert len(begun) == AT_ONCE
    go.set()
    assert len({answer.result(10) for answer in answers}) == AT_ONCE + 5
