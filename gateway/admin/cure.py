"""The one thing that would cure what became of a message, from its record and today's store."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.admin.reasons import CURES, Action, Part, plain
from gateway.admin.sentence import Sentence
from gateway.clock import now
from gateway.engine.finding import EncryptionMade, EncryptionOpened, SignatureJudged
from gateway.engine.record import Record
from gateway.engine.transaction import Direction, Verdict
from gateway.errors import Refused
from gateway.pki.holding import Holding
from gateway.reason import Reason
from gateway.smime.finding import Encryption, Status
from gateway.store import Store
from gateway.store.held.message import State

_STORED_AS = re.compile(r", ID ([0-9a-f]{8,64})\Z")
"""How the detail of a signature names a certificate that is stored (``pki.validation``)."""
_BY_HAND = (State.JUDGED, State.FAILED)
_SENDER_OF_OURS = "the sender"


@dataclass(frozen=True, slots=True)
class Cure:
    """What somebody can do about it. ``name``: to what, in words; what there is to act on, as far as it is known:

    ``address`` whose certificate is missing, ``fingerprint`` of what is to be trusted, id of what is ``held``,
    ``setting`` of the configuration. ``meaning``: what is wrong.
    """

    action: Action
    reason: Reason
    meaning: Sentence
    text: Sentence
    name: str
    address: str | None = None
    fingerprint: str | None = None
    held: str | None = None
    setting: str | None = None


@dataclass(frozen=True, slots=True)
class _Trouble:
    """One reason of a record, and whose it is: an ``address``, or somebody of this ``name``."""

    reason: Reason
    name: str
    address: str | None = None
    detail: str | None = None


def part_of(record: Record) -> Part:
    """Return which of the three a record is about."""
    if record.direction is Direction.INBOUND:
        return Part.ARRIVED
    return Part.REFUSED if record.verdict is Verdict.REJECT and not record.deliveries else Part.UNPROTECTED


def cure_of(store: Store, record: Record) -> Cure | None:
    """Return what would cure a message that was not protected, or not judged; None: it was, or nothing is to be done.

    Raises ``Fault``.
    """
    part = part_of(record)
    found = [(trouble, plain(part, trouble.reason)) for trouble in _troubles(record)]
    helped = [(trouble, said) for trouble, said in found if said.action is not None]
    # What somebody only wanted so stands back behind what somebody lacks.
    helped.sort(key=lambda pair: pair[1].action is Action.CONFIGURE)
    retried = _by_hand(store, record)
    for trouble, said in helped:
        action = Action.RETRY if retried else said.action
        assert action is not None
        return _cure(store, record, trouble, action, Sentence(said.meaning), said.setting)
    return None


def _cure(
    store: Store, record: Record, trouble: _Trouble, action: Action, meaning: Sentence, setting: str | None
) -> Cure:
    name, fingerprint = setting or trouble.name, None
    if action is Action.TRUST:
        holding = _untrusted(store, trouble)
        if holding is None:
            action = Action.IMPORT_CERTIFICATE if trouble.address else Action.IMPORT_AUTHORITY
        else:
            name, fingerprint = trouble.address or holding.certificate.subject, holding.certificate.fingerprint
    return Cure(
        action=action,
        reason=trouble.reason,
        meaning=meaning,
        text=CURES[action].filled(name=name),
        name=name,
        address=trouble.address,
        fingerprint=fingerprint,
        held=record.held if action is Action.RETRY else None,
        setting=setting if action is Action.CONFIGURE else None,
    )


def _troubles(record: Record) -> Iterator[_Trouble]:
    """Yield what is wrong, the encryption's first: what is closed cannot be judged."""
    encryption, signature = record.encryption, record.signature
    if isinstance(encryption, EncryptionMade):
        yield from _unsealed(encryption)
    if isinstance(encryption, EncryptionOpened) and encryption.status is not Encryption.DECRYPTED:
        yield from _closed(encryption)
    if isinstance(signature, SignatureJudged):
        if signature.reason is not None and signature.status is not Status.PASS:
            yield _of_signer(signature, signature.reason)
    elif signature is not None and signature.reason is not None:
        author = record.from_ or record.sender or None
        yield _Trouble(signature.reason, author or _SENDER_OF_OURS, author, signature.detail)


def _unsealed(encryption: EncryptionMade) -> Iterator[_Trouble]:
    if encryption.reason is None:
        return
    if encryption.missing:
        missing = encryption.missing[0]
        yield _Trouble(missing.reason or encryption.reason, missing.address, missing.address)
    else:
        # Of an answer to encrypted mail what kept it from being encrypted stands last.
        yield _Trouble((encryption.reason, *encryption.reasons)[-1], "a recipient")


def _closed(encryption: EncryptionOpened) -> Iterator[_Trouble]:
    if encryption.reason is not None:
        names = (
            to.fingerprint or (f"{to.issuer}, {to.serial}" if to.issuer else to.key_id) for to in encryption.recipients
        )
        yield _Trouble(encryption.reason, next(filter(None, names), "a recipient"))


def _of_signer(signature: SignatureJudged, reason: Reason) -> _Trouble:
    signer = next((each for each in signature.signers if reason in each.reasons), None)
    detail = signature.detail or (signer.detail if signer else None)
    if reason is Reason.NO_CERTIFICATE or signer is None:
        return _Trouble(reason, "the signer", None, detail)
    return _Trouble(reason, signer.issuer or "the signer", None, detail)


def _untrusted(store: Store, trouble: _Trouble) -> Holding | None:
    """Return the stored certificate that could be trusted: the newest of the address, or the authority it names."""
    if trouble.address is not None:
        held = store.certificates.find([trouble.address], now())[trouble.address]
        waiting = [holding for holding in held if holding.fault or holding.distrusted or not holding.trusted]
        return max(waiting, key=lambda holding: holding.certificate.not_before, default=None)
    named = _STORED_AS.search(trouble.detail or "")
    if named is None:
        return None
    try:
        return store.certificates.get(named[1])
    except Refused:  # it was deleted meanwhile
        return None


def _by_hand(store: Store, record: Record) -> bool:
    """Whether the message is held, and waits for nothing but somebody who asks for it."""
    if record.held is None:
        return False
    try:
        return store.held.get(record.held).state in _BY_HAND
    except Refused:
        return False
