"""What the gateway counts, in all of its processes, and the page that Prometheus reads.

The numbers are those of prometheus_client in its multiprocess mode: every process counts in mapped files of its own, so
a process that is killed leaves what it counted. The folder is named by ``PROMETHEUS_MULTIPROC_DIR`` before this module
is imported; without it, numbers stay in memory, where nobody asks for them. Whoever ends takes its gauges along, and a
successor takes over the other files, so that there are never more files than processes.

Every label comes from a set that is fixed when the program starts, but for our own certificates' fingerprints: no
address, subject or serial, no text of anybody's mail can become one (row WEB-07). A name or label that stands here is
in dashboards and alerts: it never changes silently. Not here: what is known only by asking the store and the next hops
(``gateway.processes.health``).
"""

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from gateway.engine.finding import EncryptionFound, EncryptionOpened, Signature
from gateway.engine.record import Record
from gateway.engine.transaction import Direction, FrontEnd, Verdict
from gateway.policy.wants import Lookup
from gateway.reason import Reason
from gateway.smime.finding import Encryption, Status

PREFIX = "smime_gateway_"


class Kind(StrEnum):
    """What can go wrong on our side; each word is counted where it is logged."""

    INTERNAL = "internal"
    """A bug: the message was deferred, or delivered unopened with reason ``internal``."""
    STORE = "store"
    """The store could not be asked: the message was deferred, or a scrape has no numbers of the store."""
    JOURNAL = "journal"
    """A record is in the log and not in the journal."""
    HOLD = "hold"
    """A message was delivered as it came and could not be kept for another attempt."""
    WITHHELD = "withheld"
    """An answer to encrypted mail was taken and not sent: a refusal would have returned it to a stranger."""
    RETRY = "retry"
    """An attempt at held mail failed for our reasons."""
    KEY_REUSED = "key-reused"
    """A message stayed closed, for its content key had opened something else."""
    CHILD = "child"
    """A process ended that should not have, and was replaced."""
    WATCHDOG = "watchdog"
    """A process that no longer moved was ended."""


class Stage(StrEnum):
    """Parts of the way that are timed. What a message takes beyond ``process`` is the next hop's time."""

    PROCESS = "process"
    """The engine over one message, its questions to the store included."""
    HOLD = "hold"
    """Keeping a message for another attempt."""
    JOURNAL = "journal"
    """Writing what records have gathered, in one transaction."""


class Role(StrEnum):
    """Processes that take mail."""

    WORKER = "worker"
    MILTER = "milter"


SIGNATURES = (*Status, "signed", "not-signed")
ENCRYPTIONS = (*Encryption, "encrypted", "not-encrypted")
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BYTES = (1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6, 16e6, 64e6)

LiveGauge = partial(Gauge, multiprocess_mode="livesum")
"""The sum of what the living processes say."""
Durations = partial(Histogram, buckets=SECONDS)
Sizes = partial(Histogram, buckets=BYTES)

M = TypeVar("M", Counter, Gauge, Histogram)
Labels = str | tuple[str, ...]


def _series(kind: Callable[..., M], name: str, text: str, /, **labels: Iterable[str]) -> Mapping[Labels, M]:
    """Return all series of a metric by their labels, in this order; one label stands by itself.

    They exist from the start: a rate over a series that begins at one is blind for the first event.
    """
    metric = kind(PREFIX + name, text, tuple(labels), registry=None)
    every = product(*(tuple(values) for values in labels.values()))
    return {values if len(values) > 1 else values[0]: metric.labels(*values) for values in every}


MESSAGES = _series(
    Counter,
    "messages_total",
    "Messages by what became of them.",
    direction=Direction,
    front_end=FrontEnd,
    verdict=Verdict,
)
SIGNATURE = _series(
    Counter, "signatures_total", "Messages by signature status.", direction=Direction, status=SIGNATURES
)
ENCRYPTION = _series(
    Counter, "encryptions_total", "Messages by encryption status.", direction=Direction, status=ENCRYPTIONS
)
DURATION = _series(
    Durations, "message_duration_seconds", "From the end of a message to our reply.", direction=Direction
)
SIZE = _series(Sizes, "message_size_bytes", "Size of messages as they came.", direction=Direction)
UNAUTHENTICATED = Counter(
    f"{PREFIX}decrypted_unauthenticated_total",
    "Inbound messages that were decrypted and that nothing authenticates, by the key that opened them.",
    ("key",),
    registry=None,
)
"""``key``: the first ``KEY_DIGITS`` of the fingerprint of our certificate; so there are as many series as own keys."""
KEY_DIGITS = 16
REFUSED = _series(Counter, "refused_total", "Outbound messages refused by policy, by reason.", reason=Reason)
IN_CLEAR = Counter(
    f"{PREFIX}replies_in_clear_total",
    "Answers to mail that came encrypted, and such mail sent on, that left in clear.",
    registry=None,
)
STAGES = _series(Durations, "stage_duration_seconds", "Duration of parts of the way.", stage=Stage)
LOOKUPS = Counter(
    f"{PREFIX}lookups_total",
    "Questions to sources of certificates, by how they ended.",
    ("source", "result"),
    registry=None,
)
"""``source``: its name in the configuration; ``result``: of ``lookup.answer.Result``."""
LOOKUP_DURATION = Durations(
    f"{PREFIX}lookup_duration_seconds", "How long sources of certificates took.", ("source",), registry=None
)
ERRORS = _series(Counter, "errors_total", "What went wrong on our side.", kind=Kind)
SESSIONS = _series(LiveGauge, "sessions", "Clients connected now.", front_end=FrontEnd)
PROCESSES = _series(LiveGauge, "processes", "Processes that take mail now.", role=Role)
RELOAD = LiveGauge(
    PREFIX + "config_reload_success",
    "Whether the last configuration read is in force (1) or was bad (0).",
    registry=None,
)
"""Set by the first supervisor alone; what all others say is 0, and adds nothing."""


