"""One process's pipeline: its store, its engine and its journal. Every front end brings its messages here.

All methods block where the store does; a front end with an event loop calls them in threads.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice

from gateway.config import Options
from gateway.discovery.search import Search
from gateway.engine.engine import Engine, make_record
from gateway.engine.record import Record
from gateway.engine.transaction import Direction, Hold, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.gather import Done, Gather, Generation, Memory
from gateway.log import log_bug, log_record, logger
from gateway.lookup import Fetch
from gateway.mail.message_id import names
from gateway.mailflow.discover import Discoverer
from gateway.mailflow.hold import Keeper
from gateway.mailflow.journal_writer import JournalWriter
from gateway.mailflow.learn import Learner
from gateway.mailflow.poison import PoisonWatch
from gateway.mailflow.status_lookup import StatusLookup, fetches
from gateway.metrics import ERRORS, STAGES, Kind, Stage, count_lookup, count_record
from gateway.pki.need import LEGACY
from gateway.reply import Reply
from gateway.smime.finding import Encryption
from gateway.store import Store, open_store
from gateway.store.opened.replies import Sighting
from gateway.story import Answer, Story, ask, tell
from gateway.wiring import build_engine, store_options

QUICK = 20_000
"""Bytes of a message that is read in a millisecond or two, in thirty if it was made to cost (row LIM-05)."""
NAMES = 20
"""Names of one plain mail that are noted."""


class Pipeline:
    """What a message passes over, whichever way it came."""

    def __init__(
        self,
        options: Options,
        poison: PoisonWatch | None = None,
        gateway: str = "",
        elected: Callable[[], bool] = lambda: True,
    ) -> None:
        """Open the store, as a process of ``gateway`` (an id), which may be ``elected`` for what only one does.

        Without ``poison`` the engine runs without.

        Raises ``Fault``, ``Misconfigured``, ``NotPermitted``.
        """
        self._poison = poison
        self.store: Store = open_store(store_options(options, gateway), durable=False)
        self._search: Search | None = None
        self._fetching = StatusLookup(self.store, Fetch(), elected=elected)
        self._discoverer = Discoverer()
        self.renew(options)
        self._journal = JournalWriter(self._write_down, self._not_written)

    def renew(self, options: Options) -> None:
        """Put a new engine in the place of the old; a message under way keeps the one it began with.

        Raises what keeps the new one from being built.
        """
        engine = build_engine(options, self.store)
        search = Search(options, self.store, count_lookup) if options.enabled and options.discovery.sources else None
        self.engine: Engine = engine
        self.gather = Gather(self.store, Memory.KEPT, search)
        self._discoverer.renew(search, engine.outbound.rules, on_arrival=options.discovery.on_arrival)
        if self._search is not None:
            self._search.close()
        self._search = search
        self._options = options
        self._fetching.renew(options)
        if options.algorithms.accept_legacy:
            self.store.held.wake(LEGACY)
        self._keeper = Keeper(options, self.store)
        self._learner = Learner(options, self.store)

    def is_small(self, transaction: Transaction) -> bool:
        """Whether its story may begin on an event loop."""
        outbound = transaction.direction is Direction.OUTBOUND and len(transaction.content) <= QUICK
        return outbound and not (self._poison and self._poison.suspected(transaction))

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Time, and count errors of, what runs the engine over one message."""
        try:
            with STAGES[Stage.PROCESS].time():
                yield
        except Exception as error:
            ERRORS[Kind.STORE if isinstance(error, Fault) else Kind.INTERNAL].inc()
            raise

    def process(self, transaction: Transaction, answer: Answer | None = None) -> Outcome:
        """Tell the story of one message. Raises ``Fault``; what else it raises is a bug, and defers the message.

        ``answer``: None: ``gather``.
        """
        with self.counted():
            return tell(self.story(transaction), answer or self.gather)

    def story(self, transaction: Transaction) -> Story[Outcome]:
        """Tell what becomes of a message that somebody hands over; what must be kept before he is answered, is."""
        if transaction.direction is Direction.OUTBOUND:
            outcome = yield from self._judged(transaction)
            if outcome.withheld:
                return (yield from ask(Done(partial(self._withheld, transaction, outcome))))
            return outcome
        generation = yield from ask(Generation())
        outcome = yield from self._judged(transaction)
        if outcome.hold is None:
            return outcome
        return replace(outcome, hold=replace(outcome.hold, judged_under=generation))

    def _withheld(self, transaction: Transaction, outcome: Outcome) -> Outcome:
        """Keep a message that is taken and does not leave, before anybody is told so. Raises ``Fault``."""
        held = self._keeper.withhold(transaction, outcome)
        ERRORS[Kind.WITHHELD].inc()
        logger.warning("%s: not sent, kept as held message %s: %s", transaction.id, held[:16], outcome.reply)
        return replace(outcome, hold=None, held=held)

    def judge(self, transaction: Transaction) -> Outcome:
        """Run the engine with all caution, and nothing else. Raises as ``process`` does."""
        return tell(self._judged(transaction), self.gather)

    def _judged(self, transaction: Transaction) -> Story[Outcome]:
        if self._poison is None:
            outcome = yield from self.engine.story(transaction)
        else:
            outcome = yield from self._poison.story(transaction, self.engine, self._options)
        if outcome.bug is not None:
            log_bug(transaction.id, outcome.bug)
        if outcome.unknown and fetches(self._options):
            self._fetching.wants.add(outcome.unknown)
        if (opened := outcome.remember) is not None:
            at = transaction.received_at
            note = partial(self.store.replies.remember, opened.names, opened.author, opened.setting, at)
            yield from ask(Done(note))
        return outcome

    def report(
        self, transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], reply: Reply, seconds: float
    ) -> None:
        """Hold a message that may be tried again; make its record, log it and have it written down; learn from it.

        None of it undoes a delivery where it fails. Blocks only where ``report_blocks`` says so.
        """
        record = make_record(transaction, outcome, receipts, reply, seconds)
        if outcome.hold is not None and reply.positive:
            record = replace(record, held=self._keep(transaction, outcome.hold, record.message_id))
        self.write(record)
        if reply.positive:
            self.learn(transaction, outcome)
            self._discoverer.saw(transaction, outcome)

    def report_blocks(self, transaction: Transaction, outcome: Outcome) -> bool:
        """Whether ``report`` has to ask the store before it returns, or takes long: it digests the message."""
        if outcome.hold is not None or len(transaction.content) > QUICK:
            return True
        return self._learner.has_news(transaction, outcome.learn)

    def learn(self, transaction: Transaction, outcome: Outcome) -> None:
        """Take down what a delivered message taught, if that is news. Blocks where it is."""
        if outcome.learn is None or not self._learner.has_news(transaction, outcome.learn):
            return
        try:
            self._learner.learn(transaction, outcome.learn)
        except Fault as error:  # the next mail of its author teaches the same
            ERRORS[Kind.STORE].inc()
            logger.error("%s: certificate not learned: %s", transaction.id, error)

    def write(self, record: Record) -> None:
        """Log a record, have it written into the journal, and count it."""
        log_record(record)
        self._journal.put(record)
        count_record(record)

    def close(self) -> None:
        """Write down what waits, and close the store."""
        self._fetching.close()
        self._discoverer.close()
        if self._search is not None:
            self._search.close()
        self._journal.close()
        self.store.close()

    def _keep(self, transaction: Transaction, hold: Hold, message_id: str | None) -> str | None:
        try:
            with STAGES[Stage.HOLD].time():
                return self._keeper.keep(transaction, hold, message_id)
        except Fault as error:  # it was delivered as it came: only the second chance is lost
            ERRORS[Kind.HOLD].inc()
            logger.error("%s: not held: %s", transaction.id, error)
            return None

    def _write_down(self, records: Sequence[Record]) -> None:
        """Write records, and which Message-IDs plain mail had: mail with one of them is not taken for opened mail."""
        with STAGES[Stage.JOURNAL].time():
            self.store.journal.write(records)
        if plain := [_sighting(record) for record in records if _came_in_plain(record)]:
            self.store.replies.write(plain)

    def _not_written(self, count: int) -> None:
        ERRORS[Kind.JOURNAL].inc(count)


def _came_in_plain(record: Record) -> bool:
    """Whether a mail was not encrypted; one that we sealed comes again, perhaps opened by us."""
    sealed = record.pass_of is not None or "seal: expired" in record.notes
    plain = record.encryption is not None and record.encryption.status is Encryption.NONE
    return record.direction is Direction.INBOUND and plain and not sealed


def _sighting(record: Record) -> Sighting:
    value = (record.message_id or "")[:1000].encode("utf-8", "surrogatepass")
    return Sighting(frozenset(islice(names([value]), NAMES)), record.received_at)
