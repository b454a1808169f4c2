"""What the record tells (``engine.finding``) of what was decided over mail that leaves and found in mail that came."""

from gateway.cms.algorithm import raised, scheme_for
from gateway.engine.algorithms import Algorithms
from gateway.engine.finding import (
    EncryptedTo,
    Encrypting,
    EncryptionMade,
    EncryptionOpened,
    Finding,
    JudgedSigner,
    Missing,
    OwnSigner,
    ProtectedField,
    RecipientFound,
    SignatureJudged,
    SignatureMade,
    Signing,
)
from gateway.engine.opened import Opened
from gateway.engine.submission import Submission
from gateway.mail.header import Header
from gateway.pki.certificate import Certificate
from gateway.pki.names import rfc4514
from gateway.policy.decide import Decision
from gateway.smime.finding import EncryptionFinding, Layer, RecipientFinding, SignatureFinding, SignerFinding, Uncovered

NOTES = {Uncovered.REPLY_TO: "reply-to", Uncovered.DATE: "signing-time"}
"""The record's notes on what a signature does not cover."""


def of_outbound(submission: Submission, decision: Decision, algorithms: Algorithms) -> Finding:
    """Return what the record says of a message that leaves, or is refused."""
    layers = [Layer.ENCRYPTED] if any(copy.certificates for copy in decision.copies) else []
    layers += [Layer.SIGNED] if decision.signer is not None and decision.reply is None else []
    layers += [submission.layer] if submission.layer else []
    signature, encryption = of_decision(decision, algorithms, submission.question.fault)
    return Finding(
        author=submission.question.author,
        message_id=message_id(submission.header),
        group=decision.group,
        rule=decision.rule,
        layers=tuple(layers),
        notes=decision.notes,
        lookups=decision.lookups,
        signature=signature,
        encryption=encryption,
    )


def of_decision(decision: Decision, algorithms: Algorithms, fault: str | None) -> tuple[SignatureMade, EncryptionMade]:
    """Return the signature and the encryption that a decision makes; ``fault``: why there is no author."""
    made = decision.reply is None
    certificates = [certificate for copy in decision.copies for certificate in copy.certificates]
    reasons = tuple(reason for reason in (decision.encrypt_reason, decision.encrypt_cause) if reason is not None)
    signature = SignatureMade(
        status=Signing.SIGNED if decision.signed and made else Signing.NOT_SIGNED,
        reason=decision.sign_reason,
        detail=fault,
        signers=(_own_signer(decision.signer.certificate, algorithms),) if decision.signer and made else (),
    )
    encryption = EncryptionMade(
        status=Encrypting.ENCRYPTED if decision.encrypted and made else Encrypting.NOT_ENCRYPTED,
        reason=decision.encrypt_reason,
        reasons=reasons,
        missing=tuple(Missing(address=answer.address, reason=answer.reason) for answer in decision.missing),
        cipher=raised(algorithms.cipher, decision.capabilities) if certificates else None,
        recipients=tuple(map(_encrypted_to, dict.fromkeys(certificates))),
    )
    return signature, encryption


def _own_signer(certificate: Certificate, algorithms: Algorithms) -> OwnSigner:
    scheme = scheme_for(certificate, algorithms.digest, algorithms.sign_rsa)
    return OwnSigner(
        addresses=certificate.addresses,
        subject=certificate.subject,
        issuer=certificate.issuer,
        serial=format(certificate.serial, "x"),
        fingerprint=certificate.fingerprint,
        not_before=certificate.not_before.isoformat(),
        not_after=certificate.not_after.isoformat(),
        digest=scheme.digest,
        algorithm=scheme.kind,
    )


def _encrypted_to(certificate: Certificate) -> EncryptedTo:
    return EncryptedTo(
        issuer=certificate.issuer,
        serial=format(certificate.serial, "x"),
        fingerprint=certificate.fingerprint,
        addresses=certificate.addresses,
        key_algorithm=certificate.key_kind,
    )


def of_inbound(opened: Opened, author: str | None, named: str | None, group: str | None) -> Finding:
    """Return what the record says of a message that arrived; ``named``: its Message-ID."""
    return Finding(
        group=group,
        author=author,
        message_id=named,
        layers=tuple(opened.layers),
        notes=tuple(NOTES[found] for found in opened.signature.uncovered if found in NOTES),
        protected=tuple(
            ProtectedField(name=field.name, inner=field.inner, outer=field.outer)
            for field in opened.protected.differences
        ),
        signature=_judged(opened.signature),
        encryption=_opened(opened.encryption),
    )


def _judged(finding: SignatureFinding) -> SignatureJudged:
    return SignatureJudged(
        status=finding.status,
        reason=finding.reason,
        reasons=finding.reasons,
        detail=finding.detail,
        coverage=finding.coverage,
        signers=tuple(map(_judged_signer, (*finding.signers, *finding.others))),
    )


def _judged_signer(signer: SignerFinding) -> JudgedSigner:
    certificate = signer.certificate
    return JudgedSigner(
        status=signer.status,
        reason=signer.reason,
        reasons=signer.reasons,
        detail=signer.detail,
        addresses=signer.addresses,
        anchor=signer.anchor.fingerprint if signer.anchor else None,
        digest=signer.digest,
        algorithm=signer.algorithm,
        signing_time=signer.signing_time.isoformat() if signer.signing_time else None,
        notes=signer.notes,
        subject=certificate.subject if certificate else None,
        issuer=certificate.issuer if certificate else None,
        serial=format(certificate.serial, "x") if certificate else None,
        fingerprint=certificate.fingerprint if certificate else None,
        not_before=certificate.not_before.isoformat() if certificate else None,
        not_after=certificate.not_after.isoformat() if certificate else None,
    )


def _opened(finding: EncryptionFinding) -> EncryptionOpened:
    return EncryptionOpened(
        status=finding.status,
        reason=finding.reason,
        detail=finding.detail,
        authenticated=finding.authenticated,
        cipher=finding.cipher,
        key_algorithm=finding.key_algorithm,
        key=finding.key,
        recipients=tuple(map(_recipient, finding.recipients)),
    )


def _recipient(recipient: RecipientFinding) -> RecipientFound:
    identity, fingerprint, algorithm = recipient.identity, recipient.fingerprint, recipient.algorithm
    if identity is not None and identity.key_id is not None:
        return RecipientFound(fingerprint=fingerprint, algorithm=algorithm, key_id=identity.key_id.hex())
    if identity is not None and identity.issuer_der is not None and identity.serial is not None:
        issuer, serial = rfc4514(identity.issuer_der), format(identity.serial, "x")
        return RecipientFound(fingerprint=fingerprint, algorithm=algorithm, issuer=issuer, serial=serial)
    return RecipientFound(fingerprint=fingerprint, algorithm=algorithm)


def message_id(header: Header) -> str | None:
    """Return the value of the first Message-ID field, for the record; None: there is none."""
    fields = header.named("message-id")
    return header.value(fields[0]).decode("utf-8", "replace") if fields else None
