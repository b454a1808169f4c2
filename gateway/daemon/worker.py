"""One worker: an event loop with all doors, threads for the engine and the store, and the end of it.

The engine runs in threads, so that neither a signature nor a slow store holds up anybody else's dialogue. Records are
gathered for a moment and written together.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from gateway.clock import new_id, now
from gateway.config import Options
from gateway.daemon.desk import Desk, prune
from gateway.daemon.retry import Retry
from gateway.engine.transaction import Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.house import build_doors, build_limits
from gateway.log import logger
from gateway.reply import Reply
from gateway.smtp.budget import Budget
from gateway.smtp.door import Door, NextHop, Timeouts
from gateway.smtp.listener import OpenDoor, open_door
from gateway.smtp.next_hop import Pool

ENGINE_THREADS = 4
M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 1 << 20
PRUNE_EVERY = 3600.0
"""Seconds between two removals of what is past its retention."""

T = TypeVar("T")


class Worker:
    """One process's share of the service."""

    def __init__(self, options: Options, share: int, instance: str) -> None:
        """``share``: how many workers there are in all; ``instance``: the id by which we know our own greeting."""
        self._options = options
        self._share = share
        self._instance = instance
        self._desk = Desk(options)
        self._threads = ThreadPoolExecutor(ENGINE_THREADS, "engine")

    async def run(self, ready: asyncio.Event, lifeline: int) -> None:
        """Open the doors, serve until SIGTERM, SIGINT or the end of the supervisor, drain, and return."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        loop.add_reader(lifeline, stopped.set)
        described = build_doors(self._options)
        doors = await self._open(described)
        pruning = asyncio.create_task(self._prune())
        retrying = asyncio.create_task(self._retry(described).run(stopped))
        ready.set()
        await stopped.wait()
        loop.remove_reader(lifeline)
        pruning.cancel()
        patience = self._options.drain.total_seconds()
        await asyncio.gather(*(door.drain(patience) for door in doors), asyncio.wait({retrying}, timeout=patience))
        retrying.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._desk.close()

    async def _open(self, doors: tuple[Door, ...]) -> list[OpenDoor]:
        limits = build_limits(self._options, self._share)
        copies = Budget(limits.copies)
        return [
            await open_door(
                door,
                limits,
                process=self.process,
                report=self.report,
                ledger=self._desk.store.ledger,
                waiting=self._desk.store.ledger.waiting,
                hostname=self._options.hostname,
                instance=self._instance,
                new_id=new_id,
                now=now,
                copies=copies,
            )
            for door in doors
        ]

    def _retry(self, doors: tuple[Door, ...]) -> Retry:
        def pool(hop: NextHop) -> Pool:
            return Pool(hop, Timeouts(), self._options.hostname, self._instance)

        return Retry(self._options, self._desk, doors, self._threads, pool)

    async def process(self, transaction: Transaction) -> Outcome:
        """Run the engine over one message in a thread."""
        return await self._thread(self._desk.process, transaction)

    async def report(
        self, transaction: Transaction, outcome: Outcome, receipts: tuple[Receipt, ...], reply: Reply, seconds: float
    ) -> None:
        """Write the record of a message; one that is held goes to the store first, in a thread."""
        if outcome.hold is None:
            self._desk.report(transaction, outcome, receipts, reply, seconds)
        else:
            await self._thread(self._desk.report, transaction, outcome, receipts, reply, seconds)

    async def _prune(self) -> None:
        while True:
            try:
                await self._thread(prune, self._desk.store, self._options)
            except Fault as error:
                logger.warning("retention: %s; tried again in an hour", error)
            await asyncio.sleep(PRUNE_EVERY)

    async def _thread(self, function: Callable[..., T], *values: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *values)


def return_large_blocks() -> None:
    """Have the C library give large blocks back at once.

    Its own threshold rises with the first large message it frees, and from then on every thread keeps what a 25 MB
    message once needed (mallopt(3), M_MMAP_THRESHOLD). Other C libraries have no such setting and no such habit.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def work(options: Options, share: int, instance: str, ready_pipe: int, lifeline: int) -> None:
    """Be one worker process: write one byte to ``ready_pipe`` when the doors are open, return after the drain."""

    async def serve() -> None:
        ready = asyncio.Event()
        worker = asyncio.create_task(Worker(options, share, instance).run(ready, lifeline))
        opened = asyncio.create_task(ready.wait())
        await asyncio.wait({worker, opened}, return_when=asyncio.FIRST_COMPLETED)
        if ready.is_set():
            # Nobody reads any more where this worker takes the place of another.
            with suppress(BrokenPipeError):
                os.write(ready_pipe, b".")
        os.close(ready_pipe)
        opened.cancel()
        await worker

    return_large_blocks()
    asyncio.run(serve())
