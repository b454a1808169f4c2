"""Paths of certificates: the chain that goes along with our signature, and all ways from a signer up to an anchor.

``chain_for`` (outbound, RFC 8551 §4.1) is a courtesy to the recipient and decides nothing: it is walked greedily, the
best issuer at each step, no way back. ``build_paths`` (inbound, RFC 4158) goes all ways at once, nearest first, through
stored CAs and through certificates that came in the mail, and ends at anchors only. Who issued whom is told by
``issuance``. Steps, lengths and signature checks are bounded, and no CA comes twice in a path, so that certificates
which sign one another in circles cost a fixed price.

Not here: whether a path holds (``validation``).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gateway.pki.certificate import Certificate
from gateway.pki.issuance import Issuances, identity, may_issue, names_issuer
from gateway.pki.names import NameKey, name_key, rfc4514, same_name
from gateway.pki.trust import TrustSnapshot
from gateway.reason import Reason

MAX_LENGTH = 10
MAX_SIGNATURE_CHECKS = 64
MAX_PATHS = 8
MAX_STEPS = 128
"""Paths that are made one longer."""
MAX_CARRIED = 50
"""Certificates from one mail; more are not looked at."""

CertificatePath = tuple[Certificate, ...]
"""Leaf first, each followed by its issuer."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The issuers of a certificate, nearest first, without a self-signed root.

    ``missing``: the Name (DER) of the issuer that is not at hand; None: there is none above.
    """

    issuers: CertificatePath
    missing: bytes | None

    @property
    def is_cut(self) -> bool:
        """Whether not even the nearest issuer is there, so that recipients get nothing to verify with."""
        return self.missing is not None and not self.issuers

    @property
    def gap(self) -> str | None:
        """What is missing, for people; None: nothing."""
        if self.missing is None:
            return None
        issuer = rfc4514(self.missing)
        if self.issuers:
            last = self.issuers[-1].subject
            return f"the issuer {issuer} of {last} is not stored; import it, too, if it is no root"
        return f"its issuer {issuer} is not stored: who does not have it cannot verify; import it, too"


def chain_for(leaf: Certificate, candidates: Iterable[Certificate], at: datetime | None = None) -> Chain:
    """Return the issuers of ``leaf`` found among ``candidates``.

    Among several issuers those valid at ``at`` (None: no clock) come first, then self-signed ones, for there the chain
    ends, then the newest.
    """
    named: dict[NameKey, list[Certificate]] = {}
    for candidate in sorted(set(candidates), key=lambda issuer: _rank(issuer, at), reverse=True):
        named.setdefault(name_key(candidate.subject_der), []).append(candidate)
    issuances = Issuances(MAX_SIGNATURE_CHECKS)
    chain: list[Certificate] = []
    seen = {identity(leaf)}
    current = leaf
    while len(chain) < MAX_LENGTH and not is_root(current):
        fresh = (issuer for issuer in named.get(name_key(current.issuer_der), ()) if identity(issuer) not in seen)
        issuer = next((issuer for issuer in fresh if _issued(current, issuer, issuances)), None)
        if issuer is None:
            return Chain(tuple(chain), current.issuer_der)
        if is_root(issuer):
            break
        chain.append(issuer)
        seen.add(identity(issuer))
        current = issuer
    return Chain(tuple(chain), None)


def is_root(certificate: Certificate) -> bool:
    """Whether it is self-issued under its own key, as far as it says so itself."""
    own_key = certificate.authority_key_id in (None, certificate.subject_key_id)
    return own_key and same_name(certificate.subject_der, certificate.issuer_der)


def _rank(issuer: Certificate, at: datetime | None) -> tuple[bool, bool, datetime, str]:
    return at is None or issuer.fault_at(at) is None, is_root(issuer), issuer.not_before, issuer.fingerprint


def _issued(certificate: Certificate, issuer: Certificate, issuances: Issuances) -> bool:
    """Whether ``issuer`` may issue certificates and signed this one; what can be compared is compared first."""
    return may_issue(issuer) and names_issuer(certificate, issuer) and issuances.signed(certificate, issuer)


@dataclass(frozen=True, slots=True)
class Paths:
    """What was found for a leaf.

    ``complete``: paths that end at an anchor, or consist of a leaf that is trusted for itself; shortest first.
    ``stranded``: the best of the others, and ``cause``, why there is no better one: untrusted (it ends at a
    self-signed certificate that is no anchor), no-path, limit, unsupported-algorithm.
    ``examined``: every certificate that was looked at.
    """

    complete: tuple[CertificatePath, ...]
    stranded: CertificatePath
    cause: Reason
    examined: frozenset[Certificate]


def build_paths(leaf: Certificate, carried: Iterable[Certificate], trust: TrustSnapshot, at: datetime) -> Paths:
    """Find the paths from ``leaf`` to the anchors of ``trust``, by way of stored and ``carried`` certificates.

    ``at`` (aware) only decides which of several issuers is tried first.
    """
    return _Search(leaf, carried, trust, at).run()


@dataclass(slots=True)
class _Found:
    complete: list[CertificatePath] = field(default_factory=list)
    rooted: list[CertificatePath] = field(default_factory=list)
    missing: list[CertificatePath] = field(default_factory=list)
    cut: bool = False


class _Search:
    """One breadth-first search."""

    def __init__(self, leaf: Certificate, carried: Iterable[Certificate], trust: TrustSnapshot, at: datetime) -> None:
        self._leaf, self._trust, self._at = leaf, trust, at
        self._issuances = Issuances(MAX_SIGNATURE_CHECKS)
        self._issuers: dict[Certificate, list[Certificate]] = {}
        self._examined = {leaf}
        self._carried: dict[NameKey, list[Certificate]] = {}
        for certificate in tuple(dict.fromkeys(carried))[:MAX_CARRIED]:
            self._carried.setdefault(name_key(certificate.subject_der), []).append(certificate)

    def run(self) -> Paths:
        found = _Found()
        open_ends: deque[CertificatePath] = deque([(self._leaf,)])
        if self._trust.is_trusted_itself(self._leaf) or self._trust.is_anchor(self._leaf):
            found.complete.append((self._leaf,))
        for _ in range(MAX_STEPS):
            if not open_ends or len(found.complete) >= MAX_PATHS:
                break
            self._lengthen(open_ends.popleft(), found, open_ends)
        found.cut |= bool(open_ends)
        stranded, cause = self._best_of_the_others(found)
        return Paths(tuple(found.complete[:MAX_PATHS]), stranded, cause, frozenset(self._examined))

    def _lengthen(self, path: CertificatePath, found: _Found, open_ends: deque[CertificatePath]) -> None:
        """Follow every way from the end of ``path``, or note why there is none."""
        longer = [(*path, issuer) for issuer in self._issuers_of(path)]
        found.complete += (way for way in longer if self._trust.is_anchor(way[-1]))
        ways = [way for way in longer if not self._trust.is_anchor(way[-1])]
        open_ends += (way for way in ways if len(way) < MAX_LENGTH)
        found.cut |= any(len(way) >= MAX_LENGTH for way in ways)
        if not longer:
            own = is_root(path[-1]) and self._issuances.signed(path[-1], path[-1])
            (found.rooted if own else found.missing).append(path)

    def _issuers_of(self, path: CertificatePath) -> Iterator[Certificate]:
        """Yield the issuers of the end of ``path``, the likeliest first, without those that would close a circle."""
        certificate = path[-1]
        if certificate not in self._issuers:
            self._issuers[certificate] = [
                issuer for issuer in self._namesakes(certificate) if _issued(certificate, issuer, self._issuances)
            ]
        seen = set(map(identity, path))
        return (issuer for issuer in self._issuers[certificate] if identity(issuer) not in seen)

    def _namesakes(self, certificate: Certificate) -> list[Certificate]:
        name = name_key(certificate.issuer_der)
        candidates = set(self._trust.named(name)).union(self._carried.get(name, ()))
        self._examined |= candidates
        return sorted(candidates, key=lambda issuer: self._preference(certificate, issuer), reverse=True)

    def _preference(self, certificate: Certificate, issuer: Certificate) -> tuple[object, ...]:
        key_id = certificate.authority_key_id
        return (
            self._trust.is_anchor(issuer),
            not self._trust.is_distrusted(issuer),
            key_id is not None and key_id == issuer.subject_key_id,
            self._trust.knows(issuer),
            *_rank(issuer, self._at),
        )

    def _best_of_the_others(self, found: _Found) -> tuple[CertificatePath, Reason]:
        stranded = found.rooted or sorted(found.missing, key=len, reverse=True) or [(self._leaf,)]
        if found.cut or self._issuances.refused:
            return stranded[0], Reason.LIMIT
        if found.rooted:
            return stranded[0], Reason.UNTRUSTED
        return stranded[0], Reason.UNSUPPORTED_ALGORITHM if self._issuances.unsupported else Reason.NO_PATH
