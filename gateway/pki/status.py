"""What revocation evidence says of the certificates of one path (RFC 5280 §6.3, RFC 6960 §3.2).

Done by pyhanko-certvalidator for one certificate at a time, so that a missing list for one does not hide what is known
of another. Who signs evidence has to be the issuer, or be authorised by it with a certificate whose own status is known
in turn. Delta, indirect and partitioned CRLs count.

Time: a CRL past its nextUpdate vouches for nobody, but what it names stays revoked; a CRL issued after ``at`` counts,
for it tells the date of each revocation. An OCSP response counts from thisUpdate to nextUpdate only. Clocks may differ
by ``SKEW``. A revocation later than ``at`` has not happened yet.

Not here: what an unknown status means for a message (``validation``).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import islice

from cryptography.exceptions import UnsupportedAlgorithm
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import RevokedError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    FreshnessReqType,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response

from gateway.asn1.oid import Oid
from gateway.errors import Malformed
from gateway.pki.abridged import abridged
from gateway.pki.certificate import Certificate
from gateway.pki.issuance import Issuances, names_issuer
from gateway.pki.names import name_key, same_name
from gateway.pki.outline import read_outline
from gateway.pki.path import CertificatePath
from gateway.pki.pkix import REFUSALS, finished, library_path
from gateway.pki.points import distribution_points
from gateway.pki.revocation import RevocationEvidence, RevocationList, StatusResponse
from gateway.pki.standin import STUMBLES, Originals

SKEW = timedelta(minutes=5)
MAX_SIGNERS = 8
"""Certificates other than the path's that may have signed its CRLs."""
MAX_EVIDENCE = 32
"""CRLs, and OCSP responses, that are heard for one path."""

UNDATED = timedelta(minutes=30)
"""How long evidence without nextUpdate counts (the library's rule)."""


class Status(Enum):
    """What is known of one certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


def statuses(
    path: CertificatePath, carried: Sequence[Certificate], evidence: RevocationEvidence, at: datetime
) -> tuple[Status, ...]:
    """Return what is known at ``at`` of each certificate of ``path`` but the last, which is taken for authentic.

    ``carried``: certificates that may have signed CRLs in place of an issuer.
    """
    return tuple(_status(path[n:], carried, evidence, at) for n in range(len(path) - 1))


def is_unknown(path: CertificatePath, evidence: RevocationEvidence, at: datetime) -> bool:
    """Return whether nothing is known at ``at`` of the first certificate of ``path``."""
    return statuses(path[:2], (), evidence, at) == (Status.UNKNOWN,)


def moments(certificates: Iterable[Certificate], evidence: RevocationEvidence) -> Iterator[datetime]:
    """Yield every time, give or take ``SKEW``, at which ``evidence`` starts or ends saying something of them."""
    at_hand = list(certificates)
    for item in evidence.lists:
        yield item.next_update or item.this_update + UNDATED
        yield from (entry.revocation_date_utc for entry in item.entries(_listable(at_hand, item)))
    for response in evidence.responses:
        for answer in response.answers:
            yield answer.this_update
            yield answer.next_update or answer.this_update + UNDATED
            if answer.revoked_at is not None:
                yield answer.revoked_at


def _listable(certificates: Iterable[Certificate], item: RevocationList) -> set[int]:
    """Return the serial numbers, as far as they can be looked up, of those that a list may name."""
    name = name_key(item.issuer_der)
    return {
        certificate.serial
        for certificate in certificates
        if certificate.serial >= 0 and (item.is_indirect or name_key(certificate.issuer_der) == name)
    }


def _status(
    path: CertificatePath, carried: Sequence[Certificate], evidence: RevocationEvidence, at: datetime
) -> Status:
    """Return what is known of the first certificate of ``path``."""
    responses = _responses(path[0], evidence, at)
    lists, signers = _lists(path, carried, evidence)
    found = _heard(path, signers, RevocationEvidence(lists, responses), at, _CURRENT)
    if found is Status.UNKNOWN and lists:
        stale = _heard(path, signers, RevocationEvidence(lists), at, _HOWEVER_OLD)
        found = Status.REVOKED if stale is Status.REVOKED else found
    return found


def _responses(certificate: Certificate, evidence: RevocationEvidence, at: datetime) -> tuple[StatusResponse, ...]:
    """Return responses about ``certificate``, without those from the future, which the library would let pass."""
    found = (
        response
        for response in evidence.responses
        if any(answer.serial == certificate.serial for answer in response.answers)
        and all(answer.this_update - SKEW <= at for answer in response.answers)
    )
    return tuple(islice(found, MAX_EVIDENCE))


def _lists(
    path: CertificatePath, carried: Sequence[Certificate], evidence: RevocationEvidence
) -> tuple[tuple[RevocationList, ...], list[Certificate]]:
    """Return the lists that may speak of the first certificate of ``path``, and who may have signed them beside CAs.

    The library would listen to more: to lists of siblings, to indirect ones that nobody delegated to, and, after it
    has met a signer once, to lists with a false signature. Where there are delegated signers, lists of all authorities
    of the path come along, to tell the signers' own status.
    """
    certificate = path[0]
    names = {name_key(path[1].subject_der)}
    lists = [item for item in evidence.lists if name_key(item.issuer_der) in names or _delegates(certificate, item)]
    signers = _signers(path, carried, lists)
    if signers:
        names = {name_key(issuer.subject_der) for issuer in path[1:]}
        lists = [item for item in evidence.lists if item in lists or name_key(item.issuer_der) in names]
        signers = _signers(path, carried, lists)
    lists.sort(key=lambda item: item.this_update, reverse=True)
    return tuple(item for item in lists[:MAX_EVIDENCE] if _is_authentic(item, (*path[1:], *signers))), signers


def _is_authentic(item: RevocationList, signers: Iterable[Certificate]) -> bool:
    return any(item.is_signed_by(signer) for signer in signers if same_name(signer.subject_der, item.issuer_der))


def _delegates(certificate: Certificate, item: RevocationList) -> bool:
    """Whether ``certificate`` names the issuer of an indirect list as its cRLIssuer (RFC 5280 §6.3.3 b 1)."""
    if not item.is_indirect:
        return False
    value = read_outline(certificate.der).extensions.get(Oid.CRL_DISTRIBUTION_POINTS)
    try:
        points = distribution_points(value) if value else []
    except Malformed:
        return False
    return any(same_name(item.issuer_der, name) for point in points for name in point.issuers)


def _signers(
    path: CertificatePath, carried: Sequence[Certificate], lists: Iterable[RevocationList]
) -> list[Certificate]:
    """Return certificates by an authority of ``path`` that bear a CRL issuer's name: only those reach the library."""
    names = {name_key(item.issuer_der) for item in lists}
    issuances = Issuances(2 * MAX_SIGNERS)
    found = (
        candidate
        for candidate in dict.fromkeys(carried)
        if candidate not in path
        and name_key(candidate.subject_der) in names
        and (candidate.key_usage is None or "cRLSign" in candidate.key_usage)
        and any(names_issuer(candidate, issuer) and issuances.signed(candidate, issuer) for issuer in path[1:])
    )
    return list(islice(found, MAX_SIGNERS))


