"""What is known only by asking: the store's numbers, the next hops, whether mail can be taken.

One look serves everybody who asks within ``FRESH`` seconds, so that no number of questions costs more. A next hop is
asked as a session would: connection, EHLO, TLS and login as configured, QUIT; its log shows that. The store is opened
when it is first needed and asked in a thread: where it fails, its numbers are missing and everything else is told.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from prometheus_client.core import GaugeMetricFamily

from gateway import __version__
from gateway.clock import now
from gateway.config import Options
from gateway.errors import Fault, GatewayError
from gateway.house import build_doors, store_options
from gateway.log import logger
from gateway.metrics import ERRORS, PREFIX, Kind, Role, processes
from gateway.smtp.door import Timeouts
from gateway.smtp.next_hop import Pool
from gateway.store import Store, open_store
from gateway.store.census import Share, count_certificates

FRESH = 10.0
"""Seconds for which a look is believed."""
STORE_WAIT = 2.0
PROBE = Timeouts(connect=3, reply=3)
HORIZONS = {"7d": timedelta(days=7), "30d": timedelta(days=30)}
OWNERS = ("own", "other", "authority")
"""Certificates with a private key here, those of others, and those of authorities."""
STATES = ("current", "expired", "distrusted")
Counts = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. ``held`` and ``certificates`` are None where the store could not be asked."""

    hops: Mapping[str, bool]
    keys: bool
    held: int | None = None
    certificates: Counts | None = None
    expiring: Counts | None = None

    @property
    def signs(self) -> bool:
        """Whether, of our own certificates, at least one is current; true where there are none."""
        if self.certificates is None:
            return False
        own = [self.certificates["own", state] for state in STATES]
        return not any(own) or own[0] > 0


class Vitals:
    """Asks, and remembers for a moment. For one event loop."""

    def __init__(self, options: Options, instance: str) -> None:
        """``instance``: our own greeting, which no next hop may have. Raises ``OSError`` for files of the doors."""
        self._options = options
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
        if look.held is not None and look.certificates is not None and look.expiring is not None:
            soon = "Current certificates that expire within that time."
            told += [
                _gauge("held_messages", "Messages kept for another attempt.", [], {(): look.held}),
                _gauge("certificates", "Stored certificates.", ["kind", "state"], look.certificates),
                _gauge("certificates_expiring", soon, ["kind", "within"], look.expiring),
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
            look = _seen(store)
            store.wrapping.verify()
        except GatewayError as error:
            logger.warning("metrics: %s", error)
            ERRORS[Kind.STORE].inc()
            return look
        return replace(look, keys=True)

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


def _seen(store: Store) -> Look:
    moment = now()
    shares = count_certificates(store.database, [moment, *(moment + ahead for ahead in HORIZONS.values())])
    held, _ = store.held.totals()
    return Look({}, keys=False, held=held, certificates=_states(shares), expiring=_expiring(shares))


def _states(shares: list[Share]) -> Counts:
    counts: dict[tuple[str, ...], float] = {(owner, state): 0 for owner in OWNERS for state in STATES}
    for share in shares:
        state = "distrusted" if share.distrusted else "expired" if share.band == 0 else "current"
        counts[_owner(share), state] += share.count
    return counts


def _expiring(shares: list[Share]) -> Counts:
    """Count, for every horizon, the certificates that do not outlive it."""
    counts: dict[tuple[str, ...], float] = {(owner, within): 0 for owner in OWNERS for within in HORIZONS}
    for share in shares:
        for band, within in enumerate(HORIZONS, start=1):
            if not share.distrusted and 0 < share.band <= band:
                counts[_owner(share), within] += share.count
    return counts


def _owner(share: Share) -> str:
    if share.is_ca:
        return "authority"
    return "own" if share.has_key else "other"
