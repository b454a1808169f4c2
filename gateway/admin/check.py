"""The composer's question: can this be signed, can it be encrypted, and if not, why?"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.admin.find import SaidView, lookups_of
from gateway.clock import now
from gateway.gather import Gather, Memory
from gateway.policy.answer import Answer, answer
from gateway.policy.assess import RecipientAnswer
from gateway.policy.rule import Level
from gateway.reason import Reason
from gateway.reply import Reply
from gateway.store import Store
from gateway.story import tell
from gateway.wiring import Wiring, build_rules

INCOMPLETE_CHAIN = "incomplete-chain"
"""A note of ours among those of the record."""


@dataclass(frozen=True, slots=True)
class SigningView:
    """Whether it can be signed. ``fingerprint``: by which certificate."""

    possible: bool
    reason: Reason | None
    level: Level | None
    fingerprint: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecipientView:
    """Whether it can be encrypted to one recipient, and with which certificate; ``lookup``: what sources said last."""

    address: str
    possible: bool
    reason: Reason | None
    fingerprint: str | None
    lookup: tuple[SaidView, ...]


@dataclass(frozen=True, slots=True)
class EncryptionView:
    """Whether it can be encrypted to all."""

    possible: bool
    reason: Reason | None
    level: Level | None
    recipients: tuple[RecipientView, ...]


class Fate(StrEnum):
    """What would become of a mail."""

    RELAY = "relay"
    REFUSE = "refuse"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What could be done, and what would become of the mail: ``refusal`` is the reply, where it would not be relayed.

    ``chain_gap``: what is missing above the certificate that signs.
    """

    sender: str
    group: str | None
    rule: str
    sign: SigningView
    encrypt: EncryptionView
    outcome: Fate
    signed: bool
    encrypted: bool
    refusal: str | None
    chain_gap: str | None


def checked(wiring: Wiring, sender: str, recipients: tuple[str, ...]) -> AnswerView:
    """Answer for a mail from ``sender`` to these recipients, all of them visible. Raises ``Fault``."""
    story = answer(sender, recipients, build_rules(wiring.options), now())
    found = tell(story, Gather(wiring.store, Memory.ASKED))
    gap = _gap(wiring.store, found)
    notes = found.notes if gap is None else (*found.notes, INCOMPLETE_CHAIN)
    return AnswerView(
        sender=found.sender,
        group=found.group,
        rule=found.rule,
        sign=SigningView(found.sign_reason is None, found.sign_reason, found.sign_level, found.fingerprint, notes),
        encrypt=EncryptionView(
            found.encrypt_reason is None,
            found.encrypt_reason,
            found.encrypt_level,
            tuple(_recipient(wiring.store, each) for each in found.recipients),
        ),
        outcome=_fate(found.refusal),
        signed=found.signed,
        encrypted=found.encrypted,
        refusal=None if found.refusal is None else str(found.refusal),
        chain_gap=gap,
    )


def _fate(reply: Reply | None) -> Fate:
    if reply is None:
        return Fate.RELAY
    return Fate.DEFER if reply.temporary else Fate.REFUSE


def _recipient(store: Store, found: RecipientAnswer) -> RecipientView:
    holding = found.holding
    fingerprint = None if holding is None else holding.certificate.fingerprint
    said = tuple(lookups_of(store, [found.address]))
    return RecipientView(found.address, holding is not None, found.reason, fingerprint, said)


def _gap(store: Store, found: Answer) -> str | None:
    """What keeps recipients from verifying the signature, where the nearest issuer is not stored."""
    if found.fingerprint is None:
        return None
    chain = store.certificates.whole_chain(store.certificates.get(found.fingerprint).certificate)
    return chain.gap if chain.is_cut else None
