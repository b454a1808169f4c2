"""The gateway as Postfix's content_filter, against the classic way: a ``pipe`` filter that runs ``openssl cms -sign``.

Both sign, and both hand the message back to the same Postfix, which queues every message twice and relays it to the
sink; the time ends when the queue is empty. What the filter alone costs is its CPU time: of the gateway's workers
here, of ``pipe(8)`` with all that it starts there.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.ground import SIGNING, Ground
from benchmarks.process import cpu_of
from benchmarks.ratio import Aim, Row, Sides
from benchmarks.relaying import through

MESSAGES = {"ours": 1000, "theirs": 300}
MESSAGES_QUICK = {"ours": 200, "theirs": 40}


def _throughput(ground: Ground) -> Sides:
    ours, theirs = _sides(ground)
    return Sides(ours, theirs)


def _cost(ground: Ground) -> Sides:
    """CPU seconds per message; a kind of daemon that comes and goes is counted as long as it is there."""
    ours, theirs = _sides(ground)
    counts = MESSAGES_QUICK if ground.quick else MESSAGES
    postfix, workers = ground.postfix, ground.filter.workers()
    return Sides(
        partial(_spent, ours, lambda: cpu_of(workers), counts["ours"]),
        partial(_spent, theirs, lambda: cpu_of(postfix.processes("pipe")), counts["theirs"]),
    )


def _spent(work: Callable[[], float], clock: Callable[[], float], messages: int) -> float:
    before = clock()
    work()
    return (clock() - before) / messages


def _sides(ground: Ground) -> tuple[Callable[[], float], Callable[[], float]]:
    counts = MESSAGES_QUICK if ground.quick else MESSAGES
    source = ("-F", str(ground.mail(SIGNING)))
    postfix, _ = ground.postfix, ground.filter
    return (
        partial(through, postfix, postfix.filtering, counts["ours"], SIGNING, *source),
        partial(through, postfix, postfix.piping, counts["theirs"], SIGNING, *source),
    )


ROWS = (
    Row(
        name="filter",
        ours="Postfix with the gateway as content_filter, signed 10 kB",
        theirs="a pipe filter that runs `openssl cms`",
        aim=Aim(10),
        show=lambda rate: f"{rate:.0f}/s",
        build=_throughput,
    ),
    Row(
        name="filter-cost",
        ours="gateway as content_filter, CPU per signed 10 kB",
        theirs="a pipe filter that runs `openssl cms`",
        aim=Aim(0.1, at_most=True),
        show=lambda seconds: f"{seconds * 1000:.1f} ms",
        build=_cost,
    ),
)
