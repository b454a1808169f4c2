"""Stories on an event loop: what is at hand costs nobody a wait, and who is not answered holds up nobody else."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, current_thread
from typing import Any

import pytest

from gateway.engine.wants import AnyOpened
from gateway.errors import Fault
from gateway.mailflow.telling import Teller
from gateway.policy.wants import Found, Search
from gateway.story import NotAtHand, Story, Want, Wanted, ask


@dataclass(frozen=True)
class Number(Want[int]):
    name: str


class Answers:
    """What ``Gather`` is to a teller: some answers at hand, some not, and who gave them."""

    def __init__(self, at_hand: dict[str, int], slow: dict[str, Callable[[], int]]) -> None:
        self._at_hand, self._slow = at_hand, slow
        self.threads: list[str] = []

    def __call__(self, want: Wanted) -> Any:
        self.threads.append(current_thread().name)
        return self._slow[want.name]()

    def at_hand(self, want: Wanted) -> Any:
        if isinstance(want, Number) and want.name in self._at_hand:
            return self._at_hand[want.name]
        raise NotAtHand

    def in_passing(self, want: Wanted) -> Any:
        if isinstance(want, AnyOpened):
            return False
        raise NotAtHand


def adding(*names: str, steps: list[str] | None = None) -> Story[int]:
    yield from ask(AnyOpened()) if steps is not None else ()
    total = 0
    for name in names:
        if steps is not None:
            steps.append(current_thread().name)
        total += yield from ask(Number(name))
    return total


@pytest.fixture
def pools() -> Iterator[tuple[ThreadPoolExecutor, ThreadPoolExecutor]]:
    with ThreadPoolExecutor(1, "engine") as engine, ThreadPoolExecutor(2, "store") as asking:
        yield engine, asking


def test_questions_are_asked_in_threads_of_their_own(pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor]) -> None:
    answers, steps = Answers({"a": 1}, {"b": lambda: 2}), []
    story = adding("a", "b", "a", steps=steps)
    assert asyncio.run(Teller(*pools).tell(story, answers, is_small=True)) == 4
    assert steps[0] == "MainThread", "a small one begins on the loop"
    assert all(name.startswith("engine") for name in steps[1:])
    assert len(answers.threads) == 1
    assert answers.threads[0].startswith("store")


def test_what_is_never_answered_holds_up_no_other_and_defers(
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
) -> None:
    never = Event()
    answers = Answers({"a": 1}, {"b": lambda: 2, "stuck": lambda: int(never.wait())})

    async def both() -> int:
        teller = Teller(*pools, within=5)
        stuck = asyncio.create_task(teller.tell(adding("stuck"), answers, is_small=False))
        await asyncio.sleep(0.05)
        others = [await teller.tell(adding("a", "b"), answers, is_small=False) for _ in range(20)]
        assert not stuck.done()
        stuck.cancel()
        hasty = Teller(*pools, within=0.05)
        with pytest.raises(Fault, match="did not answer within"):
            await hasty.tell(adding("stuck"), answers, is_small=False)
        return sum(others)

    try:
        assert asyncio.run(both()) == 60
    finally:
        never.set()


@pytest.mark.parametrize("error", [Fault("locked"), ValueError("a bug")])
def test_who_cannot_answer_is_heard_where_the_story_asks(
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor], error: Exception
) -> None:
    def broken() -> int:
        raise error

    def story() -> Story[str]:
        try:
            yield from ask(Number("broken"))
        except type(error) as heard:
            return str(heard)
        return ""

    answers = Answers({}, {"broken": broken})
    assert asyncio.run(Teller(*pools).tell(story(), answers, is_small=False)) == str(error)


def test_a_story_does_not_hear_that_nobody_could_be_sent_to_ask(
    pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
) -> None:
    """It would take it for a bug in the message, which is delivered then; this defers."""
    heard: list[Exception] = []

    def story() -> Story[str]:
        try:
            yield from ask(Number("b"))
        except Exception as error:
            heard.append(error)
        return "delivered as it came"

    engine, asking = pools
    asking.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        asyncio.run(Teller(engine, asking).tell(story(), Answers({}, {}), is_small=False))
    assert heard == []


def test_what_goes_further_than_the_store_has_threads_of_its_own() -> None:
    """However many wait for directories, questions to the store are answered."""
    go, waiting = Event(), Event()

    class Slow(Answers):
        def __call__(self, want: Wanted) -> Any:
            if isinstance(want, Search):
                waiting.set()
                go.wait(10)
                return Found()
            return super().__call__(want)

    def searching() -> Story[Found]:
        return (yield from ask(Search(frozenset(), datetime(2026, 6, 1, tzinfo=UTC))))

    async def both() -> int:
        answers = Slow({}, {"a": lambda: 7})
        searches = [asyncio.create_task(teller.tell(searching(), answers, is_small=False)) for _ in range(5)]
        while not waiting.is_set():
            await asyncio.sleep(0.01)
        total = await teller.tell(adding("a"), answers, is_small=False)
        go.set()
        await asyncio.gather(*searches)
        return total

    with (
        ThreadPoolExecutor(1) as engine,
        ThreadPoolExecutor(1) as store,
        ThreadPoolExecutor(2) as directories,
    ):
        teller = Teller(engine, store, searching=directories)
        assert asyncio.run(both()) == 7
