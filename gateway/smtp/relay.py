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
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.engine.transaction import Delivery, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.mail.envelope import Recipient
from gateway.reply import Reply, reply, trouble
from gateway.smtp.budget import Budget
from gateway.smtp.capability import Capabilities
from gateway.smtp.command import forwarded, path_line, xforward_lines
from gateway.smtp.connection import HopFault, HopLoop
from gateway.smtp.next_hop import HopTransaction, Pool, begin
from gateway.smtp.page import Books, Page

TEXT_LIMIT = 480
EARLIER = reply(250, "2.0.0", "Ok: taken in an earlier attempt")
LOOP = reply(554, "5.4.6", "Mail loop: the next hop is this gateway")


def accepted(answer: Reply) -> bool:
    """Whether the next hop took what it was given; a 421 or 354 in the wrong place did not."""
    return 200 <= answer.code < 300


def passed_on(answer: Reply) -> Reply:
    """Return the next hop's reply as the client gets it: verbatim, but 421 and 3xx speak of a session not its own."""
    return Reply(451, answer.lines) if answer.code == 421 or 300 <= answer.code < 400 else answer


def unavailable(fault: Fault, record_id: str) -> Reply:
    """Return the reply for surroundings that failed us; details stay in the log."""
    if isinstance(fault, HopLoop):
        return LOOP
    if isinstance(fault, HopFault):
        return reply(451, "4.4.1", f"The next hop is not available (record {record_id})")
    return trouble(record_id)


@dataclass(slots=True)
class _Copy:
    """One delivery on its way; ``answer`` is what became of it so far, None while nothing spoke against it."""

    delivery: Delivery
    hop: HopTransaction | None = None
    answer: Reply | None = None
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Handover:
    """What became of a message: every copy's receipt, the client's reply, and the ledger's page to settle."""

    receipts: tuple[Receipt, ...]
    reply: Reply
    page: Page

    async def settle(self, *, acknowledged: bool) -> None:
        """Close the books once the reply was handed to the client's transport, or could not be."""
        if not acknowledged and not self.page.claimed:
            for receipt in self.receipts:
                if receipt.reply is not None and accepted(receipt.reply):
                    # The client will send this again, and its next attempt must find the copy in the ledger.
                    await self.page.note(addresses(receipt.delivery.recipients))
        await self.page.settle(acknowledged=acknowledged)


class Relay:
    """Hands messages over to one pool; the transactions that are prepared at once come out of ``budget``."""

    def __init__(self, pool: Pool, books: Books, budget: Budget) -> None:
        self._pool = pool
        self._books = books
        self._budget = budget

    async def hand_over(self, transaction: Transaction, outcome: Outcome, hop: HopTransaction) -> Handover:
        """Deliver every copy of a RELAY outcome. ``hop`` is the transaction opened while the client spoke.

        ``hop`` is over when this returns. Raises ``Fault`` where the ledger cannot be asked; nothing was delivered
        then. To be followed by ``settle``.
        """
        page = Page(self._books, transaction)
        try:
            return await self._hand_over(transaction, outcome, hop, page)
        except BaseException:
            hop.abandon()
            await page.settle(acknowledged=False)
            raise

    async def _hand_over(self, transaction: Transaction, outcome: Outcome, hop: HopTransaction, page: Page) -> Handover:
        wanted = set(transaction.envelope.addresses)
        if not wanted <= {to.address for delivery in outcome.deliveries for to in delivery.recipients}:
            raise Fault("some recipient has no copy: the client must not be told 250")
        single = len(outcome.deliveries) == 1 and _same(outcome.deliveries[0].recipients, transaction)
        if not single or await self._books.may_matter():
            await page.claim()
        if single and not page.served:
            copies = [_Copy(outcome.deliveries[0], hop)]
            await self._deliver(transaction, copies[0], hop, page)
        else:
            await hop.reset()
            copies = [copy for delivery in outcome.deliveries for copy in _parted(delivery, page.served)]
            await self._deliver_all(transaction, copies, page)
        receipts = tuple(Receipt(copy.delivery, str(self._pool.hop), copy.answer) for copy in copies)
        return Handover(receipts, _verdict(transaction, copies), page)

    async def _deliver(self, transaction: Transaction, copy: _Copy, hop: HopTransaction, page: Page) -> None:
        try:
            copy.delivery = await suited(copy.delivery, hop.capabilities)
            if not _fits(copy.delivery, transaction, hop):
                await hop.reset()
                hop = await begin(self._pool)
                copy.answer = await self._open(transaction, copy, hop)
            copy.answer = copy.answer or _too_large(transaction, copy.delivery, hop)
            if copy.answer is not None:
                await hop.reset()
                return
            copy.answer = await hop.deliver(copy.delivery.content)
        except Fault as fault:
            hop.abandon()
            copy.answer = unavailable(fault, transaction.id)
        copy.committed = accepted(copy.answer)
        if copy.committed and page.claimed:
            await page.taken(addresses(copy.delivery.recipients))

    async def _deliver_all(self, transaction: Transaction, copies: list[_Copy], page: Page) -> None:
        waiting = [copy for copy in copies if not copy.committed]
        size = self._budget.size
        for start in range(0, len(waiting), size):
            batch = waiting[start : start + size]
            async with self._budget.taken(len(batch)):
                if not await self._deliver_batch(transaction, batch, copies, page):
                    return

    async def _deliver_batch(
        self, transaction: Transaction, batch: list[_Copy], copies: list[_Copy], page: Page
    ) -> bool:
        """Prepare all copies of a batch, then commit them; return whether it is worth going on."""
        try:
            await _all(self._prepare(transaction, copy) for copy in batch)
            for copy in batch:
                if _failed(copies) and not any(other.committed for other in copies):
                    return False
                await self._commit(transaction, copy, page)
        finally:
            for copy in batch:
                if copy.hop is not None:
                    copy.hop.abandon()
        return True

    async def _prepare(self, transaction: Transaction, copy: _Copy) -> None:
        try:
            copy.hop = await begin(self._pool)
            copy.answer = await self._offer(transaction, copy, copy.hop)
        except Fault as fault:
            copy.answer = unavailable(fault, transaction.id)
        if copy.answer is not None and copy.hop is not None:
            await copy.hop.reset()
            copy.hop = None

    async def _offer(self, transaction: Transaction, copy: _Copy, hop: HopTransaction) -> Reply | None:
        """Bring a copy to its final dot; return the reply that refused it, if one did."""
        copy.delivery = await suited(copy.delivery, hop.capabilities)
        refused = await self._open(transaction, copy, hop)
        return refused or _too_large(transaction, copy.delivery, hop) or await hop.prepare(copy.delivery.content)

    async def _open(self, transaction: Transaction, copy: _Copy, hop: HopTransaction) -> Reply | None:
        """Say MAIL and RCPT for a copy; return the reply that refused it, if one did."""
        envelope, offers = transaction.envelope, hop.capabilities
        parameters = _parameters(copy.delivery, envelope.parameters, offers)
        lines = [path_line("MAIL FROM", envelope.sender, forwarded(parameters, offers, size=False))]
        lines += [path_line("RCPT TO", to.address, to.parameters) for to in copy.delivery.recipients]
        answers = await hop.begin(xforward_lines(transaction.client, offers.xforward), lines)
        return next((answer for answer in answers if not accepted(answer)), None)

    async def _commit(self, transaction: Transaction, copy: _Copy, page: Page) -> None:
        if copy.hop is None:
            return
        try:
            copy.answer = await copy.hop.commit()
        except Fault as fault:
            copy.answer = unavailable(fault, transaction.id)
        if accepted(copy.answer):
            copy.committed = True
            await page.taken(addresses(copy.delivery.recipients))


