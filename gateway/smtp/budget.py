"""A number of things that may be in use at once, taken several together or not at all, first come first served.

Messages with several copies hold connections to the next hop while they wait for more; were they taken one by one, two
such messages could wait for each other.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """``size`` of something, for one event loop."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, count: int) -> AsyncIterator[None]:
        """Wait until ``count`` (at most the size) are free, and hold them inside the block."""
        await self._take(count)
        try:
            yield
        finally:
            self._free += count
            self._serve()

    async def _take(self, count: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((count, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free += count
            else:
                self._waiting.remove((count, turn))
            self._serve()
            raise

    def _serve(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            count, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._free -= count
                turn.set_result(None)
