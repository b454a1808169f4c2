"""What would help a message that could not be opened or judged: an import, a setting, or a human's decision."""

from collections.abc import Iterable, Iterator

from gateway.cms.identity import Identity
from gateway.engine.opened import Opened
from gateway.engine.transaction import Hold
from gateway.pki.names import rfc4514
from gateway.pki.need import LEGACY, Need, NeedKind, by_key_id, by_serial, by_subject
from gateway.reason import Reason
from gateway.smime.finding import SignerFinding

CURABLE = frozenset({Reason.NO_CERTIFICATE, Reason.NO_PATH, Reason.UNTRUSTED})
"""Reasons of a signature that an import may cure."""


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
