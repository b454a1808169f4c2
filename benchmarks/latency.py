"""How long one message waits when half as many come as the gateway could take: the slow ones against the usual one.

First the most that it takes, from ``smtp-source`` over kept connections; then half of that for some seconds, from an
open-loop generator. Both sides are of the same messages: p99 is ours, p50 is theirs.
"""

from benchmarks.ground import ALICE, SIGNING, Gateway, Ground, small_mail
from benchmarks.load import send
from benchmarks.paced import Mail, latencies
from benchmarks.ratio import Aim, Row, Sides

MESSAGES = 1000
MESSAGES_QUICK = 200
SECONDS = 10.0
SECONDS_QUICK = 2.0


class _Half:
    """Measures both figures at once: ``p50`` lets the mail through, ``p99`` reads off."""

    def __init__(self, ground: Ground) -> None:
        self._gateway: Gateway = ground.gateway
        self._messages = MESSAGES_QUICK if ground.quick else MESSAGES
        self._seconds = SECONDS_QUICK if ground.quick else SECONDS
        self._source = ("-F", str(ground.mail(SIGNING)), "-d")
        self._mail = Mail(SIGNING, ALICE, small_mail(SIGNING))
        self._sorted: list[float] = []

    def p50(self) -> float:
        port = self._gateway.port
        most = self._messages / send(port, self._messages, SIGNING, *self._source)
        self._sorted = latencies(port, self._mail, most / 2, self._seconds)
        return self._quantile(0.5)

    def p99(self) -> float:
        return self._quantile(0.99)

    def _quantile(self, share: float) -> float:
        return self._sorted[int(len(self._sorted) * share)]


def _sides(ground: Ground) -> Sides:
    half = _Half(ground)
    return Sides(half.p99, half.p50)


ROWS = (
    Row(
        name="latency",
        ours="gateway, signed 10 kB at half the highest rate, p99",
        theirs="p50",
        aim=Aim(5, at_most=True),
        show=lambda seconds: f"{seconds * 1000:.1f} ms",
        build=_sides,
    ),
)
