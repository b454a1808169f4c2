"""The overview: is mail flowing, what became of it within a day, and what needs attention."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.admin.attention import Matter, Topic, Urgency, matters
from gateway.admin.sentence import Sentence
from gateway.clock import now
from gateway.engine.finding import Encrypting, Signing
from gateway.engine.transaction import Direction, Verdict
from gateway.smime.finding import Encryption, Status
from gateway.store.journal.census import Share, count_records
from gateway.wiring import Wiring, build_rules

HOURS = 24
_ORDER = (Urgency.NOW, Urgency.SOON, Urgency.SOMETIME)


class Result(StrEnum):
    """What became of a message, in one word for a chart.

    ``protected``: it left signed or encrypted, or came so and was verified or opened. ``doubtful``: it came with a
    protection that does not hold, or could not be judged or opened. ``plain``: neither.
    """

    PROTECTED = "protected"
    PLAIN = "plain"
    DOUBTFUL = "doubtful"
    REFUSED = "refused"
    DEFERRED = "deferred"


@dataclass(frozen=True, slots=True)
class DoorView:
    """A door, and whether its next hop takes mail; None: that is not known."""

    name: str
    direction: Direction
    next_hop: bool | None


@dataclass(frozen=True, slots=True)
class FlowView:
    """Whether mail flows: the ``doors``, and by name what must hold for mail to be taken (``checks``)."""

    doors: tuple[DoorView, ...]
    checks: Mapping[str, bool]

    @property
    def flows(self) -> bool:
        """Whether all of it holds."""
        return all(self.checks.values())


@dataclass(frozen=True, slots=True)
class HourView:
    """How many messages came within the hour that begins at ``hour``, by what became of them."""

    hour: datetime
    outbound: Mapping[Result, int]
    inbound: Mapping[Result, int]


@dataclass(frozen=True, slots=True)
class CountView:
    """How many messages had this status, of a signature, an encryption, or as a verdict, within the day."""

    direction: Direction
    status: str
    count: int


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Everything at a glance. ``flow`` is None where nobody could say; ``hours``: the last 24 and the one that runs."""

    at: datetime
    since: datetime
    flow: FlowView | None
    total: int
    hours: tuple[HourView, ...]
    counts: tuple[CountView, ...]
    attention: tuple[Matter, ...]


def overview(wiring: Wiring, flow: FlowView | None = None, groups: Collection[str] | None = None) -> OverviewView:
    """Return what is to be seen at a glance; ``flow``: what was found by asking. ``groups``: of these only.

    It costs what came within a day, however long the journal is. Raises ``Fault``.
    """
    at = now()
    since = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS)
    shares = count_records(wiring.store.database, since, None if groups is None else tuple(groups))
    found = [*_stopped(flow), *matters(wiring, build_rules(wiring.options), at, since, groups)]
    return OverviewView(
        at=at,
        since=since,
        flow=flow,
        total=sum(share.count for share in shares),
        hours=tuple(_hours(shares, since)),
        counts=tuple(_counts(shares)),
        attention=tuple(sorted(found, key=lambda matter: _ORDER.index(matter.urgency))),
    )


def result_of(direction: str, verdict: str, signature: str | None, encryption: str | None) -> Result:
    """Return in one word what became of a message with these statuses."""
    if verdict != Verdict.RELAY:
        return Result.REFUSED if verdict == Verdict.REJECT else Result.DEFERRED
    if direction == Direction.OUTBOUND:
        made = signature == Signing.SIGNED or encryption == Encrypting.ENCRYPTED
        return Result.PROTECTED if made else Result.PLAIN
    if signature not in (None, Status.NONE, Status.PASS) or encryption in (Encryption.FAILED, Encryption.PARTIAL):
        return Result.DOUBTFUL
    return Result.PROTECTED if signature == Status.PASS or encryption == Encryption.DECRYPTED else Result.PLAIN


def _hours(shares: Collection[Share], since: datetime) -> Iterator[HourView]:
    counts: Counter[tuple[datetime, str, Result]] = Counter()
    for share in shares:
        result = result_of(share.direction, share.verdict, share.signature, share.encryption)
        counts[share.hour, share.direction, result] += share.count
    for number in range(HOURS + 1):
        hour = since + timedelta(hours=number)
        outbound, inbound = (
            {result: counts[hour, direction.value, result] for result in Result}
            for direction in (Direction.OUTBOUND, Direction.INBOUND)
        )
        yield HourView(hour, outbound, inbound)


def _counts(shares: Collection[Share]) -> Iterator[CountView]:
    counts: Counter[tuple[str, str]] = Counter()
    for share in shares:
        for status in (share.verdict, share.signature, share.encryption):
            # "none" says the same of signatures and encryption, and so nothing here.
            if status is not None and status != Status.NONE:
                counts[share.direction, status] += share.count
    for (direction, status), count in sorted(counts.items()):
        yield CountView(Direction(direction), status, count)


def _stopped(flow: FlowView | None) -> Iterator[Matter]:
    if flow is None:
        return
    for door in flow.doors:
        if door.next_hop is False:
            text = Sentence("The next hop of door {door} takes no mail", door=door.name)
            cure = Sentence("Look at the mail server behind it, and at next_hop in the configuration")
            yield Matter(Topic.NEXT_HOP, Urgency.NOW, text, cure, 1, names=(door.name,))
    if flow.checks.get("doors") is False:
        text = Sentence("No process takes mail at the doors")
        yield Matter(Topic.DOOR, Urgency.NOW, text, Sentence("Look at the service's log"), 1)
    for name in ("store", "keys"):
        if flow.checks.get(name) is False:
            text = Sentence("The store cannot be used") if name == "store" else Sentence("No private key can be used")
            yield Matter(Topic.STORE, Urgency.NOW, text, Sentence("Look at the service's log"), 1, names=(name,))
