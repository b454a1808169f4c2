"""What was found about a message: its signers, its coverage, its encryption. Values that policy and the record read.

Facts stay apart (RFC 8551 §6, RFC 7281): the mathematics, the path, the address, the algorithm, the coverage. Each
that is wrong is one reason; the order of the reasons is fixed, the first gives the status.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.cms.identity import Identity
from gateway.pki.certificate import Certificate
from gateway.pki.path import Path
from gateway.reason import Reason

ORDER = (
    Reason.MALFORMED,
    Reason.LIMIT,
    Reason.INTERNAL,
    Reason.BAD_SIGNATURE,
    Reason.ALTERED,
    Reason.NO_SIGNER,
    Reason.PARTIAL,
    Reason.UNSUPPORTED_ALGORITHM,
    Reason.WEAK_ALGORITHM,
    Reason.WEAK_KEY,
    Reason.NO_CERTIFICATE,
    Reason.NO_PATH,
    Reason.UNTRUSTED,
    Reason.NOT_YET_VALID,
    Reason.EXPIRED,
    Reason.REVOKED,
    Reason.REVOCATION_UNKNOWN,
    Reason.WRONG_USAGE,
    Reason.FROM_AMBIGUOUS,
    Reason.ADDRESS_MISMATCH,
)
_RANK = {reason: rank for rank, reason in enumerate(ORDER)}
MATHEMATICS = frozenset({Reason.MALFORMED, Reason.LIMIT, Reason.INTERNAL, Reason.BAD_SIGNATURE, Reason.ALTERED})
"""Reasons after which nothing of a signer is known to be true."""


class Status(StrEnum):
    """The signature words of RFC 8601 §2.7 and RFC 7281."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_STATUS = {
    Reason.BAD_SIGNATURE: Status.FAIL,
    Reason.ALTERED: Status.FAIL,
    Reason.NO_CERTIFICATE: Status.PERMERROR,
    Reason.REVOCATION_UNKNOWN: Status.TEMPERROR,
    Reason.MALFORMED: Status.NEUTRAL,
    Reason.LIMIT: Status.NEUTRAL,
    Reason.NO_SIGNER: Status.NEUTRAL,
    Reason.UNSUPPORTED_ALGORITHM: Status.NEUTRAL,
    Reason.INTERNAL: Status.NEUTRAL,
}


def status_of(reason: Reason | None) -> Status:
    """Return the signature status that a reason stands for; None: everything holds."""
    return Status.PASS if reason is None else _STATUS.get(reason, Status.POLICY)


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return reasons once each, the weightiest first."""
    return tuple(sorted(set(reasons), key=_RANK.__getitem__))


@dataclass(frozen=True, slots=True)
class SignerFinding:
    """One signer of one layer. No reasons: everything holds. ``signing_time`` is what the signer says."""

    reasons: tuple[Reason, ...]
    identity: Identity | None = None
    certificate: Certificate | None = None
    anchor: Certificate | None = None
    addresses: tuple[str, ...] = ()
    """Mail names the certificate binds."""
    digest: str | None = None
    algorithm: str | None = None
    signing_time: datetime | None = None
    notes: tuple[str, ...] = ()
    detail: str | None = None
    """What exactly was malformed or unsupported, and where; a phrase for the record, never for a header field."""
    issuers_wanted: tuple[bytes, ...] = ()
    """Names (DER) of issuers that would help, were they stored and trusted."""
    encrypt_to: Path = ()
    """The certificate that the signer wants mail encrypted to, his own or one as good, and those above it up to its
    anchor, if everything holds."""
    capabilities: tuple[str, ...] = ()
    """What he then announced to open."""

    @property
    def reason(self) -> Reason | None:
        """The weightiest reason."""
        return self.reasons[0] if self.reasons else None

    @property
    def status(self) -> Status:
        """The word for it."""
        return status_of(self.reason)


class Coverage(StrEnum):
    """How much of the message a signature covers."""

    WHOLE = "whole"
    PARTIAL = "partial"
    NONE = "none"


class Uncovered(StrEnum):
    """What a signature does not cover, where a reader may be misled."""

    NAME = "name=other"
    REPLY_TO = "reply-to=other"
    DATE = "date=differs"


@dataclass(frozen=True, slots=True)
class SignatureFinding:
    """The verdict on a message's signature. ``signers``: those of the verdict first, then those over ciphertext."""

    status: Status = Status.NONE
    reasons: tuple[Reason, ...] = ()
    coverage: Coverage = Coverage.NONE
    signers: tuple[SignerFinding, ...] = ()
    detail: str | None = None
    """What exactly was malformed, unsupported or over a limit."""
    uncovered: tuple[Uncovered, ...] = ()
    """Of one that passes."""

    @property
    def reason(self) -> Reason | None:
        """The weightiest reason."""
        return self.reasons[0] if self.reasons else None


@dataclass(frozen=True, slots=True)
class RecipientFinding:
    """One recipient info of an envelope."""

    identity: Identity | None
    algorithm: str | None = None
    fingerprint: str | None = None
    """Of the certificate, where it is stored."""


class Encryption(StrEnum):
    """The encryption status."""

    NONE = "none"
    DECRYPTED = "decrypted"
    FAILED = "failed"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class EncryptionFinding:
    """The outermost envelope of a message, and what became of it."""

    status: Encryption = Encryption.NONE
    reason: Reason | None = None
    cipher: str | None = None
    key_algorithm: str | None = None
    key: str | None = None
    """Fingerprint of our certificate that opened it."""
    authenticated: bool = False
    recipients: tuple[RecipientFinding, ...] = field(default=())
    detail: str | None = None
    """What exactly was malformed, unsupported or over a limit; None for what a key produced."""


def verdict(signers: Iterable[SignerFinding], over_ciphertext: Iterable[SignerFinding] = ()) -> SignatureFinding:
    """Return the verdict of the signers of one layer that covers the whole: the worst of them counts (row SIG-05)."""
    found = tuple(sorted(signers, key=_weight))
    reasons = ordered(reason for signer in found for reason in signer.reasons)
    return SignatureFinding(
        status=status_of(reasons[0] if reasons else None),
        reasons=reasons,
        coverage=Coverage.WHOLE,
        signers=(*reversed(found), *over_ciphertext) if not reasons else (*found, *over_ciphertext),
    )


def _weight(signer: SignerFinding) -> int:
    return -1 if signer.reason is None else _RANK[signer.reason]
