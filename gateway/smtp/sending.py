"""One copy to the next hop in a transaction of its own, for mail that no client waits for: re-delivered mail.

No bounce and no receipt is asked for (NOTIFY=NEVER, RFC 3461 §4.1): the original's sender had his for the message as
it came, and a bounce must not quote what was encrypted.
"""

from gateway.engine.transaction import Client, Delivery, Octets
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import Reply
from gateway.smtp.capability import Capabilities
from gateway.smtp.command import path_line, rcpt_line, xforward_lines
from gateway.smtp.copy import accepted, sender_of, suited
from gateway.smtp.next_hop import HopTransaction, Pool, begin


async def send(pool: Pool, client: Client, envelope: Envelope, delivery: Delivery) -> Reply:
    """Deliver to all recipients or to none; return the reply that ended it, a 4xx before a 5xx.

    ``client`` is told by XFORWARD. The recipients are those of ``envelope``. Raises ``Fault``: what the next hop did
    last is not known then.
    """
    hop = await begin(pool)
    try:
        delivery = await suited(delivery, hop.capabilities)
        return await _say(hop, client, envelope, delivery)
    finally:
        hop.abandon()


async def _say(hop: HopTransaction, client: Client, envelope: Envelope, delivery: Delivery) -> Reply:
    offers = hop.capabilities
    sender = sender_of(delivery, envelope.sender, offers)
    lines = [path_line("MAIL FROM", sender, _parameters(envelope, delivery.content, offers))]
    lines += [rcpt_line(Recipient(address, ("NOTIFY=NEVER",)), offers) for address in envelope.addresses]
    answers = await hop.begin(xforward_lines(client, offers.xforward), lines)
    refused = [answer for answer in answers if not accepted(answer)]
    if refused:
        await hop.reset()
        return next((answer for answer in refused if not answer.permanent), refused[0])
    return await hop.deliver(delivery.content)


def _parameters(envelope: Envelope, content: Octets, offers: Capabilities) -> list[str]:
    clean = content.isascii()
    wanted = {
        f"SIZE={len(content)}": "SIZE" in offers,
        "BODY=8BITMIME": not clean and "8BITMIME" in offers,
        "SMTPUTF8": "SMTPUTF8" in offers and any(word.upper() == "SMTPUTF8" for word in envelope.parameters),
        "RET=HDRS": "DSN" in offers,
    }
    return [word for word, said in wanted.items() if said]
