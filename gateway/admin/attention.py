"""What needs attention: each thing with how urgent it is, whom it concerns, and what would cure it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.admin import gateways
from gateway.admin.groups import own_leaves, signing_ends
from gateway.admin.held import listed as held_mail
from gateway.admin.sentence import Sentence
from gateway.engine.record import from_json
from gateway.engine.transaction import Direction, Verdict
from gateway.policy.rule import Level, Rules
from gateway.reason import Reason
from gateway.smime.finding import Encryption
from gateway.store import Store
from gateway.store.certificates.census import count_pending
from gateway.store.certificates.entry import Listed
from gateway.store.certificates.listing import Filter
from gateway.store.held.census import Share, count_held
from gateway.store.held.message import State
from gateway.store.journal.census import latest
from gateway.wiring import Wiring

BANDS = (timedelta(0), timedelta(days=7), timedelta(days=14), timedelta(days=30))
"""In which a certificate's end is told: it is over, or ends within these times."""
LOOKED_AT = 500
"""Certificates or records of one kind that are looked at; where there are more, that is said."""
NAMED = 10
"""Of those a matter concerns."""


class Topic(StrEnum):
    """What it is about."""

    DOOR = "door"
    NEXT_HOP = "next-hop"
    STORE = "store"
    GROUP = "group"
    CERTIFICATE = "certificate"
    HELD = "held"
    DECRYPT = "decrypt"
    PENDING = "pending"
    GATEWAY = "gateway"
    REFUSED = "refused"