def count_record(record: Record) -> None:
    """Count a message by its record; what was never looked into has no status and is counted under none.

    An attempt at held mail that delivered nothing is not another message, and a client that was turned away brought
    none.
    """
    if not record.recipients or (record.retry_of and not record.deliveries):
        return
    direction = record.direction
    MESSAGES[direction, record.front_end, record.verdict].inc()
    DURATION[direction].observe(record.duration_ms / 1000)
    SIZE[direction].observe(record.size)
    _count_status(SIGNATURE, direction, record.signature)
    _count_status(ENCRYPTION, direction, record.encryption)
    if Reason.INTERNAL in (_reason(record.signature), _reason(record.encryption)):
        ERRORS[Kind.INTERNAL].inc()
    _count_keys(record.encryption)
    _count_policy(record)


def _count_status(
    series: Mapping[Labels, Counter], direction: str, finding: Signature | EncryptionFound | None
) -> None:
    if finding is not None:
        series[direction, finding.status].inc()


def _reason(finding: Signature | EncryptionFound | None) -> Reason | None:
    return None if finding is None else finding.reason


def _count_keys(finding: EncryptionFound | None) -> None:
    """Count what somebody does who wants to find out what a content says, without being able to read it."""
    if not isinstance(finding, EncryptionOpened):
        return
    if finding.reason is Reason.KEY_REUSED:
        ERRORS[Kind.KEY_REUSED].inc()
    if finding.status is Encryption.DECRYPTED and not finding.authenticated and finding.key:
        UNAUTHENTICATED.labels(finding.key[:KEY_DIGITS]).inc()


def _count_policy(record: Record) -> None:
    """Count what of outbound mail somebody should look into; a refusal of the next hop's is not ours."""
    reason = _reason(record.encryption) or _reason(record.signature)
    if record.direction != Direction.OUTBOUND or reason is None:
        return
    if record.verdict == Verdict.REJECT and not record.deliveries:
        REFUSED[reason].inc()
    if record.verdict == Verdict.RELAY and record.deliveries and reason == Reason.REPLY_TO_ENCRYPTED:
        IN_CLEAR.inc()


def count_lookup(lookup: Lookup) -> None:
    """Count a question to a source of certificates."""
    LOOKUPS.labels(source=lookup.source, result=lookup.result).inc()
    LOOKUP_DURATION.labels(source=lookup.source).observe(lookup.ms / 1000)


def take_over(pid: int | None) -> None:
    """Begin to count, and go on where the process ``pid``, which has ended, stopped. Raises ``OSError``.

    For a process that was just forked and has counted nothing yet.
    """
    folder = _folder()
    for kind in ("counter", "histogram"):
        with suppress(FileNotFoundError):
            (folder / f"{kind}_{pid}.db").rename(folder / f"{kind}_{os.getpid()}.db")
    RELOAD.set(0)  # opens the files: what keeps us from it is seen now and not at the first message


def _folder() -> Path:
    return Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


def collected() -> list[Metric]:
    """Return what all processes have counted, those that have ended included."""
    while True:
        # One that a successor has just taken over has another name now; one that is just being made is empty.
        with suppress(FileNotFoundError):
            files = [str(path) for path in _folder().glob("*.db") if path.stat().st_size]
            return list(MultiProcessCollector.merge(files))


def processes() -> dict[str, float]:
    """Return how many processes take mail now, by role."""
    (found,) = (metric for metric in collected() if metric.name == PREFIX + "processes")
    return {sample.labels["role"]: sample.value for sample in found.samples}


def exposition(asked: Iterable[Metric]) -> bytes:
    """Return the page: what was counted, and what was ``asked`` for; text format 0.0.4."""
    return generate_latest(_Page([*collected(), *asked]))


class _Page:
    """A collector of what has been collected."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
