"""Trying a message out: what the engine would make of it over this store, with nothing sent and nothing remembered."""

from datetime import datetime

from gateway.engine.transaction import Outcome, Transaction
from gateway.gather import try_out
from gateway.wiring import Wiring


def tried(wiring: Wiring, transaction: Transaction, at: datetime) -> Outcome:
    """Return what would become of a message; ``at`` is the time certificates must serve. Raises ``Fault``."""
    return try_out(wiring.engine, wiring.store, transaction, at)
