"""The audit log: read, and verified."""

from dataclasses import dataclass
from datetime import datetime

from gateway.admin.view import Page, page
from gateway.errors import Refused
from gateway.store.audit.chain import Effect
from gateway.store.audit.trail import AuditRow
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class ActorView:
    """Who did something."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class AuditView:
    """A row of the log. ``hash`` is over it and all rows before it."""

    sequence: int
    at: datetime
    actor: ActorView
    verb: str
    effects: tuple[Effect, ...]
    hash: str


@dataclass(frozen=True, slots=True)
class AuditVerified:
    """Whether the log is whole. ``rows``: how many hold, the last of them ``sequence`` with ``hash``.

    ``pruned``: how many went by age before them. ``broken``: the number of the first row that does not hold, ``fault``:
    in which way.
    """

    valid: bool
    rows: int
    pruned: int
    sequence: int
    hash: str
    broken: int | None
    fault: str | None


def listed(wiring: Wiring, after: str | None = None, limit: int = 50) -> Page[AuditView]:
    """Return at most ``limit`` rows that are older than ``after``, newest first. Raises ``Fault``, ``Refused``."""
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise Refused(f"{after!r} is no number of a row of the audit log")
    rows = wiring.store.audit.page(None if after is None else int(after), limit + 1)
    return page(map(_view, rows), lambda view: str(view.sequence), limit)


def verified(wiring: Wiring) -> AuditVerified:
    """Follow the chain from its beginning to its end. Raises ``Fault``."""
    found = wiring.store.audit.verify()
    last = found.last
    return AuditVerified(
        found.broken is None, found.rows, found.pruned.sequence, last.sequence, last.hash, found.broken, found.fault
    )


def _view(row: AuditRow) -> AuditView:
    entry = row.entry
    return AuditView(
        sequence=row.link.sequence,
        at=entry.at,
        actor=ActorView(entry.actor_kind, entry.actor),
        verb=entry.verb,
        effects=entry.effects,
        hash=row.link.hash,
    )
