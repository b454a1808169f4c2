"""Trying a message out: what the engine would make of it over this store, with nothing sent and nothing remembered."""

import re
from datetime import datetime

from gateway.engine.transaction import Outcome, Transaction
from gateway.gather import try_out
from gateway.wiring import Wiring

BARE_LF = re.compile(rb"(?<!\r)\n")


def tried(wiring: Wiring, transaction: Transaction, at: datetime) -> Outcome:
    """Return what would become of a message; ``at`` is the time certificates must serve. Raises ``Fault``."""
    return try_out(wiring.engine, wiring.store, transaction, at)


def crlf(content: bytes) -> bytes:
    """Return a message as it would be on the wire: each LF without CR becomes CRLF."""
    return BARE_LF.sub(b"\r\n", content)
