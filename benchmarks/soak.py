"""The soak: mixed mail both ways, and through the milter, for a long time; memory and descriptors must not grow.

``python -m benchmarks.soak``, or ``make soak``. It takes twenty minutes, or as many seconds as
``SMIME_GATEWAY_SOAK_SECONDS`` says. The first quarter is for warming up and does not count. A slope is the median of
the differences between values half the time apart, so that single peaks do not bend it. Ends with 1 where a process
grew, was replaced, or where mail was deferred; a run under ten minutes is too short to judge growth by, and says so.
"""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from random import Random
from statistics import median
from typing import NamedTuple

from benchmarks.arriving import sealed
from benchmarks.ground import ALICE, NOBODY, SEALING, SIGNING, Gateway, Ground, small_mail
from benchmarks.paced import Client, Mail, arrivals
from benchmarks.process import descriptors_of, family, memory_of, name_of
from benchmarks.ratio import NotMeasured
from benchmarks.segmented import HEAD, LINE

SECONDS = 1200.0
JUDGED_FROM = 600.0
RATE = 50.0
EVERY = 1.0
GROWTH = 64.0
"""kB a minute that a process may seem to grow by: less than a tenth of a process's own ups and downs."""
UNKNOWN = "unknown@example.com"
MESSAGE_ID = b"20260601.42.7"


class Kind(NamedTuple):
    """A kind of mail: by which door it comes, how often, and the answers that are right."""

    mail: Mail
    door: str
    weight: int
    codes: tuple[int, ...] = (250,)


class Sample(NamedTuple):
    """One process at one moment, memory in kB."""

    memory: float
    descriptors: int


Samples = dict[int, list[Sample]]


def _kinds(ground: Ground, *, milter: bool) -> Iterator[Kind]:
    plain = small_mail(ALICE, SIGNING)
    closed = sealed(ground, plain, "aes-256-cbc")
    large = HEAD.encode() + b"\r\n" + LINE * (1_000_000 // len(LINE))
    yield Kind(Mail(NOBODY, ALICE, small_mail(NOBODY)), "outbound", 20)
    yield Kind(Mail(SIGNING, ALICE, small_mail(SIGNING)), "outbound", 20)
    yield Kind(Mail(SEALING, ALICE, small_mail(SEALING)), "outbound", 10)
    yield Kind(Mail(SEALING, UNKNOWN, small_mail(SEALING, UNKNOWN)), "outbound", 5, (550,))
    yield Kind(Mail(ALICE, SIGNING, plain), "inbound", 20)
    yield Kind(Mail(ALICE, SIGNING, closed), "inbound", 15)
    yield Kind(Mail(ALICE, SIGNING, sealed(ground, plain, "aes-256-gcm")), "inbound", 5)
    yield Kind(Mail(ALICE, SEALING, closed), "inbound", 2)
    yield Kind(Mail(ALICE, SIGNING, closed[: len(closed) // 2] + b"\r\n"), "inbound", 1)
    yield Kind(Mail(ALICE, SIGNING, large), "inbound", 1)
    if milter:
        yield Kind(Mail(SIGNING, ALICE, small_mail(SIGNING)), "milter", 15)


async def _load(doors: dict[str, int], kinds: list[Kind], seconds: float, answers: Counter[str]) -> None:
    """Send mail of all kinds, each message with an id of its own, and count the answers."""
    loop, random, numbers, running = asyncio.get_running_loop(), Random(2), count(), set[asyncio.Task[None]]()
    clients = {door: Client(port) for door, port in doors.items()}
    weights = [kind.weight for kind in kinds]

    async def send(kind: Kind) -> None:
        content = kind.mail.content.replace(MESSAGE_ID, b"%d.soak" % next(numbers), 1)
        try:
            answer = await clients[kind.door].send(kind.mail._replace(content=content))
        except (OSError, EOFError):
            answers["broken off"] += 1
        else:
            answers["as expected" if answer.code in kind.codes else f"{answer.code} to {kind.door}"] += 1

    began = loop.time()
    for at in arrivals(RATE, seconds):
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        task = asyncio.create_task(send(random.choices(kinds, weights)[0]))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    for client in clients.values():
        client.close()


async def _watch(pids: list[int], samples: Samples) -> None:
    while True:
        for pid in pids:
            samples[pid].append(Sample(memory_of(pid, "VmRSS") / 1000, descriptors_of(pid)))
        await asyncio.sleep(EVERY)


async def _soak(
    doors: dict[str, int], kinds: list[Kind], gateway: Gateway, seconds: float
) -> tuple[Samples, Counter[str]]:
    samples: Samples = {pid: [] for pid in family(gateway.pid)}
    answers: Counter[str] = Counter()
    watching = asyncio.create_task(_watch(list(samples), samples))
    await _load(doors, kinds, seconds, answers)
    watching.cancel()
    return samples, answers


def _slope(values: list[float]) -> float:
    """Return the growth per minute."""
    half = len(values) // 2
    return median(later - earlier for earlier, later in zip(values, values[half:], strict=False)) / (half * EVERY) * 60


def _report(samples: Samples, show: Callable[[str], None]) -> bool:
    """Print every process's slopes; return whether one grew."""
    grew = False
    for pid, all_of_it in samples.items():
        counted = all_of_it[len(all_of_it) // 4 :]
        memory, descriptors = [each.memory for each in counted], [float(each.descriptors) for each in counted]
        slope, more = _slope(memory), _slope(descriptors)
        grew |= slope > GROWTH or more >= 1
        ends = f"{memory[0]:.0f} → {memory[-1]:.0f} kB"
        show(f"{name_of(pid):16} {ends:20} {slope:+8.1f} kB/min  {descriptors[-1]:.0f} descriptors {more:+.1f}/min")
    return grew


def main() -> int:
    """Soak, print, and return the exit code."""
    seconds = float(os.environ.get("SMIME_GATEWAY_SOAK_SECONDS", SECONDS))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        folder.chmod(0o755)  # Postfix's own user looks in
        ground = Ground(folder, stack, quick=False)
        gateway, doors = _gateway(ground)
        kinds = list(_kinds(ground, milter="milter" in doors))
        print(f"{seconds:.0f} s of {RATE:.0f} messages a second by way of {', '.join(doors)}", flush=True)
        samples, answers = asyncio.run(_soak(doors, kinds, gateway, seconds))
        replaced = set(family(gateway.pid)) != set(samples)
        grew = _report(samples, print)
    print(", ".join(f"{number} {what}" for what, number in answers.items()) + ("; a process was replaced" * replaced))
    if seconds < JUDGED_FROM:
        print("too short to judge growth by: processes are still warming up")
        grew = False
    return int(grew or replaced or set(answers) != {"as expected"})


def _gateway(ground: Ground) -> tuple[Gateway, dict[str, int]]:
    """Start it, with the milter where there can be a Postfix for it; return it and the ports mail comes in by."""
    try:
        gateway, milter = ground.milter, {"milter": ground.postfix.milter}
    except NotMeasured as why:
        print(f"without the milter: {why}")
        gateway, milter = ground.gateway, {}
    return gateway, {"outbound": gateway.port, "inbound": gateway.inbound} | milter


if __name__ == "__main__":
    sys.exit(main())
