"""One pace for all mail on which a key was used: how long that took tells whoever waits for the reply what came of it.

Opening takes longer than failing: there is a content to read and to judge, and more to remember; and a next hop looks
longer at what it can read. So such mail goes on, and is answered, at a multiple of a step since it came. A step grows
with the mail, as that difference does: it is several times what opening takes, so that nearly always it is exactly one.
Who counts the steps of a busy gateway learns little from each, and ``inbound.failed_decrypts_per_hour`` bounds how many
he has.
"""

from gateway.engine.transaction import Outcome, Transaction

STEP = 0.1
"""Seconds, for a small mail and for every ``MEGABYTE``; to open one of these takes some 0.02 seconds of CPU."""
MEGABYTE = 1_000_000


def step(transaction: Transaction) -> float:
    """Return the step of a message in seconds; it depends on nothing but its size."""
    return STEP * (1 + len(transaction.content) / MEGABYTE)


def rest(transaction: Transaction, outcome: Outcome, taken: float) -> float:
    """Return for how many seconds a message waits that has taken so many; 0 where no key was used."""
    if not any(delivery.key_used for delivery in outcome.deliveries):
        return 0.0
    length = step(transaction)
    return length - taken % length
