"""The engine: one message in, one outcome out, one record at the end. The same for every front end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from gateway.engine.inbound import Inbound
from gateway.engine.outbound import Outbound
from gateway.engine.record import DeliveryRecord, Record
from gateway.engine.transaction import Direction, Outcome, Receipt, Transaction, Verdict
from gateway.reply import Reply
from gateway.story import Story


@dataclass(frozen=True, slots=True)
class Engine:
    """Both directions under one set of rules. It does no I/O: a story says what it wants to know (``wants``)."""

    outbound: Outbound
    inbound: Inbound

    def story(self, transaction: Transaction, at: datetime | None = None) -> Story[Outcome]:
        """Tell what becomes of a message; ``at`` (default: its receipt) is the time certificates must serve.

        Raises ``Fault`` for the surroundings; any other exception is a bug, and the caller defers the message.
        """
        moment = at or transaction.received_at
        if transaction.direction is Direction.OUTBOUND:
            return self.outbound.story(transaction, moment)
        return self.inbound.story(transaction, moment)

    def give_up(self, transaction: Transaction) -> Outcome:
        """Return what becomes of a message that may not be processed, for it has ended our processes (row REL-11)."""
        if transaction.direction is Direction.OUTBOUND:
            return self.outbound.give_up()
        return self.inbound.give_up(transaction)


def make_record(
    transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], reply: Reply | None, duration: float
) -> Record:
    """Return the one record of a message; ``duration`` is in seconds."""
    finding = outcome.finding
    return Record(
        id=transaction.id,
        received_at=transaction.received_at,
        direction=transaction.direction,
        front_end=transaction.front_end,
        door=transaction.door,
        verdict=_verdict(outcome, reply),
        sender=transaction.envelope.sender,
        recipients=transaction.envelope.addresses,
        size=len(transaction.content) if transaction.size is None else transaction.size,
        queue_id=transaction.client.queue_id,
        client=transaction.client.origin,
        auth=transaction.client.login,
        reply=None if reply is None else str(reply),
        deliveries=tuple(_delivery(receipt) for receipt in receipts),
        digest=None if transaction.size is not None else sha256(transaction.content).hexdigest(),
        retry_of=transaction.retry_of,
        duration_ms=round(duration * 1000, 3),
        group=finding.group,
        rule=finding.rule,
        from_=finding.author,
        message_id=finding.message_id,
        layers=finding.layers,
        signature=finding.signature,
        encryption=finding.encryption,
        protected=finding.protected,
        lookups=finding.lookups,
        notes=finding.notes,
        pass_of=finding.pass_of,
        held=outcome.held,
    )


def _verdict(outcome: Outcome, reply: Reply | None) -> Verdict:
    """What became of the message: the next hop has the last word."""
    if outcome.verdict is not Verdict.RELAY or reply is None or reply.positive:
        return outcome.verdict
    return Verdict.DEFER if reply.temporary else Verdict.REJECT


def _delivery(receipt: Receipt) -> DeliveryRecord:
    delivery = receipt.delivery
    return DeliveryRecord(
        recipients=tuple(recipient.address for recipient in delivery.recipients),
        next_hop=receipt.next_hop,
        reply=None if receipt.reply is None else str(receipt.reply),
        signed=delivery.signed,
        encrypted=delivery.encrypted,
        size=receipt.size or len(delivery.content),
    )
