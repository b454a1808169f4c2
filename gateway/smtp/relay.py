"""Hands an Outcome to the next hop, and finds the one reply for the client (rows REL-03, REL-05).

One delivery for exactly the recipients of the open transaction goes out on it, and the final reply is passed on
verbatim. Anything else gets transactions of its own: all copies of a batch are brought to the final dot before the
first is committed, and the ledger remembers every copy taken, so that a retry makes none twice. Delivery is at least
once: a copy is repeated only where the next hop's reply to its final dot was lost.

==============================================  ===============================================================
failure                                         the client's reply
==============================================  ===============================================================
before anything was committed                   the next hop's own; a 4xx before a 5xx. Nothing was delivered
after a commit, some 4xx                        451: the retry makes the missing copies only
after a commit, 5xx only                        that 5xx, naming the recipients refused
==============================================  ===============================================================
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.engine.transaction import Delivery, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.mail.envelope import Recipient
from gateway.reply import Reply, reply, trouble
from gateway.smtp.command import forwarded, path_line, xforward_lines
from gateway.smtp.connection import HopFault, HopLoop
from gateway.smtp.next_hop import HopTransaction, Pool, begin
from gateway.smtp.page import Page

EARLIER = reply(250, "2.0.0", "Ok: taken in an earlier attempt")
LOOP = reply(554, "5.4.6", "Mail loop: the next hop is this gateway")


def accepted(answer: Reply) -> bool:
    """Whether the next hop took what it was given; a 421 or 354 in the wrong place did not."""
    return 200 <= answer.code < 300


def passed_on(answer: Reply) -> Reply:
    """Return the next hop's reply as the client gets it: verbatim, but 421 would end the client's session too."""
    return Reply(451, answer.lines) if answer.code == 421 else answer


def unreachable(fault: Fault, record_id: str) -> Reply:
    """Return the reply for a next hop that failed us; details stay in the log."""
    if isinstance(fault, HopLoop):
        return LOOP
    return reply(451, "4.4.1", f"The next hop is not available (record {record_id})") if isinstance(
        fault, HopFault
    ) else trouble(record_id)


@dataclass(slots=True)
class _Copy:
    """One delivery on its way; ``answer`` is what became of it so far, positive once prepared."""

    delivery: Delivery
    hop: HopTransaction | None = None
    answer: Reply | None = None
    committed: bool = False


class Relay:
    """Hands over the messages of one session to its pool."""

    def __init__(self, pool: Pool, copies: int) -> None:
        self._pool = pool
        self._copies = copies

    async def hand_over(
        self, transaction: Transaction, outcome: Outcome, hop: HopTransaction, page: Page, *, may_be_retry: bool
    ) -> tuple[tuple[Receipt, ...], Reply]:
        """Deliver every copy of a RELAY outcome; return the receipts and the client's reply.

        ``hop`` is the transaction opened while the client spoke; it is over when this returns. Raises ``Fault``
        where the ledger cannot be asked; nothing was delivered then.
        """
        single = len(outcome.deliveries) == 1
        if not single or may_be_retry:
            await page.claim()
        copies = [_Copy(delivery) for delivery in outcome.deliveries]
        if single and not page.served and _same(outcome.deliveries[0].recipients, transaction.envelope.recipients):
            await self._deliver(transaction, copies[0], hop)
            return self._receipts(copies), passed_on(copies[0].answer or trouble(transaction.id))
        await hop.reset()
        copies = [copy for delivery in outcome.deliveries for copy in _parted(delivery, page.served)]
        await self._deliver_all(transaction, copies, page)
        return self._receipts(copies), _verdict(transaction, copies)

    async def _deliver(self, transaction: Transaction, copy: _Copy, hop: HopTransaction) -> None:
        copy.answer = _too_large(transaction, copy.delivery, hop)
        if copy.answer is not None:
            await hop.reset()
            return
        try:
            copy.answer = await hop.deliver(copy.delivery.content)
        except HopFault as fault:
            copy.answer = unreachable(fault, transaction.id)
        finally:
            hop.abandon()
        copy.committed = accepted(copy.answer)

    async def _deliver_all(self, transaction: Transaction, copies: list[_Copy], page: Page) -> None:
        waiting = [copy for copy in copies if not copy.committed]
        for start in range(0, len(waiting), self._copies):
            batch = waiting[start : start + self._copies]
            try:
                await asyncio.gather(*(self._prepare(transaction, copy) for copy in batch))
                for copy in batch:
                    if _failed(copies) and not any(other.committed for other in copies):
                        return
                    await self._commit(transaction, copy, page)
            finally:
                for copy in batch:
                    if copy.hop is not None:
                        copy.hop.abandon()
        return

    async def _prepare(self, transaction: Transaction, copy: _Copy) -> None:
        try:
            copy.hop = await begin(self._pool)
            copy.answer = await self._offer(transaction, copy, copy.hop)
        except Fault as fault:
            copy.answer = unreachable(fault, transaction.id)
        if copy.answer is not None and copy.hop is not None:
            await copy.hop.reset()
            copy.hop = None

    async def _offer(self, transaction: Transaction, copy: _Copy, hop: HopTransaction) -> Reply | None:
        """Bring a copy to its final dot; return the reply that refused it, if one did."""
        envelope, offers = transaction.envelope, hop.capabilities
        lines = [path_line("MAIL FROM", envelope.sender, forwarded(envelope.parameters, offers, size=False))]
        lines += [path_line("RCPT TO", to.address, to.parameters) for to in copy.delivery.recipients]
        answers = await hop.begin(xforward_lines(transaction.client, offers.xforward), lines)
        refused = next((answer for answer in answers if not accepted(answer)), None)
        return refused or _too_large(transaction, copy.delivery, hop) or await hop.prepare(copy.delivery.content)

    async def _commit(self, transaction: Transaction, copy: _Copy, page: Page) -> None:
        if copy.hop is None:
            return
        try:
            copy.answer = await copy.hop.commit()
        except HopFault as fault:
            copy.answer = unreachable(fault, transaction.id)
        if accepted(copy.answer):
            copy.committed = True
            await page.taken(_addresses(copy.delivery.recipients))

    def _receipts(self, copies: Iterable[_Copy]) -> tuple[Receipt, ...]:
        return tuple(Receipt(copy.delivery, str(self._pool.hop), copy.answer) for copy in copies)


def _addresses(recipients: Iterable[Recipient]) -> tuple[str, ...]:
    return tuple(recipient.address for recipient in recipients)


def _same(one: Sequence[Recipient], other: Sequence[Recipient]) -> bool:
    return sorted(_addresses(one)) == sorted(_addresses(other))


def _parted(delivery: Delivery, served: frozenset[str]) -> list[_Copy]:
    """Part a delivery into what an earlier attempt brought over and what is still to do."""
    done = tuple(to for to in delivery.recipients if to.address in served)
    todo = tuple(to for to in delivery.recipients if to.address not in served)
    copies = [_Copy(replace(delivery, recipients=done), answer=EARLIER, committed=True)] if done else []
    return copies + ([_Copy(replace(delivery, recipients=todo))] if todo else [])


def _too_large(transaction: Transaction, delivery: Delivery, hop: HopTransaction) -> Reply | None:
    limit, size = hop.capabilities.size, len(delivery.content)
    if limit is None or size <= limit:
        return None
    text = f"Message of {len(transaction.content)} bytes became {size} bytes; the next hop takes {limit}"
    return reply(552, "5.3.4", text)


def _failed(copies: Iterable[_Copy]) -> list[_Copy]:
    return [copy for copy in copies if copy.answer is not None and not copy.committed]


def _verdict(transaction: Transaction, copies: Sequence[_Copy]) -> Reply:
    failed = _failed(copies)
    committed = sum(copy.committed for copy in copies)
    if not failed and committed == len(copies):
        text = "; ".join(dict.fromkeys(" ".join(copy.answer.lines) for copy in copies if copy.answer is not None))
        return reply(250, "2.0.0", f"Ok: {committed} copies taken: {text}"[:480])
    answers = [copy.answer for copy in failed if copy.answer is not None]
    temporary = next((answer for answer in answers if not answer.permanent), None)
    if not committed:
        return passed_on(temporary or answers[0])
    if temporary is not None:
        return reply(451, "4.3.0", f"Delivered in part, please try again (record {transaction.id})")
    refused = ", ".join(to for copy in failed for to in _addresses(copy.delivery.recipients))
    return Reply(answers[0].code, (*answers[0].lines[:-1], f"{answers[0].lines[-1]} (refused for: {refused})"))
