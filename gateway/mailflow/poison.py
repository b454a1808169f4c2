"""Poison: a message that kills or hangs the process it is in must not do so for ever (DEC-10, REL-11).

While the engine works on a message, its digest stands in memory that the supervisor sees too (``Working``). When the
process dies, the supervisor makes all of them ``Suspects``. A suspect that comes again is first tried alone, in a
process whose end hurts nobody (``sandbox``): an innocent comes through, and is processed as any other; one with three
strikes is processed no more: what arrives is delivered as it came, what leaves is refused.

Suspects are files in a folder of this run: readable by eye, and shared by all processes without a lock to die with.
"""

import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from gateway.clock import now
from gateway.config import Options
from gateway.engine.engine import Engine
from gateway.engine.transaction import Outcome, Transaction
from gateway.errors import GatewayError
from gateway.log import logger
from gateway.mail.arrival import digest
from gateway.mailflow.sandbox import survives_sandbox
from gateway.story import Story, Wanted

STRIKES = 3
FORGOTTEN_AFTER = 86400.0
"""Seconds after the last strike."""
MOST_SUSPECTS = 1000
"""Of more, those with the oldest strike are forgotten."""


class Crashed(GatewayError):
    """A message ended the process in which it was tried."""


class Working:
    """The digests of what one process works on; made before the fork, written by the child, read by both."""

    _SLOT = struct.Struct("=d32s")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._free = list(range(0, mmap.PAGESIZE - self._SLOT.size, self._SLOT.size))

    @contextmanager
    def on(self, content: bytes) -> Iterator[None]:
        """Have it known, inside this block, that this process works on a message."""
        slot = self._free.pop()
        self._SLOT.pack_into(self._memory, slot, time.monotonic(), content)
        try:
            yield
        finally:
            self._SLOT.pack_into(self._memory, slot, 0.0, b"")
            self._free.append(slot)

    def digests(self) -> set[bytes]:
        """Return what the process works on, or worked on when it died."""
        return {content for since, content in self._slots() if since}

    def longest(self) -> float:
        """Return for how many seconds the process has worked on one message."""
        return max((time.monotonic() - since for since, _ in self._slots() if since), default=0.0)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def _slots(self) -> Iterator[tuple[float, bytes]]:
        return self._SLOT.iter_unpack(self._memory[: mmap.PAGESIZE // self._SLOT.size * self._SLOT.size])


class Suspects:
    """Messages under which a process ended lately: a file each, as many bytes long as it has strikes."""

    def __init__(self, folder: Path) -> None:
        """Raises ``OSError`` where the folder cannot be made."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder

    def any(self) -> bool:
        """Whether there are any; nearly never, and quickly told."""
        with suppress(OSError):
            return bool(os.listdir(self._folder))  # noqa: PTH208 - half the time
        return False

    def strikes(self, content: bytes) -> int:
        """Return how often a process ended under that message."""
        try:
            found = self._path(content).stat()
        except OSError:  # nearly always: there is none
            return 0
        return found.st_size if now().timestamp() - found.st_mtime < FORGOTTEN_AFTER else 0

    def strike(self, content: bytes) -> int:
        """Count one more, and return how many there are; where that fails, it is logged and not known next time."""
        strikes = self.strikes(content) + 1
        try:
            self._path(content).write_bytes(b"x" * strikes)
            self._forget_oldest()
        except OSError as error:
            logger.error("a message under which a process ended could not be noted: %s", error)
        return strikes

    def acquit(self, content: bytes) -> None:
        """Forget that it was suspected."""
        with suppress(OSError):
            self._path(content).unlink()

    def _path(self, content: bytes) -> Path:
        return self._folder / content.hex()

    def _forget_oldest(self) -> None:
        paths = list(self._folder.iterdir())
        if len(paths) > MOST_SUSPECTS:
            min(paths, key=lambda path: path.stat().st_mtime).unlink()


class PoisonWatch:
    """One process's way to run the engine."""

    def __init__(self, suspects: Suspects, working: Working) -> None:
        self.suspects = suspects
        self.working = working

    def suspected(self, transaction: Transaction) -> bool:
        """Whether its story may take long, for the message is tried alone first."""
        return self.suspects.any() and self.suspects.strikes(digest(transaction.content)) > 0

    def story(self, transaction: Transaction, engine: Engine, options: Options) -> Story[Outcome]:
        """Tell the story of ``engine``, which was built under ``options``; what is suspected is tried alone first.

        Raises ``Fault``, ``Crashed``, and what a bug raises.
        """
        content = digest(transaction.content)
        strikes = self.suspects.strikes(content)
        if 0 < strikes < STRIKES and not survives_sandbox(options, transaction):
            strikes = self.suspects.strike(content)
            logger.error("%s: processing ended the process; strike %d of %d", transaction.id, strikes, STRIKES)
            if strikes < STRIKES:
                raise Crashed("the message was tried in a process of its own, and ended it; it is deferred")
        if strikes >= STRIKES:
            logger.error("%s: poison: processed no more; please report the log lines above", transaction.id)
            return engine.give_up(transaction)
        outcome = yield from self._guarded(engine.story(transaction), content)
        if strikes:
            self.suspects.acquit(content)
        return outcome

    def _guarded(self, story: Story[Outcome], content: bytes) -> Story[Outcome]:
        """Tell a story, whose steps may end this process; while it waits for an answer nobody works on it."""
        go_on: Callable[[], Wanted] = partial(next, story)
        while True:
            with self.working.on(content):
                try:
                    want = go_on()
                except StopIteration as end:
                    outcome: Outcome = end.value
                    return outcome
            try:
                go_on = partial(story.send, (yield want))
            except Exception as error:  # noqa: BLE001 - it is the story's, which was the one to ask
                go_on = partial(story.throw, error)
