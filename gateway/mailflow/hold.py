"""Keeps mail: what was delivered as it came because it could not be opened or judged, as ``inbound.hold`` says.

And what may neither leave nor go back to its sender.
"""

import sys
from dataclasses import replace

from gateway.config import Options
from gateway.engine.transaction import Hold, Outcome, Transaction
from gateway.errors import Fault
from gateway.log import logger
from gateway.store import Store
from gateway.store.held.entries import HoldLimits
from gateway.store.held.message import State, to_hold


class Keeper:
    """The settings, and the store."""

    def __init__(self, options: Options, store: Store) -> None:
        hold = options.inbound.hold
        self._enabled = hold.enabled
        self._everything = hold.keep == "all"
        self._limits = HoldLimits(hold.max_size, hold.max_total, hold.max_per_sender)
        # Mail that everybody can read is plenty: it leaves room for what nobody can.
        self._readable = HoldLimits(hold.max_size, hold.max_total // 2, (hold.max_per_sender + 1) // 2)
        self._without_sender = HoldLimits(sys.maxsize, hold.max_total, sys.maxsize)
        self._store = store

    def keep(self, transaction: Transaction, hold: Hold, message_id: str | None) -> str | None:
        """Hold a message; return the id under which it is held, None where it is not. Raises ``Fault``."""
        if not self._enabled or not (hold.unreadable or self._everything):
            return None
        message = to_hold(transaction, hold.reason, hold.needs, unreadable=hold.unreadable, message_id=message_id)
        limits = self._limits if hold.unreadable else self._readable
        done = self._store.held.hold(message, transaction.content, limits, hold.judged_under)
        if done.why_not is not None:
            share = "" if hold.unreadable else "half of "
            logger.warning("%s: not held: %sinbound.hold.%s is reached", transaction.id, share, done.why_not)
        return done.id

    def withhold(self, transaction: Transaction, outcome: Outcome) -> str:
        """Keep an outbound message that goes to nobody; return the id under which it is held. Raises ``Fault``."""
        assert outcome.hold is not None
        message_id = outcome.finding.message_id
        message = to_hold(transaction, outcome.hold.reason, frozenset(), unreadable=False, message_id=message_id)
        kept = replace(message, state=State.WITHHELD, note="never sent: an answer to encrypted mail, in clear")
        done = self._store.held.hold(kept, transaction.content, self._without_sender, 0)
        if done.id is None:
            raise Fault(f"a message that may not be sent cannot be kept: inbound.hold.{done.why_not} is reached")
        return done.id
