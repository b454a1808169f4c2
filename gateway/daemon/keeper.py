"""Keeps what was delivered as it came because it could not be opened or judged, as ``inbound.hold`` says."""

from gateway.config import Options
from gateway.engine.transaction import Hold, Transaction
from gateway.log import logger
from gateway.store import Store
from gateway.store.held import HoldLimits
from gateway.store.held_message import to_hold


class Keeper:
    """The settings, and the store."""

    def __init__(self, options: Options, store: Store) -> None:
        hold = options.inbound.hold
        self._enabled = hold.enabled
        self._everything = hold.keep == "all"
        self._limits = HoldLimits(hold.max_size, hold.max_total, hold.max_per_sender)
        self._store = store

    def keep(self, transaction: Transaction, hold: Hold, message_id: str | None) -> str | None:
        """Hold a message; return the id under which it is held, None where it is not. Raises ``Fault``."""
        if not self._enabled or not (hold.unreadable or self._everything):
            return None
        message = to_hold(transaction, hold.reason, hold.needs, unreadable=hold.unreadable, message_id=message_id)
        done = self._store.held.hold(message, transaction.content, self._limits, hold.judged_under)
        if done.why_not is not None:
            logger.warning("%s: not held: inbound.hold.%s is reached", transaction.id, done.why_not)
        return done.id
