"""What was found about a message, as its record tells it: the one set of typed findings that everybody reads.

Journal, log line, metrics and JSON are readings of them (``engine.record``). They hold what may be shown: words,
addresses, names and serial numbers of certificates; no certificate, no content, no Subject.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.policy.wants import Lookup
from gateway.reason import Reason
from gateway.smime.finding import Coverage, Encryption, Layer, Status


class Signing(StrEnum):
    """The signature status of an outbound message."""

    SIGNED = "signed"
    NOT_SIGNED = "not-signed"


class Encrypting(StrEnum):
    """The encryption status of an outbound message."""

    ENCRYPTED = "encrypted"
    NOT_ENCRYPTED = "not-encrypted"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSigner:
    """The certificate that an outbound message was signed with.

    Of every certificate here ``serial`` and ``fingerprint`` (SHA-256) are hexadecimal, times RFC 3339.
    """

    addresses: tuple[str, ...] = ()
    subject: str | None = None
    issuer: str | None = None
    serial: str | None = None
    fingerprint: str | None = None
    not_before: str | None = None
    not_after: str | None = None
    digest: str | None = None
    algorithm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSigner:
    """One signer of an inbound message. ``anchor``: the fingerprint of the trust anchor that its path ends in."""

    status: Status = Status.NONE
    reason: Reason | None = None
    reasons: tuple[Reason, ...] = ()
    detail: str | None = None
    addresses: tuple[str, ...] = ()
    anchor: str | None = None
    digest: str | None = None
    algorithm: str | None = None
    signing_time: str | None = None
    notes: tuple[str, ...] = ()
    subject: str | None = None
    issuer: str | None = None
    serial: str | None = None
    fingerprint: str | None = None
    not_before: str | None = None
    not_after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureMade:
    """The signature of an outbound message; ``detail``: why it has no author, where it has none."""

    status: Signing = Signing.NOT_SIGNED
    reason: Reason | None = None
    detail: str | None = None
    signers: tuple[OwnSigner, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureJudged:
    """The signature of an inbound message: ``reasons`` the weightiest first."""

    status: Status = Status.NONE
    reason: Reason | None = None
    reasons: tuple[Reason, ...] = ()
    detail: str | None = None
    coverage: Coverage = Coverage.NONE
    signers: tuple[JudgedSigner, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedTo:
    """A certificate that an outbound message was encrypted to."""

    issuer: str | None = None
    serial: str | None = None
    fingerprint: str | None = None
    addresses: tuple[str, ...] = ()
    key_algorithm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientFound:
    """One recipient info of an envelope that came: named by ``key_id``, or by ``issuer`` and ``serial``."""

    fingerprint: str | None = None
    algorithm: str | None = None
    key_id: str | None = None
    issuer: str | None = None
    serial: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """An address whose certificate is missing, and why."""

    address: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionMade:
    """The encryption of an outbound message. ``reasons``: of an answer to encrypted mail, also why it is in clear."""

    status: Encrypting = Encrypting.NOT_ENCRYPTED
    reason: Reason | None = None
    reasons: tuple[Reason, ...] = ()
    missing: tuple[Missing, ...] = ()
    cipher: str | None = None
    recipients: tuple[EncryptedTo, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptionOpened:
    """The encryption of an inbound message. ``key``: the fingerprint of our certificate that opened it, or would."""

    status: Encryption = Encryption.NONE
    reason: Reason | None = None
    detail: str | None = None
    authenticated: bool = False
    cipher: str | None = None
    key_algorithm: str | None = None
    key: str | None = None
    recipients: tuple[RecipientFound, ...] = ()


Signature = SignatureMade | SignatureJudged
EncryptionFound = EncryptionMade | EncryptionOpened


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedField:
    """A field that says something else inside a layer; of a Subject only the name is told."""

    name: str
    inner: str | None = None
    outer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """All that the engine found about one message; None for what was never looked into."""

    signature: Signature | None = None
    encryption: EncryptionFound | None = None
    author: str | None = None
    """The one mailbox of the one From field."""
    message_id: str | None = None
    group: str | None = None
    rule: str | None = None
    layers: tuple[Layer, ...] = ()
    """Outermost first."""
    notes: tuple[str, ...] = ()
    protected: tuple[ProtectedField, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    pass_of: str | None = None
    """The record of its first pass, where it was judged here before."""


NOTHING = Finding()


def not_made(reason: Reason) -> Finding:
    """Return what is found of an outbound message of which nothing was made."""
    return Finding(signature=SignatureMade(reason=reason), encryption=EncryptionMade(reason=reason))


def not_judged(reason: Reason | None, group: str | None = None) -> Finding:
    """Return what is found of an inbound message that was not looked into."""
    return Finding(signature=SignatureJudged(reason=reason), encryption=EncryptionOpened(reason=reason), group=group)
