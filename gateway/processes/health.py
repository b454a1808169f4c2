"""What is known only by asking: the store's numbers, the next hops, whether mail can be taken.

One look serves everybody who asks within ``FRESH`` seconds, so that no number of questions costs more. The store's
numbers are told by one of the gateways that share it, the elected; by all where none is. A next hop is
asked as a session would: connection, EHLO, TLS and login as configured, QUIT; its log shows that. The store is opened
when it is first needed and asked in a thread: where it fails, its numbers are missing and everything else is told.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily

from gateway import __version__
from gateway.admin.gateways import State as GatewayState
from gateway.admin.gateways import states_of
from gateway.admin.groups import own_leaves, signing_ends
from gateway.clock import now
from gateway.config import Options
from gateway.errors import Fault, GatewayError
from gateway.log import logger
from gateway.metrics import ERRORS, PREFIX, Kind, Role, processes
from gateway.policy.rule import Rules
from gateway.policy.state import State
from gateway.smtp.door import Timeouts
from gateway.smtp.next_hop import Pool
from gateway.store import Store, open_store
from gateway.store.certificates.census import Share, count_certificates
from gateway.store.certificates.entry import Listed
from gateway.wiring import build_doors, build_rules, store_options

FRESH = 10.0
"""Seconds for which a look is believed."""
COUNT_EVERY = 60.0
"""Seconds between two counts of all certificates."""
STORE_WAIT = 2.0
PROBE = Timeouts(connect=3, reply=3)
HORIZONS = {"7d": timedelta(days=7), "30d": timedelta(days=30)}
OWN = "own"
OWNERS = (OWN, "other", "authority")
"""Certificates with a private key here, those of others, and those of authorities."""
STATES = tuple(state for state in State if state is not State.WAITING)
"""All are told of our own certificates; of the others only what their rows say: pending, expired, distrusted."""
Counts = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. ``held`` and ``certificates`` are None where the store could not be asked."""

    hops: Mapping[str, bool]
    keys: bool
    held: int | None = None
    certificates: Counts | None = None
    expiring: Counts | None = None
    pending: int = 0
    """Certificates that wait for an administrator, or for an anchor above them."""
    groups: Mapping[str, float] | None = None
    """Until when each group can sign, in seconds since 1970; 0: it cannot now."""
    gateways: Counts | None = None
    elsewhere: bool = False
    """Whether another gateway tells the numbers of the store."""

    @property
    def signs(self) -> bool:
        """Whether, of our own certificates, at least one is current; true where there are none."""
        if self.certificates is None:
            return False
        own = [self.certificates["own", state] for state in STATES]
        return not any(own) or self.certificates["own", State.CURRENT] > 0