_REQUIRED = RevocationCheckingPolicy(
    # what ends a path in there is the signer of some evidence: its own status has to be known
    ee_certificate_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED,
    intermediate_ca_cert_rule=RevocationCheckingRule.NO_CHECK,
)
_CURRENT = CertRevTrustPolicy(_REQUIRED, retroactive_revinfo=True)
_HOWEVER_OLD = CertRevTrustPolicy(
    _REQUIRED,
    freshness=timedelta(days=36525),
    freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
)


def _heard(
    path: CertificatePath,
    signers: Sequence[Certificate],
    evidence: RevocationEvidence,
    at: datetime,
    policy: CertRevTrustPolicy,
) -> Status:
    """Ask the library; all evidence is heard: one voice that says revoked outweighs any that say good."""
    found = Status.UNKNOWN
    if not (evidence.lists or evidence.responses):
        return found
    try:
        originals = Originals(path[1:])
        chain = library_path(path, originals)
        context = _context(chain, originals, path, signers, evidence, at, policy)
    except (Malformed, *REFUSALS, *STUMBLES):
        return found
    for verify in (verify_ocsp_response, verify_crl):
        try:
            finished(verify(chain.last, chain, context))
            found = Status.GOOD
        except RevokedError:
            return Status.REVOKED
        except (*REFUSALS, *STUMBLES, UnsupportedAlgorithm):
            continue
    return found


def _context(
    chain: ValidationPath,
    originals: Originals,
    path: CertificatePath,
    signers: Sequence[Certificate],
    evidence: RevocationEvidence,
    at: datetime,
    policy: CertRevTrustPolicy,
) -> ValidationContext:
    serials = {certificate.serial for certificate in (*path, *signers)}
    issuers = list(chain.iter_certs(include_root=False))[:-1]
    context = ValidationContext(
        trust_roots=[chain.trust_anchor],
        other_certs=[*issuers, *originals.certificates(signers)],
        moment=at,
        time_tolerance=SKEW,
        crls=[abridged(item, serials, originals) for item in evidence.lists],
        ocsps=[response.der for response in evidence.responses],
        revinfo_policy=policy,
        algorithm_usage_policy=AcceptAllAlgorithms(),
        signature_validator=originals,
    )
    for issuer in issuers:  # their status is asked for by itself
        context.record_validation(issuer, chain)  # type: ignore[no-untyped-call]
    return context
