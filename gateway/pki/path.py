"""The chain that goes along with a signature: the issuers above a certificate, without the root (RFC 8551 §4.1).

Who issued whom is told by name, key identifiers and, always, the verified signature. The chain is a courtesy to the
recipient and decides nothing, so it is walked greedily: at each step the best issuer, no way back. Steps and signature
checks are bounded, and no CA comes twice, so cross-signed CAs end.

Not here: judging a path up to a trust anchor.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from gateway.pki.certificate import Certificate

MAX_LENGTH = 10
MAX_SIGNATURE_CHECKS = 64


def chain_for(
    leaf: Certificate, candidates: Iterable[Certificate], at: datetime | None = None
) -> tuple[Certificate, ...]:
    """Return the issuers of ``leaf`` found among ``candidates``, nearest first; a self-signed root is left out.

    Among several issuers those valid at ``at`` (None: no clock) come first, then self-signed ones, for there the chain
    ends, then the newest.
    """
    named: dict[bytes, list[Certificate]] = {}
    for candidate in sorted(set(candidates), key=lambda issuer: _rank(issuer, at), reverse=True):
        named.setdefault(candidate.subject_der, []).append(candidate)
    checks = iter(range(MAX_SIGNATURE_CHECKS))
    chain: list[Certificate] = []
    seen = {_identity(leaf)}
    current = leaf
    while len(chain) < MAX_LENGTH:
        fresh = (issuer for issuer in named.get(current.issuer_der, ()) if _identity(issuer) not in seen)
        issuer = next((issuer for issuer in fresh if _issued(current, issuer, checks)), None)
        if issuer is None or _is_root(issuer):
            break
        chain.append(issuer)
        seen.add(_identity(issuer))
        current = issuer
    return tuple(chain)


def _identity(certificate: Certificate) -> tuple[bytes, str]:
    """A CA is a name with a key, however many certificates it has."""
    return certificate.subject_der, certificate.public_key_id


def _rank(issuer: Certificate, at: datetime | None) -> tuple[bool, bool, datetime, str]:
    return at is None or issuer.valid_at(at) is None, _is_root(issuer), issuer.not_before, issuer.fingerprint


def _is_root(certificate: Certificate) -> bool:
    """Self-issued under its own key, as far as it says so itself."""
    own_key = certificate.authority_key_id in (None, certificate.subject_key_id)
    return own_key and certificate.subject_der == certificate.issuer_der


def _issued(certificate: Certificate, issuer: Certificate, checks: Iterator[int]) -> bool:
    """Whether ``issuer`` may issue certificates and signed this one; what can be compared is compared first."""
    if not issuer.is_ca or (issuer.key_usage is not None and "keyCertSign" not in issuer.key_usage):
        return False
    identifiers = {certificate.authority_key_id, issuer.subject_key_id} - {None}
    return len(identifiers) < 2 and next(checks, None) is not None and _signed_by(certificate, issuer)


def _signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
