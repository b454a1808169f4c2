"""One process's desk: its store, its engine and its journal. Every front end brings its messages here.

All methods block where the store does; a front end with an event loop calls them in threads.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.clock import now
from gateway.config import Options
from gateway.daemon.journal_writer import JournalWriter
from gateway.daemon.keeper import Keeper
from gateway.engine.engine import Engine, make_record
from gateway.engine.record import Record
from gateway.engine.transaction import Direction, Hold, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.house import build_engine, store_options
from gateway.log import log_record, logger
from gateway.reply import Reply
from gateway.store import Store, open_store
from gateway.store.replies import Sighting


class Desk:
    """What a message passes over, whichever way it came."""

    def __init__(self, options: Options) -> None:
        """Open the store. Raises ``Fault``, ``Misconfigured``, ``NotPermitted``."""
        self.store: Store = open_store(store_options(options), durable=False)
        self.engine: Engine = build_engine(options, self.store, remember=True)
        self._keeper = Keeper(options, self.store)
        self._journal = JournalWriter(self._write_down)

    def process(self, transaction: Transaction) -> Outcome:
        """Run the engine over one message. Raises ``Fault``; what else it raises is a bug, and defers the message."""
        if transaction.direction is Direction.OUTBOUND:
            return self.engine.process(transaction)
        generation = self.store.generation.current()
        outcome = self.engine.process(transaction)
        if outcome.hold is None:
            return outcome
        return replace(outcome, hold=replace(outcome.hold, judged_under=generation))

    def report(
        self, transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], reply: Reply, seconds: float
    ) -> None:
        """Hold a message that may be tried again; make its record, log it and have it written down.

        Neither undoes a delivery where it fails. Blocks only for a message that is held.
        """
        record = make_record(transaction, outcome, receipts, reply, seconds)
        if outcome.hold is not None and reply.positive:
            record = replace(record, held=self._keep(transaction, outcome.hold, record.message_id))
        self.write(record)

    def write(self, record: Record) -> None:
        """Log a record, and have it written into the journal."""
        log_record(record)
        self._journal.put(record)

    def close(self) -> None:
        """Write down what waits, and close the store."""
        self._journal.close()
        self.store.close()

    def _keep(self, transaction: Transaction, hold: Hold, message_id: str | None) -> str | None:
        try:
            return self._keeper.keep(transaction, hold, message_id)
        except Fault as error:  # it was delivered as it came: only the second chance is lost
            logger.error("%s: not held: %s", transaction.id, error)
            return None

    def _write_down(self, records: Sequence[Record]) -> None:
        """Write records, and which Message-IDs plain mail had: they are never taken for encrypted mail's later."""
        self.store.journal.write(records)
        plain = [
            Sighting(record.message_id, False, record.received_at)
            for record in records
            if record.direction == Direction.INBOUND and record.message_id and record.encryption.get("status") == "none"
        ]
        if plain:
            self.store.replies.write(plain)


def prune(store: Store, options: Options) -> None:
    """Remove what is past its retention. Raises ``Fault``."""
    moment, retention = now(), options.retention
    store.journal.prune(moment - retention.log)
    store.ledger.prune(moment - retention.ledger)
    store.replies.prune(moment - retention.replies)
    store.held.prune(moment - options.inbound.hold.retention)
