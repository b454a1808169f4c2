"""Held mail: seen, tried again, deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.view import Page, following, page
from gateway.pki.need import Need, NeedKind
from gateway.policy.rule import Rules
from gateway.reason import Reason
from gateway.store.held.message import HeldMessage, State
from gateway.wiring import Wiring, build_rules


@dataclass(frozen=True, slots=True)
class NeedView:
    """One thing that would help. ``value``: a hash that names it; ``text``: its name for people, where it has one."""

    kind: NeedKind
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class HeldView:
    """A held message. ``record_id``: the record of its arrival; ``unreadable``: it could not be decrypted.

    ``size`` in bytes; ``due``: when it is tried next, where that is set; ``note``: how the last attempt ended.
    """

    id: str
    record_id: str
    received_at: datetime
    door: str
    client: str | None
    sender: str
    recipients: tuple[str, ...]
    message_id: str | None
    size: int
    reason: Reason
    unreadable: bool
    state: State
    attempts: int
    due: datetime | None
    note: str | None
    needs: tuple[NeedView, ...]


@dataclass(frozen=True, slots=True)
class HeldReady:
    """A held message that will be tried again."""

    id: str
    ready: bool


@dataclass(frozen=True, slots=True)
class HeldDeleted:
    """A held message that is gone."""

    id: str
    deleted: bool


def listed(
    wiring: Wiring,
    text: str = "",
    after: str | None = None,
    limit: int | None = None,
    groups: Collection[str] | None = None,
) -> Page[HeldView]:
    """Return at most ``limit`` held messages that follow ``after``, newest last. Raises ``Fault``, ``Refused``.

    ``text``: only those with it in ids, addresses, reason or state. ``groups``: only those for one of these groups.
    """
    stored = wiring.store.held
    found = following(map(view, stored.list(text)), _id, None if after is None else stored.get(after).id)
    if groups is not None:
        rules = build_rules(wiring.options)
        found = (view for view in found if is_for(rules, view, groups))
    return page(found, _id, limit)


def is_for(rules: Rules, view: HeldView, groups: Collection[str]) -> bool:
    """Return whether a held message belongs to one of these groups, by the first to which a recipient belongs."""
    group = rules.group_for(view.recipients)
    return group is not None and group.name in groups


def shown(wiring: Wiring, names: Sequence[str]) -> list[HeldView]:
    """Return these held messages, each once. Raises ``Fault``, ``Refused``."""
    found = {message.id: message for message in map(wiring.store.held.get, names)}
    return [view(message) for message in found.values()]


def retry_held(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[HeldReady]:
    """Have held mail tried again as soon as the service can, whatever its state; none named: all but ``key-reused``.

    Raises ``Fault``, ``Refused``.
    """
    with changing(wiring, actor, Verb.RETRY_HELD) as note:
        ready = [HeldReady(message.id, True) for message in wiring.store.held.retry(names)]
        for message in ready:
            note(Effect(Kind.HELD, message.id, "ready"))
    return ready


def delete_held(wiring: Wiring, actor: Actor, ids: Sequence[str]) -> list[HeldDeleted]:
    """Delete held messages; what was delivered of them is not touched. Raises ``Fault``, ``Refused``."""
    gone = []
    with changing(wiring, actor, Verb.DELETE_HELD) as note:
        for name in ids:
            message = wiring.store.held.delete(name)
            note(Effect(Kind.HELD, message.id, "deleted"))
            gone.append(HeldDeleted(message.id, True))
    return gone


def _id(view: HeldView) -> str:
    return view.id


def view(message: HeldMessage) -> HeldView:
    """Return how a held message is told."""
    return HeldView(
        id=message.id,
        record_id=message.record_id,
        received_at=message.received_at,
        door=message.door,
        client=message.client.origin,
        sender=message.envelope.sender,
        recipients=message.envelope.addresses,
        message_id=message.message_id,
        size=message.size,
        reason=message.reason,
        unreadable=message.unreadable,
        state=message.state,
        attempts=message.attempts,
        due=message.due,
        note=message.note,
        needs=tuple(map(_need, sorted(message.needs, key=lambda need: (need.kind, need.text, need.value)))),
    )


def _need(need: Need) -> NeedView:
    return NeedView(need.kind, need.value, need.text)
