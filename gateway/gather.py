"""What stories want to know, answered from the store: one place for all of it.

Who runs a story where others wait asks first for what is ``at_hand``, kept in memory; only for the rest somebody has to
wait, and not in a thread of the engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from typing import Any, TypeVar

from gateway.discovery.search import Search as Discovery
from gateway.engine import wants
from gateway.engine.engine import Engine
from gateway.engine.transaction import Outcome, Transaction
from gateway.mail.address import index_key
from gateway.policy.wants import CertificatesOf, Found, Search
from gateway.store import Store
from gateway.store.database import at_hand_only
from gateway.story import NotAtHand, Want, Wanted, tell

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Generation(Want[int]):
    """The number of the store's last change."""


@dataclass(frozen=True, slots=True)
class Done(Want[T]):
    """What ``act`` returns, which takes down something on the way; it may block. Raises ``Fault``."""

    act: Callable[[], T]


class Memory(Enum):
    """What is known, and taken down, of content keys and of keys that failed."""

    KEPT = auto()
    """As for mail: what was opened is taken down, and every failure counts."""
    ASKED = auto()
    """A message is only tried out: what content keys opened before counts, and nothing is taken down."""
    FAILURES = auto()
    """A message is looked at: failures count, for who tries often may learn something; content keys are no matter."""


class Gather:
    """Answers every want of the engine's. Safe for threads. Raises ``Fault``."""

    def __init__(self, store: Store, memory: Memory, discovery: Discovery | None = None) -> None:
        """``discovery``: who asks the sources of certificates; None: what they said last has to do."""
        self._store = store
        earlier = {
            Memory.KEPT: store.content_keys.remember,
            Memory.ASKED: _without_record(store.content_keys.other),
            Memory.FAILURES: _without_record(_nothing),
        }[memory]
        failed = _nothing if memory is Memory.ASKED else store.failures.note
        self._answers: dict[type[Wanted], Callable[[Any], Any]] = {
            CertificatesOf: lambda want: Found(store.certificates.find(want.addresses, want.at)),
            Search: partial(_asked, store, discovery) if discovery else partial(_said, store),
            wants.KeyOf: lambda want: store.keys.key(want.public_key_id),
            wants.ChainOf: lambda want: store.certificates.chain(want.certificate),
            wants.NamedBy: lambda want: store.evidence.named(want.identities),
            wants.EvidenceOn: lambda want: (store.evidence.trust(want.leaf), store.evidence.revocation(want.leaf)),
            wants.FailuresOf: lambda want: store.failures.count(want.public_key_id, want.at),
            wants.Failed: lambda want: failed(want.public_key_id, want.at),
            wants.EarlierUse: lambda want: earlier(want.uses, want.record, want.at),
            wants.AnyOpened: lambda _: store.replies.any_opened(),
            wants.OpenedUnder: lambda want: store.replies.answered(want.names),
            wants.SentOnUnder: lambda want: store.replies.sent_on(want.names, want.author),
            wants.Withdrawals: lambda _: store.generation.withdrawals(),
            wants.Later: lambda want: partial(_told, want, self),
            Generation: lambda _: store.generation.current(),
            Done: lambda want: want.act(),
        }

    def __call__(self, want: Want[T]) -> T:
        """Return the answer; this may block."""
        answer: T = self._answers[type(want)](want)
        return answer

    def at_hand(self, want: Want[T]) -> T:
        """Return the answer if it takes asking nobody. Raises ``NotAtHand``."""
        if isinstance(want, Done | Search):
            raise NotAtHand
        with at_hand_only():
            return self(want)

    def in_passing(self, want: Want[T]) -> T:
        """Return the answer if nothing that takes long can follow from it. Raises ``NotAtHand``."""
        answer = self.at_hand(want)
        if not isinstance(want, wants.AnyOpened) or answer:
            raise NotAtHand
        return answer


def try_out(engine: Engine, store: Store, transaction: Transaction, at: datetime | None = None) -> Outcome:
    """Return what would become of a message; nothing is remembered. Raises as ``Engine.story``."""
    return tell(engine.story(transaction, at), Gather(store, Memory.ASKED))


def _told(want: wants.Later, gather: Gather) -> Any:
    return tell(want.story(), gather)


def _asked(store: Store, discovery: Discovery, want: Search) -> Found:
    searched = discovery.search(want.addresses, want.at)
    return Found(store.certificates.find(want.addresses, want.at), searched.unasked, searched.lookups)


def _said(store: Store, want: Search) -> Found:
    """Nobody is asked: one whose last look-up failed is not known, of all others what is stored holds."""
    failed = {said.address for said in store.lookups.of(want.addresses) if said.failed}
    unasked = frozenset(address for address in want.addresses if index_key(address) in failed)
    return Found(store.certificates.find(want.addresses, want.at), unasked)


def _nothing(*_told: object) -> None:
    """Know nothing, and take nothing down."""


def _without_record(other: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Any]:
    return lambda uses, _record, _at: other(uses)
