"""Sources are asked while mail goes on: of authors whose mail arrives, and of recipients that were written to.

One thread of each process, which no message waits for. The store says who is due, so that nearly always nobody is
asked; what was looked at lately is not looked at again. A helpdesk answers people who wrote first: when it does, the
certificate is there.
"""

import time
from collections.abc import Collection, Iterable
from threading import Condition, Thread

from gateway.clock import now
from gateway.discovery.search import PATIENCE, Search
from gateway.engine.finding import SignatureJudged
from gateway.engine.transaction import Direction, Outcome, Transaction
from gateway.errors import Fault
from gateway.log import logger
from gateway.policy.rule import Rules
from gateway.reason import Reason

MOST = 1000
"""Addresses that wait to be looked at; of more, the next message asks again."""
AT_ONCE = 4
"""Half of what a source is asked at one time: however slow strangers' answers are, mail that leaves finds room."""
BETWEEN = 0.5
"""Seconds between two looks: no flood of forged authors becomes one of questions."""
AGAIN = 3600.0
"""Seconds after which an address is looked at again."""
REMEMBERED = 10_000
_NOT_OURS = frozenset({Reason.TRANSIT, Reason.NOT_ENABLED})


class Discoverer:
    """One process's thread; it exists while there is a source to ask. Safe for threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._wanted: dict[str, None] = {}
        self._looked_at: dict[str, float] = {}
        self._search: Search | None = None
        self._rules = Rules()
        self._on_arrival = False
        self._thread: Thread | None = None

    def renew(self, search: Search | None, rules: Rules, *, on_arrival: bool) -> None:
        """Begin, go on or end, as there are sources; ``rules`` say of whom anybody may know something."""
        with self._changed:
            self._search, self._rules, self._on_arrival = search, rules, on_arrival
            if search is None:
                self._wanted.clear()
            elif self._thread is None:
                self._thread = Thread(target=self._run, name="discovery", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Ask nobody any more."""
        self.renew(None, self._rules, on_arrival=False)

    def saw(self, transaction: Transaction, outcome: Outcome) -> None:
        """Hear that a message was handed over, and want whom it concerns."""
        if self._search is None:
            return
        if transaction.direction is Direction.OUTBOUND:
            self.want(transaction.envelope.addresses)
        elif self._on_arrival and outcome.finding.author is not None and _was_judged(outcome):
            self.want([outcome.finding.author])

    def want(self, addresses: Iterable[str]) -> None:
        """Have these addresses looked at, if they were not lately."""
        rules, at = self._rules, time.monotonic()
        for address in filter(rules.may_be_found, addresses):
            with self._changed:
                if at - self._looked_at.get(address, -AGAIN) >= AGAIN and len(self._wanted) < MOST:
                    self._looked_at[address] = at
                    while len(self._looked_at) > REMEMBERED:
                        del self._looked_at[next(iter(self._looked_at))]
                    self._wanted[address] = None
                    self._changed.notify()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self.look_at(batch)
            time.sleep(BETWEEN)

    def _next(self) -> Collection[str] | None:
        """Return what is wanted, once something is; None: there is nobody to ask any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._wanted or self._search is None)
            if self._search is None:
                self._thread = None
                return None
            batch = list(self._wanted)[:AT_ONCE]
            for address in batch:
                del self._wanted[address]
            return batch

    def look_at(self, addresses: Collection[str]) -> None:
        """Ask whoever is due."""
        search, failed = self._search, frozenset(addresses)
        if search is None:
            return
        try:
            failed = search.search(addresses, now(), PATIENCE).unasked
        except Fault as error:
            logger.warning("discovery: %s; the next message asks again", error)
        except Exception:  # noqa: BLE001 - a bug must not end the thread
            logger.exception("discovery: looking failed")
        with self._changed:
            for address in failed:
                self._looked_at.pop(address, None)


def _was_judged(outcome: Outcome) -> bool:
    """Whether a message came to us, for the first time."""
    signature = outcome.finding.signature
    judged = isinstance(signature, SignatureJudged) and signature.reason not in _NOT_OURS
    return judged and outcome.finding.pass_of is None
