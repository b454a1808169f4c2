"""Messages of 25 MB: how fast one session hands them over, and how much memory one of them takes on its way.

Postfix accepts into its queue and holds there; the gateway relays to the sink while the client waits. Memory is the
peak of the worker's resident set (VmHWM, proc(5)) above what it was before the first large message, after small ones
of every kind; the peak is reset before each message.
"""

from functools import partial

from benchmarks.ground import ALICE, LARGE, NOBODY, SEALING, SIGNING, Ground
from benchmarks.load import send
from benchmarks.process import memory_of, reset_peak
from benchmarks.ratio import Aim, Row, Sides

MESSAGES = 6
MESSAGES_QUICK = 2
SMALL_ONES = 60
HIDDEN = 80
HIDDEN_SIZE = 5_000_000


def _data(ground: Ground) -> Sides:
    messages = MESSAGES_QUICK if ground.quick else MESSAGES
    gateway, postfix = ground.gateway, ground.postfix
    source = ("-l", str(LARGE), "-d")

    def ours() -> float:
        return messages * LARGE / send(gateway.port, messages, NOBODY, *source, sessions=1)

    def theirs() -> float:
        seconds = send(postfix.holding, messages, NOBODY, *source, sessions=1)
        postfix.drop_held()
        return messages * LARGE / seconds

    return Sides(ours, theirs)


def _memory(sender: str, ground: Ground) -> Sides:
    gateway = ground.one_worker()
    (worker,) = gateway.workers()
    for kind in (NOBODY, SIGNING, SEALING):
        send(gateway.port, SMALL_ONES, kind, "-F", str(ground.mail(kind)))
    idle = memory_of(worker, "VmRSS")

    def ours() -> float:
        reset_peak(worker)
        send(gateway.port, 1, sender, "-l", str(LARGE), sessions=1)
        return memory_of(worker, "VmHWM") - idle

    return Sides(ours, lambda: LARGE)


def _hidden(ground: Ground) -> Sides:
    gateway = ground.one_worker()
    addresses = [f"{number}{ALICE}" for number in range(1, HIDDEN + 1)]
    everybody = ground.folder / "everybody.pem"
    everybody.write_bytes(ground.authority.leaf(*addresses).pem())
    gateway.run("import", everybody)
    (worker,) = gateway.workers()
    send(gateway.port, SMALL_ONES, SEALING, "-F", str(ground.mail(SEALING)))
    idle = memory_of(worker, "VmRSS")

    def ours() -> float:
        reset_peak(worker)
        send(gateway.port, 1, SEALING, "-l", str(HIDDEN_SIZE), "-r", str(HIDDEN), sessions=1)
        return memory_of(worker, "VmHWM") - idle

    return Sides(ours, lambda: HIDDEN_SIZE)


def _memory_row(name: str, what: str, sender: str) -> Row:
    return Row(
        name=name,
        ours=f"worker, peak memory, {what}",
        theirs="the message",
        aim=Aim(4, at_most=True),
        show=lambda size: f"{size / 1e6:.0f} MB",
        build=partial(_memory, sender),
    )


ROWS = (
    Row(
        name="large",
        ours="gateway, untouched 25 MB to the next hop",
        theirs="Postfix, 25 MB into its queue",
        aim=Aim(0.8),
        show=lambda rate: f"{rate / 1e6:.0f} MB/s",
        build=_data,
    ),
    _memory_row("memory-pass", "untouched 25 MB", NOBODY),
    _memory_row("memory-sign", "signed 25 MB", SIGNING),
    _memory_row("memory-seal", "signed and encrypted 25 MB", SEALING),
    Row(
        name="memory-hidden",
        ours=f"worker, peak memory, 5 MB encrypted to {HIDDEN} hidden recipients, a copy each",
        theirs="the message",
        aim=Aim(40, at_most=True),
        show=lambda size: f"{size / 1e6:.0f} MB",
        build=_hidden,
    ),
)
