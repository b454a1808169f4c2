"""Stories on an event loop: their steps in the engine's threads, their questions in others, nobody waits for either.

A question that is never answered holds up its own story, and no other: it has a deadline, after which the message is
deferred. Questions that go further than the store, to directories, have threads of their own, however slow those are.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

from gateway.errors import Fault
from gateway.gather import Gather
from gateway.policy.wants import Search
from gateway.story import Ended, Story, Wanted, advance, resume

ASK_WITHIN = 60.0
"""Seconds."""

T = TypeVar("T")


class Teller:
    """Where stories are told: ``engine`` for what takes the processor, ``asking`` for what waits, ``searching`` for
    what may wait for seconds (None: the same)."""

    def __init__(
        self, engine: Executor, asking: Executor, within: float = ASK_WITHIN, searching: Executor | None = None
    ) -> None:
        self._engine = engine
        self._asking = asking
        self._searching = searching or asking
        self._within = within

    async def tell(self, story: Story[T], gather: Gather, *, is_small: bool) -> T:
        """Return what a story comes to. Raises ``Fault``, and what the story raises.

        ``is_small``: it begins on the event loop, for the way to a thread and back takes longer.
        """
        if is_small:
            step = advance(story, None, gather.in_passing)
            if not isinstance(step, Ended):
                step = await self._step(resume, story, step, gather.at_hand)
        else:
            step = await self._step(advance, story, None, gather.at_hand)
        while not isinstance(step, Ended):
            told = failed = None
            # Where no thread can be had it is not the story's to hear: it might take that for a bug in the message.
            where = self._searching if isinstance(step, Search) else self._asking
            asked = asyncio.get_running_loop().run_in_executor(where, gather, step)
            try:
                told = await self._in_time(asked, step)
            except Exception as error:  # noqa: BLE001 - it is the story's, which was the one to ask
                failed = error
            step = await self._step(advance, story, told, gather.at_hand, failed)
        return step.value

    async def _step(self, function: Callable[..., Wanted | Ended[T]], *values: Any) -> Wanted | Ended[T]:
        return await asyncio.get_running_loop().run_in_executor(self._engine, function, *values)

    async def _in_time(self, asked: asyncio.Future[Any], want: Wanted) -> Any:
        try:
            async with asyncio.timeout(self._within):
                return await asked
        except TimeoutError:
            raise Fault(f"the store did not answer within {self._within:g} s ({type(want).__name__})") from None
