"""A message at its end: what it needs on every front end's way to the answer (``engine.finish``).

It is changed in place, all or not at all: where an edit fails the mail server is told to defer, and forgets the others.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from gateway.engine.finish import Steps, at_once, blocking, finish
from gateway.engine.transaction import (
    Client,
    Delivery,
    Direction,
    FrontEnd,
    Outcome,
    Receipt,
    Transaction,
    Verdict,
)
from gateway.errors import Fault
from gateway.mail.arrival import refusal
from gateway.milter.edits import Edits, edits
from gateway.milter.message import Message
from gateway.reply import EnhancedCode, Reply, reply, trouble

Process = Callable[[Transaction], Outcome]
"""The engine: what is to become of a message."""
Report = Callable[[Transaction, Outcome, Sequence[Receipt], Reply, float], None]
"""The record: called before the answer leaves, with that answer and the seconds since the end of the message."""
Carry = Callable[[Edits, Delivery], None]
"""Hands edits over to the mail server, with the delivery they make; raises where that fails."""

LEFT = reply(250, EnhancedCode.OTHER, "Ok: left to the mail server")
KEPT = reply(250, EnhancedCode.OTHER, "Ok: kept and not sent")
"""The mail server is to drop the message."""
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """One milter door and what is behind it; ``message_size`` in bytes. Its methods are called from many threads."""

    name: str
    direction: Direction
    message_size: int
    process: Process
    report: Report
    new_id: Callable[[], str]
    now: Callable[[], datetime]

    def finish(self, client: Client, message: Message, carry: Carry, *, may_open: bool) -> Reply:
        """Bring a message to its end and return the answer for the mail server; positive: it keeps the message.

        ``may_open``: whether the mail server can be kept from telling the sender what became of an opened one.
        """
        content = message.take()
        refused = refusal(content, size=message.size, limit=message.limit)
        transaction = Transaction(
            id=self.new_id(),
            direction=self.direction,
            front_end=FrontEnd.MILTER,
            door=self.name,
            client=client,
            envelope=message.envelope,
            content=b"" if refused else content,
            received_at=self.now(),
            can_split=False,
            size=message.size if refused else None,
            may_open=may_open,
        )
        decided = Outcome(Verdict.REJECT, refused) if refused else None
        steps = Steps(blocking(self.process), blocking(self.report), blocking(time.sleep))
        return at_once(finish(transaction, decided, steps, blocking(partial(_hand_over, carry)))).reply


@dataclass(frozen=True, slots=True)
class _Handed:
    """The answer, and the receipt of what stays with the mail server."""

    reply: Reply
    receipts: tuple[Receipt, ...] = ()


def _hand_over(carry: Carry, transaction: Transaction, outcome: Outcome) -> _Handed:
    if outcome.withheld:
        return _Handed(KEPT)
    if outcome.verdict is not Verdict.RELAY:
        return _Handed(outcome.reply or trouble(transaction.id))
    try:
        delivery = _suited(_only(outcome, transaction), transaction)
        changes = edits(transaction.content, delivery.content)
        if changes.header or changes.body is not None or delivery.key_used:
            carry(changes, delivery)
    except Exception:
        _logger.exception("%s: the message could not be changed in place", transaction.id)
        return _Handed(trouble(transaction.id))
    return _Handed(LEFT, (Receipt(delivery, None, LEFT),))


def _only(outcome: Outcome, transaction: Transaction) -> Delivery:
    """Return the one copy; raises ``Fault`` where it is not for exactly the message's recipients."""
    wanted = set(transaction.envelope.addresses)
    if len(outcome.deliveries) != 1 or {to.address for to in outcome.deliveries[0].recipients} != wanted:
        raise Fault("a milter cannot split a message, nor change its recipients")
    return outcome.deliveries[0]


def _suited(delivery: Delivery, transaction: Transaction) -> Delivery:
    """Return a delivery in 7 bits where the client promised that: the mail server would not re-code it."""
    promised = "BODY=7BIT" in map(str.upper, transaction.envelope.parameters)
    return delivery.in_7bit() if promised else delivery
