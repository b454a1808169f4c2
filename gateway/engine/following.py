"""What follows from a message that was opened and judged: what it teaches, and what it is held for.

A signature that holds teaches the certificate to encrypt to when its author is answered (row CRT-05). Only the signer's
own certificate is learned, or the one of the same author that he signed for as his preference (RFC 8551 §2.5.3), if its
path holds by the same rules; and only for the address in From. Whatever else lies in the bag of a signature serves to
build paths; what lay between the certificate and its anchor comes along, so that the path can be judged again whenever
the certificate is to be used. What cannot be encrypted to is not worth learning. Whether anything is stored, and what
it may be used for, is not decided here.

A message that could not be opened or judged is held for what would help: an import, a setting, or a human's decision.
"""

from collections.abc import Iterable, Iterator

from gateway.cms.identity import Identity
from gateway.engine.opened import Opened
from gateway.engine.transaction import Hold, Lesson
from gateway.mail.address import same_mailbox
from gateway.pki.acceptance import refusal
from gateway.pki.certificate import Certificate
from gateway.pki.names import rfc4514
from gateway.pki.need import LEGACY, Need, NeedKind, by_key_id, by_serial, by_subject
from gateway.reason import Reason
from gateway.smime.finding import SignerFinding, Status

CURABLE = frozenset({Reason.NO_CERTIFICATE, Reason.NO_PATH, Reason.UNTRUSTED})
"""Reasons of a signature that an import may cure."""


def lesson_of(opened: Opened, author: str | None) -> Lesson | None:
    """Return what is to be learned of a message by ``author``; None: nothing."""
    if author is None or opened.signature.status is not Status.PASS:
        return None
    signer = opened.signature.signers[0]
    if not signer.encrypt_to or not _is_worth_it(signer.encrypt_to[0], author):
        return None
    certificate, *above = signer.encrypt_to
    return Lesson(author, certificate, signer.capabilities, tuple(above[:-1]))


def _is_worth_it(certificate: Certificate, author: str) -> bool:
    """Whether mail can be encrypted to it, and an import would take it; an address in its subject never counts."""
    if certificate.is_ca or not certificate.may_encrypt or not certificate.may_seal:
        return False
    if not any(same_mailbox(author, address) for address in certificate.addresses):
        return False
    return refusal(certificate, subject_email="never") is None


def hold_of(opened: Opened) -> Hold | None:
    """Return what to keep the message for; None: nothing would change its result."""
    if opened.encryption.reason is Reason.KEY_REUSED:
        return Hold(Reason.KEY_REUSED, frozenset(), unreadable=True)
    if opened.encryption.reason in (Reason.WEAK_ALGORITHM, Reason.WEAK_KEY):
        return Hold(opened.encryption.reason, frozenset({LEGACY}), unreadable=True)
    if opened.wanted:
        needs = frozenset(_named(NeedKind.RECIPIENT, opened.wanted))
        return Hold(Reason.NO_KEY, needs, unreadable=True) if needs else None
    signature = opened.signature
    if signature.reason not in CURABLE:
        return None
    needs = frozenset(need for signer in signature.signers for need in _of_signer(signer))
    return Hold(signature.reason, needs, unreadable=False) if needs else None


def _of_signer(signer: SignerFinding) -> Iterator[Need]:
    if signer.identity is not None:
        yield from _named(NeedKind.SIGNER, (signer.identity,))
    for name in signer.issuers_wanted:
        yield by_subject(name, f"subject={rfc4514(name)}")


def _named(kind: NeedKind, identities: Iterable[Identity]) -> Iterator[Need]:
    for identity in identities:
        if identity.key_id is not None:
            yield by_key_id(kind, identity.key_id, f"subjectKeyIdentifier={identity.key_id.hex()}")
        elif identity.issuer_der is not None and identity.serial is not None:
            text = f"issuer={rfc4514(identity.issuer_der)} serial={identity.serial:x}"
            yield by_serial(kind, identity.issuer_der, identity.serial, text)
