"""Hands an Outcome to the next hop, and finds the one reply for the client (rows REL-03, REL-05).

One delivery for exactly the recipients of the open transaction goes out on it, and the final reply is passed on
verbatim. Anything else gets transactions of its own (``copy``): all copies of a batch are brought to the final dot
before the first is committed, and the ledger remembers every copy taken, so that a retry makes none twice. Delivery is
at least once: a copy is repeated only where the next hop's reply to its final dot was lost.

==============================================  ===============================================================
failure                                         the client's reply
==============================================  ===============================================================
before anything was committed                   the next hop's own; a 4xx before a 5xx. Nothing was delivered
after a commit, some 4xx                        451: the retry makes the missing copies only
after a commit, 5xx only                        that 5xx, naming the recipients refused
==============================================  ===============================================================

Of mail that a private key was used for the client hears nothing but our own words, and of a 4xx to its content nothing
but ``451 4.3.0``.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace

from gateway.engine.transaction import Delivery, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.reply import EnhancedCode, Reply, reply
from gateway.smtp.budget import Budget
from gateway.smtp.copy import Copy, addresses
from gateway.smtp.ledger_session import LedgerAccess, LedgerSession
from gateway.smtp.next_hop import HopTransaction, Pool

TEXT_LIMIT = 480
EARLIER = reply(250, EnhancedCode.OTHER, "Ok: taken in an earlier attempt")


@dataclass(frozen=True, slots=True)
class Handover:
    """What became of a message: every copy's receipt, the client's reply, and the ledger's page to settle."""

    receipts: tuple[Receipt, ...]
    reply: Reply
    page: LedgerSession

    async def settle(self, *, acknowledged: bool) -> None:
        """Close the books once the reply was handed to the client's transport, or could not be."""
        if not acknowledged and not self.page.claimed:
            for receipt in self.receipts:
                if receipt.reply is not None and receipt.reply.taken:
                    # The client will send this again, and its next attempt must find the copy in the ledger.
                    await self.page.note(addresses(receipt.delivery.recipients))
        await self.page.settle(acknowledged=acknowledged)


class Relay:
    """Hands messages over to one pool; the transactions that are prepared at once come out of ``budget``."""

    def __init__(self, pool: Pool, books: LedgerAccess, budget: Budget) -> None:
        self._pool = pool
        self._books = books
        self._budget = budget

    async def hand_over(self, transaction: Transaction, outcome: Outcome, hop: HopTransaction) -> Handover:
        """Deliver every copy of a RELAY outcome. ``hop`` is the transaction opened while the client spoke.

        ``hop`` is over when this returns. Raises ``Fault`` where the ledger cannot be asked; nothing was delivered
        then. To be followed by ``settle``.
        """
        page = LedgerSession(self._books, transaction)
        try:
            return await self._hand_over(transaction, outcome, hop, page)
        except BaseException:
            hop.abandon()
            await page.settle(acknowledged=False)
            raise

    async def _hand_over(
        self, transaction: Transaction, outcome: Outcome, hop: HopTransaction, page: LedgerSession
    ) -> Handover:
        wanted = set(transaction.envelope.addresses)
        if not wanted <= {to.address for delivery in outcome.deliveries for to in delivery.recipients}:
            raise Fault("some recipient has no copy: the client must not be told 250")
        single = len(outcome.deliveries) == 1 and _same(outcome.deliveries[0], transaction)
        if not single or await self._books.may_matter():
            await page.claim()
        copies = [copy for delivery in outcome.deliveries for copy in self._parted(transaction, delivery, page)]
        if single and not page.served:
            await copies[0].deliver(hop)
            await _note(copies, page)
        else:
            await hop.reset()
            await self._deliver_all(copies, page)
        receipts = tuple(receipt for copy in copies for receipt in copy.receipts)
        return Handover(receipts, _verdict(transaction, outcome, copies), page)

    def _parted(self, transaction: Transaction, delivery: Delivery, page: LedgerSession) -> list[Copy]:
        """Part a delivery into what an earlier attempt brought over and what is still to do."""
        done = tuple(to for to in delivery.recipients if to.address in page.served)
        todo = tuple(to for to in delivery.recipients if to.address not in page.served)
        parts = [(part, answer) for part, answer in ((done, EARLIER), (todo, None)) if part]
        return [
            Copy(transaction, replace(delivery, recipients=part), self._pool, page.dot, answer)
            for part, answer in parts
        ]

    async def _deliver_all(self, copies: list[Copy], page: LedgerSession) -> None:
        waiting = [copy for copy in copies if not copy.committed]
        size = self._budget.size
        for start in range(0, len(waiting), size):
            batch = waiting[start : start + size]
            async with self._budget.taken(len(batch)):
                if not await self._deliver_batch(batch, copies, page):
                    return

    async def _deliver_batch(self, batch: list[Copy], copies: list[Copy], page: LedgerSession) -> bool:
        """Prepare all copies of a batch, then commit them; return whether it is worth going on."""
        try:
            await _all(copy.prepare() for copy in batch)
            for copy in batch:
                if _failed(copies) and not any(other.committed for other in copies):
                    return False
                await copy.commit()
                await _note([copy], page)
        finally:
            for copy in batch:
                copy.abandon()
        return True


async def _note(copies: Iterable[Copy], page: LedgerSession) -> None:
    """Take down what was committed, where the ledger was asked."""
    for copy in copies:
        if copy.committed and page.claimed:
            await page.taken(addresses(copy.delivery.recipients))


def _same(delivery: Delivery, transaction: Transaction) -> bool:
    return sorted(addresses(delivery.recipients)) == sorted(transaction.envelope.addresses)


def _failed(copies: Iterable[Copy]) -> list[Copy]:
    return [copy for copy in copies if copy.failure is not None]


def _verdict(transaction: Transaction, outcome: Outcome, copies: Sequence[Copy]) -> Reply:
    failures = [(copy, copy.failure) for copy in copies if copy.failure is not None]
    if not failures:
        return _success(transaction, outcome, copies)
    answers = [answer for _, answer in failures]
    temporary = next((answer for answer in answers if not answer.permanent), None)
    if not any(copy.committed for copy in copies):
        return (temporary or answers[0]).for_client
    if temporary is not None:
        return reply(451, EnhancedCode.OTHER_SYSTEM, f"Delivered in part, please try again (record {transaction.id})")
    refused = ", ".join(to for copy, _ in failures for to in addresses(copy.delivery.recipients))
    *lines, last = answers[0].lines
    return Reply(answers[0].code, (*lines, f"{last} (refused for: {refused})"))


def _success(transaction: Transaction, outcome: Outcome, copies: Sequence[Copy]) -> Reply:
    if any(delivery.key_used for delivery in outcome.deliveries):
        return reply(250, EnhancedCode.OTHER, f"Ok {transaction.id}")
    answers = [copy.answer for copy in copies if copy.answer is not None]
    if len(answers) == 1:
        return answers[0]
    texts = "; ".join(" ".join(answer.lines) for answer in answers)
    return reply(250, EnhancedCode.OTHER, f"Ok: {len(answers)} copies taken: {texts}"[:TEXT_LIMIT])


async def _all(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    """Run jobs side by side to the end of the last, then raise what the first failure raised."""
    for result in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
