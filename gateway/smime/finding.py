"""What was found about a message: its signers, its coverage, its encryption. Values that policy and the record read.

Facts stay apart (RFC 8551 §6, RFC 7281): the mathematics, the path, the address, the algorithm, the coverage. Each
that is wrong is one reason; the order of the reasons is fixed, the first gives the status.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.cms.identity import Identity
from gateway.mail.address import folded
from gateway.pki.certificate import Certificate
from gateway.pki.path import CertificatePath
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
    encrypt_to: CertificatePath = ()
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
    """The verdict on a message's signature, and the ``signers`` that count, the one that decides first.

    ``others`` are for the record: further signatures of the same signers, and those over ciphertext that was opened.
    """

    status: Status = Status.NONE
    reasons: tuple[Reason, ...] = ()
    coverage: Coverage = Coverage.NONE
    signers: tuple[SignerFinding, ...] = ()
    others: tuple[SignerFinding, ...] = ()
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


class Layer(StrEnum):
    """The kinds of S/MIME layers (RFC 8551 §3), in the words of the record."""

    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    COMPRESSED = "compressed"


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


def verdict(signatures: Iterable[SignerFinding], over_ciphertext: Iterable[SignerFinding] = ()) -> SignatureFinding:
    """Return the verdict on the signatures of one layer that covers the whole.

    Of one signer's the best counts (RFC 4853), of several signers the worst (row SIG-05).
    """
    people = _people(signatures)
    counted = sorted((one[0] for one in people), key=_weight)
    reasons = ordered(reason for signer in counted for reason in signer.reasons)
    return SignatureFinding(
        status=status_of(reasons[0] if reasons else None),
        reasons=reasons,
        coverage=Coverage.WHOLE,
        signers=tuple(counted),
        others=(*(signer for one in people for signer in one[1:]), *over_ciphertext),
    )


def over_ciphertext_only(signatures: Iterable[SignerFinding]) -> SignatureFinding:
    """Return the verdict where all signatures are over ciphertext that was opened: what is read is not what they cover.

    None is ``pass``: whoever knows the recipients can put a signature of his own around somebody else's ciphertext.
    """
    found = verdict(signatures)
    reasons = found.reasons or (Reason.PARTIAL,)
    return replace(found, status=status_of(reasons[0]), reasons=reasons, coverage=Coverage.PARTIAL)


def _people(signatures: Iterable[SignerFinding]) -> list[list[SignerFinding]]:
    """Return the signatures of each signer, the best first: certificates that share an address are one signer's."""
    found = list(signatures)
    same = list(range(len(found)))
    first: dict[str, int] = {}
    alike: dict[tuple[str, ...], int] = {}

    def one(number: int) -> int:
        while same[number] != number:
            same[number] = number = same[same[number]]
        return number

    for number, signature in enumerate(found):
        known = alike.setdefault(signature.addresses, number) if signature.addresses else number
        if known != number:
            same[number] = one(known)
            continue
        for address in map(folded, signature.addresses):
            same[one(number)] = one(first.setdefault(address, number))
    people: dict[int, list[SignerFinding]] = {}
    for number, signature in enumerate(found):
        people.setdefault(one(number), []).append(signature)
    return [sorted(signatures, key=_weight, reverse=True) for signatures in people.values()]


def _weight(signer: SignerFinding) -> int:
    """Where a finding stands in the order of reasons; behind all where everything holds."""
    return len(ORDER) if signer.reason is None else _RANK[signer.reason]


def weightier(one: Reason | None, other: Reason | None) -> Reason | None:
    """Return the weightier of two reasons."""
    found = ordered(reason for reason in (one, other) if reason is not None)
    return found[0] if found else None
