"""Records on their way into the journal: gathered for a moment, then written together."""

import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from gateway.engine.record import Record
from gateway.log import line, logger

LINGER = 0.05
"""Seconds for which records are gathered before they are written: a transaction costs far more than a record."""
BACKLOG = 20_000
"""Records that wait while the store is locked."""


class JournalWriter:
    """Writes records in the order they come, all of the last moment in one transaction, in a thread of its own.

    Nobody waits for it: the log line is written at once, and a delivery stands with or without its record.
    """

    def __init__(
        self, write: Callable[[Sequence[Record]], None], lost: Callable[[int], None] = lambda count: None
    ) -> None:
        """``lost`` is told how many records are in the log only."""
        self._write = write
        self._lost = lost
        self._waiting: SimpleQueue[Record | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Take a record; it is in the journal ``LINGER`` seconds later."""
        if self._waiting.qsize() >= BACKLOG:
            self._lost(1)
            logger.error("journal: too many records wait; not written: %s", line(record))
        else:
            self._waiting.put(record)

    def close(self) -> None:
        """Write what waits, and return when it is written."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            batch = [self._waiting.get()]
            time.sleep(LINGER)
            batch += self._rest()
            going_on = None not in batch
            self._write_all([record for record in batch if record is not None])

    def _rest(self) -> Iterator[Record | None]:
        try:
            while True:
                yield self._waiting.get_nowait()
        except Empty:
            return

    def _write_all(self, batch: Sequence[Record]) -> None:
        try:
            if batch:
                self._write(batch)
        except Exception as error:  # noqa: BLE001 - whatever keeps it from being written, the log has the records
            self._lost(len(batch))
            for record in batch:
                logger.error("journal: %s; not written: %s", error, line(record))