class Health:
    """Asks, and remembers for a moment. For one event loop."""

    def __init__(self, options: Options, instance: str) -> None:
        """``instance``: this gateway's id; no next hop may greet with it. Raises ``OSError`` for files of the doors."""
        self._options = options
        self._instance = instance
        self._shares: list[Share] = []
        self._count_at = float("-inf")
        self._rules = build_rules(options)
        self._store: Store | None = None
        self._pools = {
            door.name: Pool(door.next_hop, PROBE, options.hostname, instance) for door in build_doors(options)
        }
        self._asking = asyncio.Lock()
        self._look: Look | None = None
        self._until = 0.0

    def alive(self) -> bool:
        """Whether any process takes mail."""
        return any(processes().values())

    async def asked(self) -> list[GaugeMetricFamily]:
        """Return the metrics that could be had; doors are those of the configuration."""
        look = await self._fresh()
        up: Counts = {(door,): up for door, up in look.hops.items()}
        told = [
            _gauge("build_info", "The version that runs; always 1.", ["version"], {(__version__,): 1}),
            _gauge("next_hop_up", "Whether a door's next hop takes mail.", ["door"], up),
        ]
        if look.gateways is not None:
            told.append(_gauge("gateways", "Gateways that share the store.", ["state"], look.gateways))
        if look.held is not None and not look.elsewhere:
            assert look.certificates and look.expiring and look.groups is not None
            soon = "Certificates in use that expire within that time, and own ones that have, without a successor."
            now_or_not: Counts = {(group,): until > 0 for group, until in look.groups.items()}
            ends: Counts = {(group,): until for group, until in look.groups.items()}
            told += [
                _gauge("held_messages", "Messages kept for another attempt.", [], {(): look.held}),
                _gauge("certificates", "Stored certificates.", ["kind", "state"], look.certificates),
                _gauge("pending_certificates", "Certificates that wait for approval.", [], {(): look.pending}),
                _gauge("certificates_expiring", soon, ["kind", "within"], look.expiring),
                _gauge("group_signing", "Whether a group can sign now under all its addresses.", ["group"], now_or_not),
                _gauge("group_signing_until_timestamp_seconds", "Until when; 0 where it cannot.", ["group"], ends),
            ]
        return told

    async def checks(self) -> dict[str, bool]:
        """Return what must hold for mail to be taken, by name."""
        look, taking = await self._fresh(), processes()
        wanted = {Role.WORKER: self._options.listeners, Role.MILTER: self._options.milters}
        return {
            "doors": all(taking[role] for role, doors in wanted.items() if doors),
            "store": look.held is not None,
            "keys": look.keys,
            "certificates": look.signs,
            "next_hops": all(look.hops.values()),
        }

    async def hops(self) -> Mapping[str, bool]:
        """Return by door whether its next hop takes mail."""
        return (await self._fresh()).hops

    async def _fresh(self) -> Look:
        async with self._asking:
            loop = asyncio.get_running_loop()
            if self._look is None or loop.time() >= self._until:
                stored, hops = await asyncio.gather(asyncio.to_thread(self._ask_store), self._ask_hops())
                self._look = replace(stored, hops=hops)
                self._until = loop.time() + FRESH
            return self._look

    async def _ask_hops(self) -> dict[str, bool]:
        answers = await asyncio.gather(*map(_takes_mail, self._pools.values()))
        return dict(zip(self._pools, answers, strict=True))

    def _ask_store(self) -> Look:
        look = Look({}, keys=False)
        try:
            store = self._opened()
            look = _seen(store, self._rules, self._counted(store))
            gateways = store.gateways.list()
            states = Counter(states_of(gateways))
            others = any(each.elected and each.presence.id != self._instance for each in gateways)
            look = replace(look, gateways={(state,): states[state] for state in GatewayState}, elsewhere=others)
            store.wrapping.verify()
        except GatewayError as error:
            logger.warning("metrics: %s", error)
            ERRORS[Kind.STORE].inc()
            return look
        return replace(look, keys=True)

    def _counted(self, store: Store) -> list[Share]:
        """Return how many certificates there are of each kind, of the last minute: they are many to count."""
        if (asked := time.monotonic()) >= self._count_at:
            moment = now()
            bands = [moment, *(moment + ahead for ahead in HORIZONS.values())]
            self._shares = count_certificates(store.database, bands)
            self._count_at = asked + COUNT_EVERY
        return self._shares

    def _opened(self) -> Store:
        if self._store is None:
            self._store = open_store(replace(store_options(self._options), wait=STORE_WAIT), durable=False)
        return self._store


async def _takes_mail(pool: Pool) -> bool:
    with suppress(Fault):
        (await pool.open()).quit()
        return True
    return False


def _gauge(name: str, text: str, labels: Sequence[str], values: Counts) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for series, value in values.items():
        family.add_metric(series, value)
    return family


def _seen(store: Store, rules: Rules, shares: list[Share]) -> Look:
    moment = now()
    mine = own_leaves(store, moment)
    held, _ = store.held.totals()
    return Look(
        {},
        keys=False,
        held=held,
        certificates=_states(shares, mine),
        expiring=_expiring(shares, mine, moment),
        pending=sum(share.count for share in shares if share.pending and not share.distrusted),
        groups=_groups(store, rules, mine, moment),
    )


def _states(shares: list[Share], mine: Sequence[Listed]) -> Counts:
    counts: dict[tuple[str, ...], float] = {(owner, state): 0 for owner in OWNERS for state in STATES}
    for share in shares:
        if _owner(share) != OWN:
            counts[_owner(share), _state(share)] += share.count
    for item in mine:
        counts[OWN, item.status.state] += 1
    return counts


def _state(share: Share) -> State:
    if share.distrusted:
        return State.DISTRUSTED
    if share.pending:
        return State.PENDING
    return State.EXPIRED if share.band == 0 else State.CURRENT


def _expiring(shares: list[Share], mine: Sequence[Listed], at: datetime) -> Counts:
    """Count, for every horizon, the certificates in use that do not outlive it."""
    counts: dict[tuple[str, ...], float] = {(owner, within): 0 for owner in OWNERS for within in HORIZONS}
    for band, (within, ahead) in enumerate(HORIZONS.items(), start=1):
        for share in shares:
            if _owner(share) != OWN and _state(share) is State.CURRENT and share.band <= band:
                counts[_owner(share), within] += share.count
        counts[OWN, within] = sum(item.status.ends and item.entry.certificate.not_after < at + ahead for item in mine)
    return counts


def _groups(store: Store, rules: Rules, mine: Sequence[Listed], at: datetime) -> dict[str, float]:
    ends = signing_ends(store, rules, mine, at).until
    return {name: 0 if end is None else end.timestamp() for name, end in ends.items()}


def _owner(share: Share) -> str:
    if share.is_ca:
        return "authority"
    return OWN if share.has_key else "other"
