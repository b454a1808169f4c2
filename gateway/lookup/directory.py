"""A source of certificates as all others see it: asked in threads of its own, and spared where it fails or is slow.

Each has a breaker (after ``FAILURES`` in a row nobody asks for a while, then one tries), a rate, and so many questions
at once; a question that is under way is not asked twice. Each question is bounded in time by whoever asks it (``ask``),
so no thread is held for longer.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, TypeVar

from gateway import backoff
from gateway.lookup.answer import NotAnswered

FAILURES = 3
"""In a row, after which the breaker opens."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds for which it stays open."""
AT_ONCE = 8
"""Questions to one source at one time, of each process."""
PER_SECOND, BURST = 50.0, 100.0
"""Questions to one source, of each process."""

T = TypeVar("T")
Clock = Callable[[], float]
"""Monotonic seconds."""


class Breaker:
    """Whether a source may be asked now. Safe for threads."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._failures = 0
        self._closed_until = 0.0
        self._tokens, self._counted_at = BURST, clock()

    @property
    def is_open(self) -> bool:
        """Whether it failed too often lately."""
        return self._failures >= FAILURES

    def take(self) -> None:
        """Begin a question. Raises ``NotAnswered`` where none may be asked now."""
        with self._lock:
            now = self._clock()
            if self.is_open and now < self._closed_until:
                raise NotAnswered("it failed too often lately and is spared for a while")
            self._tokens = min(BURST, self._tokens + (now - self._counted_at) * PER_SECOND)
            self._counted_at = now
            if self._tokens < 1:
                raise NotAnswered("it was asked too often lately")
            self._tokens -= 1
            if self.is_open:  # one tries; the others wait for what becomes of it
                self._closed_until = now + self._pause()

    def tell(self, *, well: bool) -> bool:
        """Note how a question ended; return whether that opens or closes the breaker."""
        with self._lock:
            before = self.is_open
            self._failures = 0 if well else self._failures + 1
            if self.is_open:
                self._closed_until = self._clock() + self._pause()
            return before != self.is_open

    def _pause(self) -> float:
        return backoff.pause(max(1, self._failures - FAILURES + 1), FIRST_PAUSE, LONGEST_PAUSE)


class Directory(Generic[T]):
    """One source; ``T`` is what becomes of an answer."""

    def __init__(self, name: str, clock: Clock = time.monotonic) -> None:
        self.name = name
        self.breaker = Breaker(clock)
        self._threads = ThreadPoolExecutor(AT_ONCE, f"source {name}")
        self._lock = Lock()
        self._under_way: dict[str, Future[T]] = {}

    def ask(self, address: str, question: Callable[[str], T]) -> Future[T]:
        """Have ``question`` asked for ``address`` in a thread, or join who asked already. Raises ``NotAnswered``."""
        with self._lock:
            if (under_way := self._under_way.get(address)) is not None:
                return under_way
            self.breaker.take()
            try:
                asked = self._under_way[address] = self._threads.submit(question, address)
            except RuntimeError as error:
                raise NotAnswered("it is asked no more: the configuration has changed") from error
        asked.add_done_callback(lambda _: self._under_way.pop(address, None))
        return asked

    def close(self) -> None:
        """Ask no more; what is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
