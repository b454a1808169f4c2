"""One copy of a message on its way to the next hop, in a transaction of its own.

What a private key produced may not be told from outside (RFC 3218, EFAIL). So a copy that one was used for goes with
the same parameters whatever came of it: none that depends on its content; no report but those it allows, headers only
(RFC 3461 §4); and nobody to report to where the next hop could not be told. Where its content is refused it goes once
more, as the message came, and that answer counts. What the next hop says to content it may have read stays here.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from gateway.engine.transaction import Delivery, Receipt, Transaction
from gateway.errors import Fault
from gateway.mail.envelope import Recipient
from gateway.reply import EnhancedCode, Reply, reply, trouble
from gateway.smtp.capability import Capabilities
from gateway.smtp.command import forwarded, path_line, rcpt_line, xforward_lines
from gateway.smtp.connection import HopFault, HopLoop
from gateway.smtp.next_hop import Dot, HopTransaction, Pool, begin

_logger = logging.getLogger(__name__)
LOOP = reply(554, EnhancedCode.ROUTING_LOOP, "Mail loop: the next hop is this gateway")


def unavailable(fault: Fault, record_id: str) -> Reply:
    """Return the reply for surroundings that failed us; details stay in the log."""
    if isinstance(fault, HopLoop):
        return LOOP
    if isinstance(fault, HopFault):
        return reply(451, EnhancedCode.NO_ANSWER, f"The next hop is not available (record {record_id})")
    return trouble(record_id)


class Copy:
    """One delivery on its way; ``answer`` is what became of it so far, None while nothing spoke against it."""

    def __init__(
        self, transaction: Transaction, delivery: Delivery, pool: Pool, dot: Dot, answer: Reply | None = None
    ) -> None:
        self.delivery = delivery
        self.answer = answer
        self._dot = dot
        self._transaction = transaction
        self._pool = pool
        self._hop: HopTransaction | None = None
        self._content_sent = False
        self._refused: list[Receipt] = []
        self._unsealed = delivery
        self._size = 0

    @property
    def committed(self) -> bool:
        """Whether the next hop has taken it."""
        return self.answer is not None and self.answer.taken

    @property
    def failure(self) -> Reply | None:
        """What the client may hear of why it was not taken; None where nothing spoke against it."""
        if self.answer is None or self.committed:
            return None
        if self.delivery.key_used and self._content_sent and not self.answer.permanent:
            return trouble(self._transaction.id)
        return self.answer

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """What the next hop said, first to what it refused of a private key's work, last to what counts."""
        return (*self._refused, Receipt(self.delivery, str(self._pool.hop), self.answer, self._size))

    async def deliver(self, hop: HopTransaction) -> None:
        """Deliver on ``hop``, the transaction opened while the client spoke, if that is the one it needs."""
        try:
            if self._fits(hop):
                await self._suit(hop.capabilities)
                self.answer = self._too_large(hop) or await hop.deliver(self.delivery.content, self._dot)
        except Fault as fault:
            hop.abandon()
            self._failed(fault)
        if not hop.over:
            await hop.reset()
        if self.answer is None:
            await self.send()

    async def send(self) -> None:
        """Deliver in a transaction of its own."""
        try:
            await self.prepare()
            await self.commit()
        finally:
            self.abandon()

    async def prepare(self) -> None:
        """Bring it to its final dot in a transaction of its own, unless something speaks against it."""
        self._content_sent = False
        try:
            await self._seal()
            self._hop = hop = await begin(self._pool)
            await self._suit(hop.capabilities)
            await self._cut_down(hop)
            self.answer = await self._open(hop) or self._too_large(hop) or await hop.prepare(self.delivery.content)
        except Fault as fault:
            self._failed(fault)
        if self._hop is not None:
            self._content_sent = self._hop.in_data
        if self.answer is not None:
            await self._close()
            if await self._may_go_as_it_came():
                await self.prepare()

    async def commit(self) -> None:
        """Send the final dot of what was prepared; does nothing for what was not."""
        hop, self._hop = self._hop, None
        if hop is None:
            return
        try:
            self.answer = await hop.commit(self._dot)
        except Fault as fault:
            hop.abandon()
            self._failed(fault)
        if await self._may_go_as_it_came():
            await self.prepare()
            await self.commit()

    def abandon(self) -> None:
        """Break off what was prepared and not committed."""
        if self._hop is not None:
            self._hop.abandon()
            self._hop = None
        if self._unsealed.seal is not None:
            self.delivery = self._unsealed  # what was made for it alone is in memory no longer

    async def _seal(self) -> None:
        """Make the content of one of many copies, now that it is its turn."""
        if self.delivery.seal is not None:
            self.delivery = await asyncio.to_thread(self.delivery.ready)
            self._size = len(self.delivery.content)

    def _failed(self, fault: Fault) -> None:
        """Take down what failed us; what it was stays in the log."""
        _logger.warning("%s: %s", self._transaction.id, fault)
        self.answer = unavailable(fault, self._transaction.id)

    async def _close(self) -> None:
        hop, self._hop = self._hop, None
        if hop is not None:
            await hop.reset()

    async def _open(self, hop: HopTransaction) -> Reply | None:
        """Say MAIL and RCPT; return the reply that refused one, a 4xx before a 5xx, if one did."""
        offers = hop.capabilities
        lines = [mail_line(self._transaction, self.delivery, offers)]
        lines += [rcpt_line(to, offers) for to in self.delivery.recipients]
        answers = await hop.begin(xforward_lines(self._transaction.client, offers.xforward), lines)
        refused = [answer for answer in answers if not answer.taken]
        return next((answer for answer in refused if not answer.permanent), refused[0] if refused else None)

    async def _may_go_as_it_came(self) -> bool:
        """Whether content that a key was used for was refused, and the message as it came stands in its place now."""
        if not self._content_sent or self.answer is None or not self.answer.permanent:
            return False
        try:
            replaced = await self._replaced()
        except Fault as fault:
            self._failed(fault)
            return False
        if replaced:
            self.answer = None
        return replaced

    async def _cut_down(self, hop: HopTransaction) -> None:
        """Have what grew too large by opening go as it came, before a word is said of it."""
        too_large = self._too_large(hop)
        if too_large is not None:
            self.answer = too_large
            await self._replaced()
            self.answer = None

    async def _replaced(self) -> bool:
        """Put the message as it came in the place of what is refused, if there is such a copy. Raises ``Fault``."""
        if self.delivery.as_it_came is None:
            return False
        self._refused += self.receipts[-1:]
        made = await asyncio.to_thread(self.delivery.as_it_came)
        self.delivery = replace(made, recipients=self.delivery.recipients)
        return True

    async def _suit(self, offers: Capabilities) -> None:
        """Give opened mail in 7 bits to a next hop that takes no more."""
        if self.delivery.needs_8bit and "8BITMIME" not in offers:
            self.delivery = await asyncio.to_thread(self.delivery.in_7bit)

    def _fits(self, hop: HopTransaction) -> bool:
        """Whether the transaction that was opened while the client spoke is the one this delivery needs."""
        if self.delivery.key_used:
            return False
        given = self._transaction.envelope.parameters
        return not self.delivery.opened or sorted(_parameters(self.delivery, given, hop.capabilities)) == sorted(given)

    def _too_large(self, hop: HopTransaction) -> Reply | None:
        limit, size = hop.capabilities.size, len(self.delivery.content)
        if limit is None or size <= limit:
            return None
        text = f"Message of {len(self._transaction.content)} bytes became {size} bytes; the next hop takes {limit}"
        return reply(552, EnhancedCode.TOO_BIG, text)