class Urgency(StrEnum):
    """How soon somebody should see to it."""

    NOW = "now"
    SOON = "soon"
    SOMETIME = "sometime"


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing that needs attention. ``cure``: what to do about it. ``count``: of how many; ``more``: or of more.

    ``names``: some of those it concerns, as far as they have one: doors, groups, fingerprints, keys. ``reason``: of
    held or refused mail. ``days``: within how many days certificates end; 0: they have.
    """

    topic: Topic
    urgency: Urgency
    text: Sentence
    cure: Sentence
    count: int
    more: bool = False
    names: tuple[str, ...] = ()
    reason: Reason | None = None
    days: int | None = None


def matters(
    wiring: Wiring, rules: Rules, at: datetime, since: datetime, groups: Collection[str] | None
) -> Iterator[Matter]:
    """Yield what needs attention at ``at``, of mail what came from ``since`` on; ``groups``: only theirs.

    Raises ``Fault``.
    """
    store = wiring.store
    mine = own_leaves(store, at)
    yield from _groups(store, rules, mine, at, groups)
    if groups is None:
        yield from _ending(store, mine, at)
    yield from _held(wiring, groups)
    yield from _undecrypted(store, since, groups)
    yield from _refused(store, since, groups)
    if groups is None:
        yield from _gateways(wiring)
    waiting = count_pending(store.database) if groups is None else 0
    if waiting:
        text = Sentence("Learned certificates that wait for approval: {count}", count=waiting)
        yield Matter(Topic.PENDING, Urgency.SOMETIME, text, Sentence("Approve or drop them"), waiting)


def _groups(
    store: Store, rules: Rules, mine: Sequence[Listed], at: datetime, groups: Collection[str] | None
) -> Iterator[Matter]:
    required = {group.name for group in rules.groups if group.sign is Level.REQUIRED}
    for name, end in signing_ends(store, rules, mine, at).until.items():
        if end is None and (groups is None or name in groups):
            urgency = Urgency.NOW if name in required else Urgency.SOON
            text = Sentence("Group {group} cannot sign under all its addresses", group=name)
            cure = Sentence("Import a certificate with its private key for group {group}", group=name)
            yield Matter(Topic.GROUP, urgency, text, cure, 1, names=(name,))


def _gateways(wiring: Wiring) -> Iterator[Matter]:
    """Yield the gateways of this store that do not run as the others do."""
    for view in gateways.listed(wiring).items:
        if view.state is gateways.State.DIFFERS:
            text = Sentence("Gateway {host} runs under other rules than the others", host=view.host)
            cure = Sentence("Give all gateways of a store the same groups, partners and algorithms")
            yield Matter(Topic.GATEWAY, Urgency.NOW, text, cure, 1, names=(view.host,))
        if view.state is gateways.State.SILENT:
            text = Sentence("Gateway {host} gives no sign of life", host=view.host)
            yield Matter(
                Topic.GATEWAY, Urgency.SOON, text, Sentence("Look at the service's log"), 1, names=(view.host,)
            )


def _ending(store: Store, mine: Sequence[Listed], at: datetime) -> Iterator[Matter]:
    last = at + BANDS[-1]
    own = [item for item in mine if item.status.ends and item.entry.certificate.not_after < last]
    others = [
        item
        for item in store.listing.page(Filter(expiring=last), at, limit=LOOKED_AT + 1)
        if not item.entry.has_key and item.status.ends
    ]
    yield from _in_bands(
        own,
        at,
        Sentence("Own certificates that have expired: {count}"),
        Sentence("Own certificates that end within {days} days: {count}"),
    )
    yield from _in_bands(
        others[:LOOKED_AT],
        at,
        Sentence("Certificates of others that have expired: {count}"),
        Sentence("Certificates of others that end within {days} days: {count}"),
        more=len(others) > LOOKED_AT,
    )


def _in_bands(
    items: Sequence[Listed], at: datetime, over: Sentence, ending: Sentence, *, more: bool = False
) -> Iterator[Matter]:
    left = list(items)
    for band in BANDS:
        ends = [item for item in left if item.entry.certificate.not_after < at + band]
        left = [item for item in left if item.entry.certificate.not_after >= at + band]
        if not ends:
            continue
        own = ends[0].entry.has_key
        urgency = Urgency.SOMETIME
        if own:
            urgency = Urgency.NOW if band <= BANDS[1] else Urgency.SOON
        text = (ending if band else over).filled(count=len(ends), days=band.days)
        names = tuple(item.entry.certificate.fingerprint for item in ends[:NAMED])
        cure = Sentence("Import the new ones")
        yield Matter(Topic.CERTIFICATE, urgency, text, cure, len(ends), more, names, days=band.days)


def _held(wiring: Wiring, groups: Collection[str] | None) -> Iterator[Matter]:
    counts: Counter[tuple[Reason, bool]] = Counter()
    for share in _shares(wiring, groups):
        counts[share.reason, share.state in (State.FAILED, State.JUDGED, State.WITHHELD)] += share.count
    for (reason, stuck), count in sorted(counts.items()):
        if stuck:
            text = Sentence("Held messages that wait for a decision ({reason}): {count}", count=count, reason=reason)
            cure = Sentence("Try them again, or delete them")
        else:
            text = Sentence("Held messages ({reason}): {count}", count=count, reason=reason)
            cure = Sentence("Look at what they need")
        yield Matter(Topic.HELD, Urgency.SOON, text, cure, count, reason=reason)


def _shares(wiring: Wiring, groups: Collection[str] | None) -> Iterable[Share]:
    if groups is None:
        return count_held(wiring.store.database)
    return [Share(view.reason, view.state, 1) for view in held_mail(wiring, groups=groups).items]


def _undecrypted(store: Store, since: datetime, groups: Collection[str] | None) -> Iterator[Matter]:
    found = latest(
        store.database,
        since,
        _listed(groups),
        limit=LOOKED_AT,
        direction=Direction.INBOUND,
        encryption=Encryption.FAILED,
    )
    for reason in (Reason.KEY_REUSED, Reason.DECRYPT_FAILED, Reason.RATE):
        records = [
            record for record in map(from_json, found) if record.encryption and record.encryption.reason == reason
        ]
        if records:
            keys = dict.fromkeys(getattr(record.encryption, "key", None) or "" for record in records)
            urgency = Urgency.SOMETIME if reason is Reason.DECRYPT_FAILED else Urgency.NOW
            text = Sentence(
                "Messages that could not be decrypted ({reason}): {count}", count=len(records), reason=reason
            )
            cure = Sentence("Look at the records")
            names = tuple(filter(None, keys))[:NAMED]
            more = len(found) == LOOKED_AT
            yield Matter(Topic.DECRYPT, urgency, text, cure, len(records), more, names, reason)


def _refused(store: Store, since: datetime, groups: Collection[str] | None) -> Iterator[Matter]:
    found = latest(
        store.database, since, _listed(groups), limit=LOOKED_AT, direction=Direction.OUTBOUND, verdict=Verdict.REJECT
    )
    counts: Counter[Reason] = Counter()
    for record in map(from_json, found):
        reason = (record.encryption and record.encryption.reason) or (record.signature and record.signature.reason)
        if reason and not record.deliveries:
            counts[reason] += 1
    for reason, count in counts.most_common():
        text = Sentence("Messages refused by policy ({reason}): {count}", count=count, reason=reason)
        cure = Sentence("Look at the records")
        yield Matter(Topic.REFUSED, Urgency.SOON, text, cure, count, len(found) == LOOKED_AT, reason=reason)


def _listed(groups: Collection[str] | None) -> tuple[str, ...] | None:
    return None if groups is None else tuple(groups)
