"""One worker: an event loop with all doors, threads for the engine and the store, and the end of it.

The engine runs in threads, so that neither a signature nor a slow store holds up anybody else's dialogue. Records are
gathered for a moment and written together.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from gateway.clock import new_id, now
from gateway.config import Options
from gateway.engine.engine import Engine, make_record
from gateway.engine.record import Record
from gateway.engine.transaction import Direction, Hold, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.house import build_doors, build_engine, build_limits, store_options
from gateway.keeper import Keeper
from gateway.log import line, log_record, logger
from gateway.reply import Reply
from gateway.retry import Retry
from gateway.smtp.budget import Budget
from gateway.smtp.door import Door, NextHop, Timeouts
from gateway.smtp.listener import OpenDoor, open_door
from gateway.smtp.next_hop import Pool
from gateway.store import Store, open_store
from gateway.store.replies import Sighting

ENGINE_THREADS = 4
M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 1 << 20
LINGER = 0.05
"""Seconds for which records are gathered before they are written: a transaction costs far more than a record."""
BACKLOG = 20_000
"""Records that wait while the store is locked."""
PRUNE_EVERY = 3600.0
"""Seconds between two removals of what is past its retention."""


class JournalWriter:
    """Writes records in the order they come, all of the last moment in one transaction.

    Nobody waits for it: the log line is written at once, and a delivery stands with or without its record.
    """

    def __init__(self, write: Callable[[Sequence[Record]], None]) -> None:
        self._write = write
        self._thread = ThreadPoolExecutor(1, "journal")
        self._waiting: list[Record] = []
        self._writing: asyncio.Task[None] | None = None

    def put(self, record: Record) -> None:
        """Take a record; it is in the journal ``LINGER`` seconds later."""
        if len(self._waiting) >= BACKLOG:
            logger.error("journal: too many records wait; not written: %s", line(record))
            return
        self._waiting.append(record)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        """Write what waits."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(LINGER)
            batch, self._waiting = self._waiting, []
            try:
                await loop.run_in_executor(self._thread, self._write, batch)
            except Exception as error:  # noqa: BLE001 - whatever keeps it from being written, the log has the records
                for record in batch:
                    logger.error("journal: %s; not written: %s", error, line(record))
        self._writing = None


class Worker:
    """One process's share of the service."""

    def __init__(self, options: Options, share: int, instance: str) -> None:
        """``share``: how many workers there are in all; ``instance``: the id by which we know our own greeting."""
        self._options = options
        self._share = share
        self._instance = instance
        self._store: Store = open_store(store_options(options), durable=False)
        self._engine: Engine = build_engine(options, self._store, remember=True)
        self._journal = JournalWriter(self._write_down)
        self._keeper = Keeper(options, self._store)
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
        await self._journal.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._store.close()

    async def _open(self, doors: tuple[Door, ...]) -> list[OpenDoor]:
        limits = build_limits(self._options, self._share)
        copies = Budget(limits.copies)
        return [
            await open_door(
                door,
                limits,
                process=self.process,
                report=self.report,
                ledger=self._store.ledger,
                waiting=self._store.ledger.waiting,
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

        return Retry(self._options, self._store, self._engine, doors, self._threads, self._write, pool)

    async def process(self, transaction: Transaction) -> Outcome:
        """Run the engine over one message in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._process, transaction)

    def _process(self, transaction: Transaction) -> Outcome:
        if transaction.direction is Direction.OUTBOUND:
            return self._engine.process(transaction)
        generation = self._store.generation.current()
        outcome = self._engine.process(transaction)
        if outcome.hold is None:
            return outcome
        return replace(outcome, hold=replace(outcome.hold, judged_under=generation))

    async def report(
        self, transaction: Transaction, outcome: Outcome, receipts: tuple[Receipt, ...], reply: Reply, seconds: float
    ) -> None:
        """Hold a message that may be tried again; make its record, log it and write it down.

        Neither undoes a delivery where it fails.
        """
        record = make_record(transaction, outcome, receipts, reply, seconds)
        if outcome.hold is not None and reply.positive:
            record = replace(record, held=await self._keep(transaction, outcome.hold, record.message_id))
        await self._write(record)

    async def _keep(self, transaction: Transaction, hold: Hold, message_id: str | None) -> str | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._keeper.keep, transaction, hold, message_id)
        except Fault as error:  # it was delivered as it came: only the second chance is lost
            logger.error("%s: not held: %s", transaction.id, error)
            return None

    async def _write(self, record: Record) -> None:
        log_record(record)
        self._journal.put(record)

    def _write_down(self, records: Sequence[Record]) -> None:
        """Write records, and which Message-IDs plain mail had: they are never taken for encrypted mail's later."""
        self._store.journal.write(records)
        plain = [
            Sighting(record.message_id, False, record.received_at)
            for record in records
            if record.direction == Direction.INBOUND and record.message_id and record.encryption.get("status") == "none"
        ]
        if plain:
            self._store.replies.write(plain)

    async def _prune(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await loop.run_in_executor(self._threads, self._prune_once)
            except Fault as error:
                logger.warning("retention: %s; tried again in an hour", error)
            await asyncio.sleep(PRUNE_EVERY)

    def _prune_once(self) -> None:
        moment, retention = now(), self._options.retention
        self._store.journal.prune(moment - retention.log)
        self._store.ledger.prune(moment - retention.ledger)
        self._store.replies.prune(moment - retention.replies)
        self._store.held.prune(moment - self._options.inbound.hold.retention)


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