async def send_unreported(transaction: Transaction, delivery: Delivery, pool: Pool, dot: Dot) -> Receipt:
    """Deliver a copy that no client waits for, as of held mail, to all its recipients or to none; return its receipt.

    No bounce and no receipt is asked for (NOTIFY=NEVER, RFC 3461 §4.1): the sender had his for the message as it came,
    and a bounce must not quote what was encrypted. It has no second chance as it came, for that is how it came first.
    """
    parameters = tuple(word for word in transaction.envelope.parameters if word.upper() == "SMTPUTF8")
    recipients = tuple(Recipient(to.address, ("NOTIFY=NEVER",)) for to in delivery.recipients)
    silent = replace(transaction, envelope=replace(transaction.envelope, parameters=parameters))
    copy = Copy(silent, replace(delivery, recipients=recipients, opened=True, as_it_came=None), pool, dot)
    await copy.send()
    return copy.receipts[-1]


def mail_line(transaction: Transaction, delivery: Delivery, offers: Capabilities) -> bytes:
    """Return the MAIL command for a copy in a transaction of its own."""
    envelope = transaction.envelope
    parameters = _parameters(delivery, envelope.parameters, offers)
    sender = sender_of(delivery, envelope.sender, offers)
    return path_line("MAIL FROM", sender, forwarded(parameters, offers, size=False))


def sender_of(delivery: Delivery, sender: str, offers: Capabilities) -> str:
    """Return the envelope sender of a copy: nobody, where reports of what a key was used on cannot be stopped."""
    return "" if delivery.key_used and "DSN" not in offers else sender


def addresses(recipients: Sequence[Recipient]) -> tuple[str, ...]:
    """Return the recipients' addresses in order."""
    return tuple(recipient.address for recipient in recipients)


def _parameters(delivery: Delivery, parameters: Sequence[str], offers: Capabilities) -> tuple[str, ...]:
    """Return the MAIL parameters for a delivery: a bounce of opened mail returns its header only (RFC 3461 §4.3).

    Where a key was used 8 bits are announced whether there are any or not: that would tell of the content.
    """
    if not delivery.opened and not delivery.key_used:
        return tuple(parameters)
    wanted = [parameter for parameter in parameters if not parameter.upper().startswith(("RET=", "BODY="))]
    if "DSN" in offers:
        wanted.append("RET=HDRS")
    if "8BITMIME" in offers and (delivery.key_used or not delivery.content.isascii()):
        wanted.append("BODY=8BITMIME")
    return tuple(wanted)
