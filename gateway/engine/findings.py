"""Findings as the record tells them: plain values under the record's field names."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gateway.engine.opened import Opened
from gateway.pki.names import rfc4514
from gateway.smime.finding import EncryptionFinding, RecipientFinding, SignatureFinding, SignerFinding, Uncovered

NOTES = {Uncovered.REPLY_TO: "reply-to", Uncovered.DATE: "signing-time"}
"""The record's notes on what a signature does not cover."""


def facts_of(opened: Opened, author: str | None, message_id: str | None) -> Mapping[str, Any]:
    """What the record says of the message, by field name."""
    return {
        "from_": author,
        "message_id": message_id,
        "layers": tuple(layer.value for layer in opened.layers),
        "signature": _signature(opened.signature),
        "encryption": _encryption(opened.encryption),
        "notes": tuple(NOTES[found] for found in opened.signature.uncovered if found in NOTES),
        "protected": tuple(asdict(difference) for difference in opened.protected.differences),
    }


def _signature(finding: SignatureFinding) -> dict[str, Any]:
    return {
        "status": finding.status,
        "reason": finding.reason,
        "reasons": list(finding.reasons),
        "detail": finding.detail,
        "coverage": finding.coverage,
        "signers": [_signer(signer) for signer in (*finding.signers, *finding.others)],
    }


def _signer(signer: SignerFinding) -> dict[str, Any]:
    certificate = signer.certificate
    described: dict[str, Any] = {
        "status": signer.status,
        "reason": signer.reason,
        "reasons": list(signer.reasons),
        "detail": signer.detail,
        "addresses": list(signer.addresses),
        "anchor": signer.anchor.fingerprint if signer.anchor else None,
        "digest": signer.digest,
        "algorithm": signer.algorithm,
        "signing_time": signer.signing_time.isoformat() if signer.signing_time else None,
        "notes": list(signer.notes),
    }
    if certificate is not None:
        described |= {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": format(certificate.serial, "x"),
            "fingerprint": certificate.fingerprint,
            "not_before": certificate.not_before.isoformat(),
            "not_after": certificate.not_after.isoformat(),
        }
    return described


def _encryption(finding: EncryptionFinding) -> dict[str, Any]:
    return {
        "status": finding.status,
        "reason": finding.reason,
        "detail": finding.detail,
        "authenticated": finding.authenticated,
        "cipher": finding.cipher,
        "key_algorithm": finding.key_algorithm,
        "key": finding.key,
        "recipients": [_recipient(recipient) for recipient in finding.recipients],
    }


def _recipient(recipient: RecipientFinding) -> dict[str, Any]:
    described: dict[str, Any] = {"fingerprint": recipient.fingerprint, "algorithm": recipient.algorithm}
    identity = recipient.identity
    if identity is not None and identity.key_id is not None:
        described["key_id"] = identity.key_id.hex()
    elif identity is not None and identity.issuer_der is not None and identity.serial is not None:
        described |= {"issuer": rfc4514(identity.issuer_der), "serial": format(identity.serial, "x")}
    return described
