"""Small mail through the gateway to the sink, against Postfix relaying the same mail to the same sink.

Postfix's time ends when its queue is empty, ours with the last reply: what the gateway has acknowledged is delivered.
"""

import time
from functools import partial

from benchmarks.ground import NOBODY, SEALING, SIGNING, Ground
from benchmarks.load import send
from benchmarks.postfix import Postfix
from benchmarks.ratio import Aim, Row, Sides

MESSAGES = 2000
MESSAGES_QUICK = 300


def _sides(sender: str, kept: bool, ground: Ground) -> Sides:
    messages = MESSAGES_QUICK if ground.quick else MESSAGES
    source = ["-F", str(ground.mail(sender)), *(["-d"] if kept else [])]
    gateway, postfix = ground.gateway, ground.postfix

    def ours() -> float:
        return messages / send(gateway.port, messages, sender, *source)

    return Sides(ours, lambda: through(postfix, postfix.relaying, messages, sender, *source))


def through(postfix: Postfix, door: int, messages: int, sender: str, *source: str) -> float:
    """Return how many messages a second go in at one of Postfix's doors, through its queue and on to the sink."""
    started = time.perf_counter()
    send(door, messages, sender, *source)
    postfix.drained()
    return messages / (time.perf_counter() - started)


def _row(name: str, what: str, sender: str, aim: float | None, *, kept: bool) -> Row:
    how = "kept connections" if kept else "a connection each"
    return Row(
        name=name,
        ours=f"gateway, {what}, {how}",
        theirs="Postfix relay",
        aim=None if aim is None else Aim(aim),
        show=lambda rate: f"{rate:.0f}/s",
        build=partial(_sides, sender, kept),
    )


ROWS = (
    _row("pass", "untouched 10 kB", NOBODY, 1.5, kept=False),
    _row("pass-kept", "untouched 10 kB", NOBODY, 3, kept=True),
    _row("sign", "signed 10 kB", SIGNING, 1, kept=False),
    _row("sign-kept", "signed 10 kB", SIGNING, 1, kept=True),
    _row("seal", "signed and encrypted 10 kB", SEALING, None, kept=False),
    _row("seal-kept", "signed and encrypted 10 kB", SEALING, None, kept=True),
)
