"""What a record knows of its message, asked again: of mail that left what policy was asked, of mail that arrived whom
it was encrypted to and who signed it. The message itself is not there any more."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from gateway.engine.finding import (
    EncryptionFound,
    EncryptionOpened,
    JudgedSigner,
    RecipientFound,
    Signature,
    SignatureJudged,
    Signing,
)
from gateway.engine.inbound import Inbound
from gateway.engine.record import Record
from gateway.engine.transaction import FrontEnd
from gateway.errors import Refused
from gateway.pki.holding import Holding
from gateway.policy.question import Question, Wishes
from gateway.policy.rule import Level, ReplyRule
from gateway.reason import Reason
from gateway.smime.finding import Encryption, Status, ordered, status_of
from gateway.store import Store
from gateway.store.certificates.entry import Listed
from gateway.store.certificates.listing import Filter

_RULE = re.compile(r"sign (\S+) \(([^()]*)\), encrypt (\S+) \(([^()]*)\)\Z")
"""How the rule of a record says what was demanded (``policy.decide``)."""
OF_PATHS = frozenset(
    {
        Reason.NO_PATH,
        Reason.UNTRUSTED,
        Reason.NOT_YET_VALID,
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.REVOCATION_UNKNOWN,
        Reason.WRONG_USAGE,
    }
)
"""Reasons that a path has, and that another day may take away, or bring."""
BY_KEYS = frozenset({Reason.NO_KEY, Reason.NOT_ADDRESSED})
"""Reasons of an envelope that other keys or rules may take away."""


def question_of(record: Record) -> Question:
    """Return what policy was asked over a message that left; who was hidden is not known."""
    signature, encryption = record.signature, record.encryption
    rule = _RULE.search(record.rule or "")
    sign, by, encrypt, by_whom = rule.groups() if rule else ("", "", "", "")
    protected = Reason.ALREADY_PROTECTED
    unknown = "a request field" if record.rule == "request field" and _reason(signature) == Reason.OVERRIDE else None
    return Question(
        sender=record.sender,
        recipients=record.recipients,
        author=record.from_,
        fault=getattr(signature, "detail", None),
        claimed=() if record.from_ else (record.sender,),
        wishes=Wishes(
            Level(sign) if by == "message" else None, Level(encrypt) if by_whom == "message" else None, unknown
        ),
        report="automatic report" in (by, by_whom),
        exempt="overrides.exempt" in (by, by_whom),
        signed=_reason(signature) == protected and getattr(signature, "status", None) == Signing.SIGNED,
        encrypted=_reason(encryption) == protected,
        arrived=_reason(signature) == Reason.TRANSIT,
        answers=_answers(encryption, by_whom),
        client=record.client,
        login=record.auth,
        local=record.front_end is FrontEnd.CLI,
        can_split=record.front_end is not FrontEnd.MILTER,
    )


def _reason(finding: Signature | EncryptionFound | None) -> Reason | None:
    return None if finding is None else finding.reason


def _answers(encryption: EncryptionFound | None, by_whom: str) -> ReplyRule | None:
    if by_whom == "reply to encrypted mail":
        return ReplyRule.REQUIRE
    return ReplyRule.WARN if _reason(encryption) == Reason.REPLY_TO_ENCRYPTED else None


def judged_again(store: Store, inbound: Inbound, record: Record, at: datetime) -> tuple[Record, bool]:
    """Return the record of a message that arrived, with what keys and trust say at ``at``, and whether that is all.

    What an envelope holds that was closed then is not known. Raises ``Fault``.
    """
    encryption, signature, certain = record.encryption, record.signature, True
    if isinstance(encryption, EncryptionOpened) and encryption.reason in BY_KEYS:
        encryption = _closed(store, inbound, record, encryption, at)
        certain = encryption.status is Encryption.FAILED
    if isinstance(signature, SignatureJudged) and signature.signers:
        judged = [_signer(store, inbound, signer, at) for signer in signature.signers]
        signature = _whole(signature, tuple(signer for signer, _ in judged))
        certain = certain and all(known for _, known in judged)
    return replace(record, encryption=encryption, signature=signature), certain


def _closed(store: Store, inbound: Inbound, record: Record, found: EncryptionOpened, at: datetime) -> EncryptionOpened:
    """Return how an envelope stands that no key opened: whose key is here now, and for whom it may be used."""
    reason = Reason.NO_KEY
    for item in (item for recipient in found.recipients for item in _named(store, recipient, at)):
        reason = Reason.NOT_ADDRESSED
        if inbound.opener.entitlement.entitled(item.names, record.recipients):
            name = item.entry.certificate.fingerprint
            return replace(found, status=Encryption.DECRYPTED, reason=None, detail=None, key=name)
    return replace(found, reason=reason)


def _named(store: Store, recipient: RecipientFound, at: datetime) -> Iterator[Listed]:
    """Yield our own certificates that a recipient info names."""
    if recipient.fingerprint is not None:
        yield from (item for item in store.listing.of([recipient.fingerprint], at) if item.entry.has_key)
        return
    for item in store.listing.page(Filter(is_ca=False, with_key=True), at):
        certificate = item.entry.certificate
        if recipient.issuer is not None:
            if (certificate.issuer, certificate.serial) == (recipient.issuer, recipient.serial):
                yield item
        elif recipient.key_id is not None and _key_id(store, certificate.fingerprint) == recipient.key_id:
            yield item


def _key_id(store: Store, fingerprint: str) -> str | None:
    found = store.certificates.get(fingerprint).certificate.subject_key_id
    return None if found is None else found.hex()


def _signer(store: Store, inbound: Inbound, signer: JudgedSigner, at: datetime) -> tuple[JudgedSigner, bool]:
    """Return how a signer stands now, and whether that is known: his certificate is stored, or no matter."""
    holding = _stored(store, signer)
    if holding is None:
        return signer, not OF_PATHS.intersection(signer.reasons) and bool(signer.reasons)
    certificate, judge = holding.certificate, inbound.opener.judge
    trust, evidence = store.evidence.trust(certificate), store.evidence.revocation(certificate)
    path = judge.verdicts.judge(certificate, (), trust, at, evidence, judge.strictness)
    reasons = ordered([*(reason for reason in signer.reasons if reason not in OF_PATHS), *path.reasons])
    anchor = None if path.anchor is None else path.anchor.fingerprint
    reason = reasons[0] if reasons else None
    told = replace(
        signer, status=status_of(reason), reason=reason, reasons=reasons, anchor=anchor, detail=path.authority
    )
    return told, True


def _stored(store: Store, signer: JudgedSigner) -> Holding | None:
    if signer.fingerprint is None:
        return None
    try:
        return store.certificates.get(signer.fingerprint)
    except Refused:
        return None


def _whole(found: SignatureJudged, signers: tuple[JudgedSigner, ...]) -> SignatureJudged:
    """Return a signature with its signers as they stand now; reasons that no signer had stay."""
    before = {reason for signer in found.signers for reason in signer.reasons}
    own = [reason for reason in found.reasons if reason not in before]
    reasons = ordered([*own, *(reason for signer in signers for reason in signer.reasons)])
    reason = reasons[0] if reasons else None
    status = Status.NONE if found.status is Status.NONE else status_of(reason)
    return replace(found, status=status, reason=reason, reasons=reasons, signers=signers)
