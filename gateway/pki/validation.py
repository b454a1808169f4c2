"""The judgement of a signer's certificate: may it be believed, and if not, for which reasons (RFC 5280 §6, RFC 8550).

Each fact is found by itself and all that are wrong are named: whether a path leads to an anchor, whether it holds, the
dates, usages, algorithms and keys of its certificates, and their revocation. Of several paths the best one counts. An
intermediate whose extended key usage excludes mail vouches for no signer; an anchor's does not count. A leaf that an
administrator trusts for itself needs no path, but its own dates, usage, key and revocation count.

``judge`` is pure: time is ``at``, evidence is what the caller has. Certificates from the mail (``carried``) serve to
build paths and are never trusted. A finding says between which times it stays the same, for ``Verdicts`` to keep it.

Not here: the signature over the message, and to whom the certificate belongs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm

from gateway.pki.acceptance import LEGACY_RSA_BITS
from gateway.pki.certificate import RSA_BITS, Certificate
from gateway.pki.kinds import KeyKind
from gateway.pki.names import name_key, rfc4514
from gateway.pki.outline import read_outline
from gateway.pki.path import MAX_CARRIED, CertificatePath, build_paths, is_root
from gateway.pki.pkix import fault_of
from gateway.pki.revocation import NO_EVIDENCE, RevocationEvidence
from gateway.pki.status import SKEW, Status, moments, statuses
from gateway.pki.trust import TrustSnapshot
from gateway.reason import Reason

REVOCATION_UNKNOWN = "revocation=unknown"
"""The note of ``Revocation.SOFT``."""
NOT_FOR_MAIL = "an issuing authority of the path is not for mail by its extended key usage"

_CAUSES = {
    Reason.LIMIT: "the certificates lead in more ways than are followed",
    Reason.UNSUPPORTED_ALGORITHM: "an issuer's signature or key is of a kind that is not checked",
}
_ID, _NAME = 16, 120
"""Digits of a fingerprint, and characters of a name, in a phrase."""
_BROKEN = {Reason.NO_PATH, Reason.UNTRUSTED, Reason.LIMIT, Reason.UNSUPPORTED_ALGORITHM, Reason.MALFORMED}
_WEAK_DIGESTS = frozenset({"sha1", "md5"})
_LEGACY_DIGESTS = frozenset({"sha1"})


class Revocation(Enum):
    """What an unknown status means: nothing, a note, or a reason. Evidence at hand counts under every setting."""

    OFF = "off"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Strictness:
    """The settings of a judgement. ``accept_legacy``: SHA-1, RSA 1024 and DSA are good enough."""

    revocation: Revocation = Revocation.OFF
    accept_legacy: bool = False


@dataclass(frozen=True, slots=True)
class PathFinding:
    """What was found about a signer's certificate; no reasons: it may be believed.

    ``path``: leaf first, as it is read in the store, as far as it goes. ``anchor``: the trusted end of a path that
    holds, else None.
    ``notes``: words (``revocation=unknown``) and short texts in printable ASCII for the record.
    ``since``, ``until``: for every time strictly between them the finding is the same.
    ``unknown``: of a path that holds, from each certificate whose revocation status is unknown up to the anchor.
    """

    reasons: tuple[Reason, ...]
    path: CertificatePath
    anchor: Certificate | None
    notes: tuple[str, ...]
    since: datetime
    until: datetime
    unknown: tuple[CertificatePath, ...] = ()
    authority: str | None = None
    """Which authority is missing, or not trusted, and its ID where it is stored; for the record."""

    @property
    def holds_for_encryption(self) -> bool:
        """Whether nothing is wrong but that it may not sign, which does not matter where mail is encrypted to it."""
        return self.anchor is not None and set(self.reasons) <= {Reason.WRONG_USAGE}


def judge(
    leaf: Certificate,
    carried: Iterable[Certificate],
    trust: TrustSnapshot,
    at: datetime,
    evidence: RevocationEvidence = NO_EVIDENCE,
    strictness: Strictness | None = None,
) -> PathFinding:
    """Judge ``leaf`` as a signer of mail at ``at`` (aware). At most ``MAX_CARRIED`` of ``carried`` are looked at."""
    at_hand = tuple(dict.fromkeys(carried))[:MAX_CARRIED]
    return _Case(leaf, at_hand, trust, at, evidence, strictness or Strictness()).finding()


def leads_to_anchor(path: CertificatePath, trust: TrustSnapshot, at: datetime) -> bool:
    """Return whether the first certificate of ``path`` has, by way of the others, a path to an anchor that holds."""
    return judge(path[0], path[1:], trust, at).anchor is not None


class _Case:
    """One judgement."""

    def __init__(
        self,
        leaf: Certificate,
        carried: Sequence[Certificate],
        trust: TrustSnapshot,
        at: datetime,
        evidence: RevocationEvidence,
        strictness: Strictness,
    ) -> None:
        self._carried, self._trust, self._at = tuple(map(trust.as_stored, carried)), trust, at
        self._evidence, self._strictness = evidence, strictness
        self._paths = build_paths(trust.as_stored(leaf), self._carried, trust, at)

    def finding(self) -> PathFinding:
        judged: list[_Judged] = []
        for path in self._paths.complete:
            judged.append(self._judged(path))
            if not judged[-1].reasons:
                break
        best = min(judged, key=_gravity) if judged else self._stranded()
        anchor = best.path[-1] if judged and best.holds else None
        since, until = _window(self._at, self._times())
        ordered = tuple(reason for reason in Reason if reason in best.reasons)
        authority = self._authority(best.path, ordered)
        return PathFinding(ordered, best.path, anchor, tuple(best.notes), since, until, best.unknown, authority)

    def _authority(self, path: CertificatePath, reasons: Sequence[Reason]) -> str | None:
        """Name what an administrator would have to import or trust."""
        end = path[-1]
        refused = next(filter(self._trust.is_distrusted, path), None)
        if refused is not None:
            return f"{told(refused.subject)} is distrusted{self._stored_as(refused)}"
        if Reason.NO_PATH in reasons:
            namesakes = self._trust.named(name_key(end.issuer_der))
            stored = f"; of that name, not its issuer: ID {namesakes[0].fingerprint[:_ID]}" if namesakes else ""
            return f"the issuer {told(rfc4514(end.issuer_der))} of {told(end.subject)} is not stored{stored}"
        if Reason.UNTRUSTED in reasons:
            return f"{told(end.subject)} is not trusted{self._stored_as(end)}"
        return None

    def _stored_as(self, certificate: Certificate) -> str:
        return f", ID {certificate.fingerprint[:_ID]}" if self._trust.knows(certificate) else ", and not stored"

    def _stranded(self) -> "_Judged":
        judged = self._by_itself(self._paths.stranded)
        judged.reasons.add(self._paths.cause)
        judged.notes += [note for cause, note in _CAUSES.items() if cause is self._paths.cause]
        return judged

    def _judged(self, path: CertificatePath) -> "_Judged":
        """Judge a path that ends at an anchor, or a leaf that is trusted for itself."""
        judged = self._by_itself(path)
        fault = fault_of(path) if len(path) > 1 else None
        if fault is not None:
            judged.reasons.add(fault[0])
            judged.notes.append(fault[1])
        if judged.holds:
            self._judge_revocation(judged)
        return judged

    def _judge_revocation(self, judged: "_Judged") -> None:
        found = self._statuses(judged.path)
        judged.unknown = tuple(judged.path[n:] for n, status in enumerate(found) if status is Status.UNKNOWN)
        if Status.REVOKED in found:
            judged.reasons.add(Reason.REVOKED)
        if judged.unknown and self._strictness.revocation is Revocation.HARD:
            judged.reasons.add(Reason.REVOCATION_UNKNOWN)
        elif judged.unknown and self._strictness.revocation is Revocation.SOFT:
            judged.notes.append(REVOCATION_UNKNOWN)

    def _statuses(self, path: CertificatePath) -> tuple[Status, ...]:
        """Of a leaf that is trusted for itself only one thing matters: whether its issuer, if known, revoked it."""
        if len(path) > 1:
            return statuses(path, self._signers(), self._evidence, self._at)
        longer = next((way for way in (*self._paths.complete, self._paths.stranded) if len(way) > 1), None)
        found = () if longer is None else statuses(longer[:2], self._signers(), self._evidence, self._at)
        return tuple(status for status in found if status is Status.REVOKED)

    def _signers(self) -> list[Certificate]:
        """Stored certificates first, then those of the mail."""
        stored = [signer for item in self._evidence.lists for signer in self._trust.named(name_key(item.issuer_der))]
        return [*stored, *self._carried]

    def _by_itself(self, path: CertificatePath) -> "_Judged":
        judged = _Judged(path, self._facts(path))
        if not all(issuer.is_for_mail for issuer in self._signed(path)[1:]):
            judged.reasons.add(Reason.WRONG_USAGE)
            judged.notes.append(NOT_FOR_MAIL)
            judged.for_mail = False
        return judged

    def _facts(self, path: CertificatePath) -> set[Reason]:
        """What the certificates of a path say by themselves."""
        found = {fault for certificate in path if (fault := certificate.fault_at(self._at))}
        found |= {fault for certificate in path for fault in self._key_faults(certificate)}
        found |= {fault for certificate in self._signed(path) if (fault := self._digest_fault(certificate))}
        if any(map(self._trust.is_distrusted, path)):
            found.add(Reason.UNTRUSTED)
        if not path[0].may_sign:
            found.add(Reason.WRONG_USAGE)
        return found

    def _signed(self, path: CertificatePath) -> CertificatePath:
        """Return the certificates whose signature counts: below an anchor, and below a root, which signed itself."""
        end = path[-1]
        stored = self._trust.is_anchor(end) or self._trust.is_trusted_itself(end)
        return path[:-1] if stored or is_root(end) else path

    def _key_faults(self, certificate: Certificate) -> set[Reason]:
        kind, size, legacy = certificate.key_kind, certificate.key_size, self._strictness.accept_legacy
        found = set()
        if kind.is_rsa and size < (LEGACY_RSA_BITS if legacy else RSA_BITS.start):
            found.add(Reason.WEAK_KEY)
        if kind.is_rsa and size >= RSA_BITS.stop:
            found.add(Reason.UNSUPPORTED_ALGORITHM)
        if kind == KeyKind.DSA and not legacy:
            found.add(Reason.WEAK_ALGORITHM)
        return found

    def _digest_fault(self, certificate: Certificate) -> Reason | None:
        try:
            digest = read_outline(certificate.der).bare.signature_hash_algorithm
        except UnsupportedAlgorithm:
            return Reason.UNSUPPORTED_ALGORITHM
        weak = _WEAK_DIGESTS - (_LEGACY_DIGESTS if self._strictness.accept_legacy else frozenset())
        return Reason.WEAK_ALGORITHM if digest is not None and digest.name in weak else None

    def _times(self) -> Iterator[datetime]:
        """Every time at which a fact may change."""
        for certificate in self._paths.examined.union(self._carried):
            yield certificate.not_before
            yield certificate.not_after
        judged = {certificate for path in self._paths.complete for certificate in path}
        yield from moments(judged, self._evidence)


@dataclass(slots=True)
class _Judged:
    """What is wrong with one path."""

    path: CertificatePath
    reasons: set[Reason]
    notes: list[str] = field(default_factory=list)
    unknown: tuple[CertificatePath, ...] = ()
    for_mail: bool = True
    """Whether all that issue in it may issue for mail."""

    @property
    def holds(self) -> bool:
        return self.for_mail and not self.reasons & _BROKEN


def _gravity(judged: _Judged) -> tuple[bool, int]:
    return not judged.holds, len(judged.reasons)


def told(name: str) -> str:
    """Return a name for a phrase: in printable ASCII, cut where it is long."""
    plain = "".join(sign if " " <= sign <= "~" else sign.encode("unicode_escape").decode() for sign in name)
    return plain if len(plain) <= _NAME else plain[:_NAME] + "..."


_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _window(at: datetime, times: Iterable[datetime]) -> tuple[datetime, datetime]:
    """Return the times, give or take ``SKEW``, next before and after ``at``; ``at`` twice where it is one of them."""
    edges = {edge for time in times for edge in (_moved(time, -SKEW), time, _moved(time, SKEW))}
    if at in edges:
        return at, at
    before = max((edge for edge in edges if edge < at), default=_FIRST)
    return before, min((edge for edge in edges if edge > at), default=_LAST)


def _moved(time: datetime, by: timedelta) -> datetime:
    try:
        return time + by
    except OverflowError:
        return time