async def suited(delivery: Delivery, offers: Capabilities) -> Delivery:
    """Return a delivery as the next hop can take it: opened mail in 7 bits where it must be (RFC 6152 §3)."""
    if delivery.recode is None or "8BITMIME" in offers or delivery.content.isascii():
        return delivery
    content = await asyncio.to_thread(delivery.recode, delivery.content)
    return replace(delivery, content=content, recode=None)


def addresses(recipients: Iterable[Recipient]) -> tuple[str, ...]:
    """Return the recipients' addresses in order."""
    return tuple(recipient.address for recipient in recipients)


def _fits(delivery: Delivery, transaction: Transaction, hop: HopTransaction) -> bool:
    """Whether the transaction that was opened while the client spoke is the one this delivery needs."""
    given = transaction.envelope.parameters
    return not delivery.opened or sorted(_parameters(delivery, given, hop.capabilities)) == sorted(given)


def _parameters(delivery: Delivery, parameters: Sequence[str], offers: Capabilities) -> tuple[str, ...]:
    """Return the MAIL parameters for a delivery: a bounce of opened mail returns its header only (RFC 3461 §4.3)."""
    if not delivery.opened:
        return tuple(parameters)
    wanted = [parameter for parameter in parameters if not parameter.upper().startswith(("RET=", "BODY="))]
    if "DSN" in offers:
        wanted.append("RET=HDRS")
    if "8BITMIME" in offers and not delivery.content.isascii():
        wanted.append("BODY=8BITMIME")
    return tuple(wanted)


def _same(recipients: Sequence[Recipient], transaction: Transaction) -> bool:
    return sorted(addresses(recipients)) == sorted(transaction.envelope.addresses)


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
    failures = [(copy, copy.answer) for copy in copies if copy.answer is not None and not copy.committed]
    if not failures:
        return _success(copies)
    answers = [answer for _, answer in failures]
    temporary = next((answer for answer in answers if not answer.permanent), None)
    if not any(copy.committed for copy in copies):
        return passed_on(temporary or answers[0])
    if temporary is not None:
        return reply(451, "4.3.0", f"Delivered in part, please try again (record {transaction.id})")
    refused = ", ".join(to for copy, _ in failures for to in addresses(copy.delivery.recipients))
    *lines, last = answers[0].lines
    return Reply(answers[0].code, (*lines, f"{last} (refused for: {refused})"))


def _success(copies: Sequence[_Copy]) -> Reply:
    answers = [copy.answer for copy in copies if copy.answer is not None]
    if len(answers) == 1:
        return answers[0]
    texts = "; ".join(" ".join(answer.lines) for answer in answers)
    return reply(250, "2.0.0", f"Ok: {len(answers)} copies taken: {texts}"[:TEXT_LIMIT])


async def _all(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    """Run jobs side by side to the end of the last, then raise what the first failure raised."""
    for result in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
