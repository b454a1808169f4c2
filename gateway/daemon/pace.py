"""One pace for all mail on which a key was used: how long that took tells whoever waits for the reply what came of it.

Opening takes longer than failing: there is a content to read and to judge, and more to remember; and a next hop looks
longer at what it can read. So such mail goes on, and is answered, at a multiple of ``STEP`` since it came. What takes
less than one step, nearly always, takes exactly one; who counts the steps of a busy gateway learns little from each,
and ``inbound.failed_decrypts_per_hour`` bounds how many he has.
"""

from gateway.engine.transaction import Outcome

STEP = 0.1
"""Seconds."""


def rest(outcome: Outcome, taken: float) -> float:
    """Return for how many seconds a message waits that has taken so many; 0 where no key was used."""
    if not any(delivery.key_used for delivery in outcome.deliveries):
        return 0.0
    return STEP - taken % STEP
