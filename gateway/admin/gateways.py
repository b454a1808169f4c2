"""The gateways that share the store: who runs, and how they differ; the store brought up to date under them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.admin.view import Page, following, page
from gateway.store import open_store, schema
from gateway.store.gateways.presence import LATE, Beating
from gateway.wiring import Wiring, store_options


class State(StrEnum):
    """How a gateway stands to the others."""

    BEATING = "beating"
    DIFFERS = "differs"
    """It runs under other rules (groups, defaults, partners, internal, algorithms) than most."""
    SILENT = "silent"
    """Its last beat is some time ago, and it did not say that it ends."""


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway. ``beat_at``: its last beat, by the database's clock; ``elected``: it does what only one may.

    ``processes``: those that take mail. ``policy``: a digest of its rules; ``schema``: the newest that it knows.
    """

    id: str
    host: str
    version: str
    state: State
    elected: bool
    started_at: datetime
    beat_at: datetime
    processes: int
    doors: tuple[str, ...]
    policy: str
    schema: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema that a store has now."""

    schema: str


def listed(wiring: Wiring, after: str | None = None, limit: int | None = None) -> Page[GatewayView]:
    """Return at most ``limit`` gateways that follow ``after`` (an id), by host and start. Raises ``Fault``."""
    found = wiring.store.gateways.list()
    views = map(_view, found, states_of(found))
    return page(following(views, _id, after), _id, limit)


def migrate(wiring: Wiring) -> Migrated:
    """Bring the store up to date, also under gateways of the release before. Raises ``Fault``, ``Misconfigured``."""
    open_store(store_options(wiring.options), durable=True, migrate_under_others=True).close()
    return Migrated(schema.REVISION)


def states_of(found: Sequence[Beating]) -> list[State]:
    """Return the state of each; the rules of most are those of all, where there is a tie those of the elected."""
    running = [each for each in found if each.silent < LATE]
    votes = Counter(each.presence.policy for each in running)
    most = max(running, key=lambda each: (votes[each.presence.policy], each.elected), default=None)
    usual = None if most is None else most.presence.policy
    return [_state(each, usual) for each in found]


def _state(each: Beating, usual: str | None) -> State:
    if each.silent >= LATE:
        return State.SILENT
    return State.BEATING if each.presence.policy == usual else State.DIFFERS


def _id(view: GatewayView) -> str:
    return view.id


def _view(each: Beating, state: State) -> GatewayView:
    says = each.presence
    return GatewayView(
        id=says.id,
        host=each.host,
        version=says.version,
        state=state,
        elected=each.elected,
        started_at=each.started_at,
        beat_at=each.beat_at,
        processes=says.processes,
        doors=says.doors,
        policy=says.policy,
        schema=each.schema,
    )
