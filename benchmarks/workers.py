"""Two workers against one, both signing for the sink: what a second processor is worth.

Signing with RSA in one worker keeps one processor busy and no more, so the second worker is what uses the second one.
Load generator and sink run on the same two, so twice the rate cannot be had.
"""

from benchmarks.ground import SIGNING, Gateway, Ground
from benchmarks.load import send
from benchmarks.ratio import Aim, Row, Sides

MESSAGES = 2000
MESSAGES_QUICK = 300
SESSIONS = 20
"""Enough that both workers have some: the kernel deals connections out by chance."""


def _sides(ground: Ground) -> Sides:
    messages = MESSAGES_QUICK if ground.quick else MESSAGES
    source = ("-F", str(ground.mail(SIGNING)), "-d")

    def rate(gateway: Gateway) -> float:
        return messages / send(gateway.port, messages, SIGNING, *source, sessions=SESSIONS)

    one, two = ground.with_workers(1), ground.with_workers(2)
    return Sides(lambda: rate(two), lambda: rate(one))


ROWS = (
    Row(
        name="workers",
        ours="gateway with two workers, signed 10 kB, kept connections",
        theirs="with one",
        aim=Aim(1.6),
        show=lambda rate: f"{rate:.0f}/s",
        build=_sides,
    ),
)
