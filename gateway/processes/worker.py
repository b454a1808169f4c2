"""One worker: an event loop with all doors, threads for the engine and the store, and the end of it.

The engine runs in threads and the store is asked in others, so that neither a signature nor a slow store holds up
anybody else; only a small message begins on the spot, and ends there if nothing is to be made of it (row LIM-05).
Records are gathered for a moment and written together.
"""

import asyncio
import ctypes
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from gateway.clock import new_id, now
from gateway.config import Options
from gateway.engine.transaction import FrontEnd, Outcome, Receipt, Transaction
from gateway.log import start_logging
from gateway.mailflow.pipeline import Pipeline
from gateway.mailflow.retry import Retry
from gateway.mailflow.telling import Teller
from gateway.metrics import PROCESSES, SESSIONS, Role
from gateway.processes.child import BEAT, Child
from gateway.processes.gateway import Gateway
from gateway.processes.rlimits import Shortage
from gateway.reply import Reply
from gateway.smtp.budget import Budget
from gateway.smtp.content import Room
from gateway.smtp.door import Door, NextHop, Timeouts
from gateway.smtp.listener import OpenDoor, open_door
from gateway.smtp.next_hop import Pool
from gateway.wiring import build_doors, build_limits

ENGINE_THREADS, STORE_THREADS, SEARCH_THREADS = 4, 8, 32
M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 1 << 20

T = TypeVar("T")


class Worker:
    """One process's share of the service."""

    def __init__(self, child: Child, share: int, gateway: Gateway) -> None:
        """``share``: how many workers there are in all."""
        self._child = child
        self._options = child.options
        self._share = share
        self._gateway = gateway
        self._pipeline = Pipeline(child.options, child.poison, gateway.id, gateway.pulse.elected)
        self._doors: list[OpenDoor] = []
        self._trying: set[asyncio.Task[None]] = set()
        self._enough = asyncio.Event()
        self._engine = ThreadPoolExecutor(ENGINE_THREADS, "engine")
        self._threads = ThreadPoolExecutor(STORE_THREADS, "store")
        self._searches = ThreadPoolExecutor(SEARCH_THREADS, "search")
        self._teller = Teller(self._engine, self._threads, searching=self._searches)

    async def run(self) -> None:
        """Open the doors, serve until SIGTERM or the end of the supervisor, drain, and return."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(Shortage())
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        described = build_doors(self._options)
        self._doors = await self._open(described)
        self._try_held(described)
        loop.add_reader(self._child, self._hear, stopped)
        beating = asyncio.create_task(self._beat())
        await stopped.wait()
        loop.remove_signal_handler(signal.SIGTERM)  # the next one ends this process at once
        loop.remove_reader(self._child)
        await self._drain()
        beating.cancel()
        for threads in (self._engine, self._threads, self._searches):
            threads.shutdown(wait=False, cancel_futures=True)
        self._pipeline.close()

    async def _drain(self) -> None:
        """Bring to an end what is under way, for as long as that is allowed to take."""
        patience = self._options.drain.total_seconds()
        self._enough.set()
        await asyncio.gather(*(door.drain(patience) for door in self._doors), self._end_attempts(patience))

    async def _end_attempts(self, patience: float) -> None:
        if attempts := set(self._trying):
            _, late = await asyncio.wait(attempts, timeout=patience)
            for attempt in late:
                attempt.cancel()

    def _hear(self, stopped: asyncio.Event) -> None:
        """Hear a new configuration, or that the supervisor is gone."""
        if not self._child.hear(self._adopt):
            stopped.set()

    def _adopt(self, options: Options) -> None:
        """Go on under other options: first all that may fail, then the change; what is open ends as it began."""
        described, limits = build_doors(options), build_limits(options, self._share)
        copies = Budget(limits.copies)
        self._room.size = limits.room
        renewed = [
            opened.renewed(door, limits, options.hostname, copies)
            for opened, door in zip(self._doors, described, strict=True)
        ]
        self._pipeline.renew(options)
        for opened, service in zip(self._doors, renewed, strict=True):
            opened.change(service)
        self._options = options
        self._try_held(described)
        start_logging(options.log.format == "json")

    async def _beat(self) -> None:
        """Show that the event loop turns; the first time, that the doors are open."""
        while True:
            self._child.alive()
            PROCESSES[Role.WORKER].set(not self._enough.is_set())
            SESSIONS[FrontEnd.SMTP].set(sum(door.sessions for door in self._doors))
            await asyncio.sleep(BEAT)

    async def _open(self, doors: tuple[Door, ...]) -> list[OpenDoor]:
        limits = build_limits(self._options, self._share)
        copies = Budget(limits.copies)
        self._room = Room(limits.room)
        return [
            await open_door(
                door,
                limits,
                process=self.process,
                report=self.report,
                ledger=self._pipeline.store.ledger,
                waiting=self._pipeline.store.ledger.waiting,
                hostname=self._options.hostname,
                holds=self._gateway.holds,
                instance=self._gateway.id,
                new_id=new_id,
                now=now,
                copies=copies,
                room=self._room,
            )
            for door in doors
        ]

    def _try_held(self, doors: tuple[Door, ...]) -> None:
        """Look for held mail under these options; an attempt under way under older ones is brought to its end."""
        hostname = self._options.hostname

        def pool(hop: NextHop) -> Pool:
            return Pool(hop, Timeouts(), hostname, self._gateway.id)

        self._enough.set()
        self._enough = asyncio.Event()
        retry = Retry(self._options, self._pipeline, doors, self._threads, pool, self._gateway.holds)
        task = asyncio.create_task(retry.run(self._enough))
        self._trying.add(task)
        task.add_done_callback(self._trying.discard)

    async def process(self, transaction: Transaction) -> Outcome:
        """Tell the story of one message."""
        pipeline = self._pipeline
        with pipeline.counted():
            story, is_small = pipeline.story(transaction), pipeline.is_small(transaction)
            return await self._teller.tell(story, pipeline.gather, is_small=is_small)

    async def report(
        self, transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], reply: Reply, seconds: float
    ) -> None:
        """Write the record of a message; in a thread where that blocks, as for one that is held or large."""
        if self._pipeline.report_blocks(transaction, outcome):
            await self._thread(self._pipeline.report, transaction, outcome, receipts, reply, seconds)
        else:
            self._pipeline.report(transaction, outcome, receipts, reply, seconds)

    async def _thread(self, function: Callable[..., T], *values: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *values)


def return_large_blocks() -> None:
    """Have the C library give large blocks back at once.

    Its own threshold rises with the first large message it frees, and from then on every thread keeps what a 25 MB
    message once needed (mallopt(3), M_MMAP_THRESHOLD). Other C libraries have no such setting and no such habit.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def work(share: int, gateway: Gateway, child: Child) -> None:
    """Be one worker process; return after the drain."""
    return_large_blocks()
    asyncio.run(Worker(child, share, gateway).run())
