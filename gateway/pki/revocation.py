"""Revocation: CRLs (RFC 5280 §5, §6.3) and OCSP responses (RFC 6960) as evidence about the certificates of one path.

Reading gives the facts that lists and stores show; judging is done by pyhanko-certvalidator for one certificate at a
time, so that a missing list for one does not hide what is known of another. Whoever signs evidence has to be the issuer
or be authorised by it, by a certificate whose own status is known in turn. Delta, indirect and partitioned CRLs count.

Time: a list past its nextUpdate vouches for nobody, but what it names stays revoked; a list issued after ``at`` counts,
since it tells the date of each revocation. An OCSP response counts from thisUpdate to nextUpdate only. Clocks may
differ by ``SKEW``. A revocation later than ``at`` has not happened yet.

Not here: fetching, and what an unknown status means for a message.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from hashlib import sha256

from asn1crypto import algos, keys
from asn1crypto import x509 as library_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp
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
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)

from gateway.asn1 import der
from gateway.asn1.ber import Fields, read
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.issuance import Issuances, name_key
from gateway.pki.path import Path
from gateway.pki.pkix import REFUSALS, STUMBLES, finished, library_path

SKEW = timedelta(minutes=5)
MAX_LIST_SIZE = 32 * 1024 * 1024
MAX_RESPONSE_SIZE = 64 * 1024
MAX_SIGNERS = 8
"""Certificates other than the path's that may have signed its CRLs."""
MAX_EVIDENCE = 32
"""CRLs, and OCSP responses, that are looked at for one path."""

_UNDATED = timedelta(minutes=30)
"""How long evidence without nextUpdate counts (the library's rule)."""
_CERTIFICATE_ISSUER = der.oid("2.5.29.29")


class Status(Enum):
    """What is known of one certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """What one CRL says of itself. Times are aware (UTC)."""

    der: bytes
    fingerprint: str
    """SHA-256 over ``der``, lower-case hexadecimal."""
    issuer: str
    """RFC 4514."""
    issuer_der: bytes
    this_update: datetime
    next_update: datetime | None
    number: int | None
    is_delta: bool
    is_indirect: bool
    """Whether it may name certificates of other issuers."""
    size: int
    """Revoked certificates in it."""
    parsed: x509.CertificateRevocationList = field(repr=False)

    def entry(self, serial: int) -> x509.RevokedCertificate | None:
        """Return the first entry for a serial number, whoever the issuer."""
        return self.parsed.get_revoked_certificate_by_serial_number(serial)


@dataclass(frozen=True, slots=True, eq=False)
class StatusResponse:
    """What one OCSP response says; ``answers`` are (serial number, thisUpdate, nextUpdate, revoked since)."""

    der: bytes
    fingerprint: str
    answers: tuple[tuple[int, datetime, datetime | None, datetime | None], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """CRLs and OCSP responses at hand."""

    lists: tuple[RevocationList, ...] = ()
    responses: tuple[StatusResponse, ...] = ()

    @property
    def key(self) -> frozenset[str]:
        """What two equal sets of evidence have in common."""
        return frozenset(item.fingerprint for item in (*self.lists, *self.responses))


NO_EVIDENCE = Evidence()


def read_revocation_list(data: bytes) -> RevocationList:
    """Read one DER CRL; its signature is not checked. Raises ``Malformed`` (``LimitExceeded``)."""
    if len(data) > MAX_LIST_SIZE:
        raise LimitExceeded(f"the CRL has {len(data)} bytes; at most {MAX_LIST_SIZE} are read")
    try:
        return _read_list(bytes(data))
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise Malformed(f"the CRL does not parse: {error}") from error


def _read_list(data: bytes) -> RevocationList:
    parsed = x509.load_der_x509_crl(data)
    point = _extension(parsed, x509.IssuingDistributionPoint)
    number = _extension(parsed, x509.CRLNumber)
    return RevocationList(
        der=data,
        fingerprint=sha256(data).hexdigest(),
        issuer=parsed.issuer.rfc4514_string(),
        issuer_der=parsed.issuer.public_bytes(),
        this_update=parsed.last_update_utc,
        next_update=parsed.next_update_utc,
        number=None if number is None else number.crl_number,
        is_delta=_extension(parsed, x509.DeltaCRLIndicator) is not None,
        is_indirect=point is not None and point.indirect_crl,
        size=len(parsed),
        parsed=parsed,
    )


def _extension(parsed: x509.CertificateRevocationList, kind: type[Extension]) -> Extension | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def read_status_response(data: bytes) -> StatusResponse:
    """Read one DER OCSPResponse; its signature is not checked. Raises ``Malformed`` (``LimitExceeded``)."""
    if len(data) > MAX_RESPONSE_SIZE:
        raise LimitExceeded(f"the OCSP response has {len(data)} bytes; at most {MAX_RESPONSE_SIZE} are read")
    try:
        parsed = ocsp.load_der_ocsp_response(bytes(data))
        if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Malformed(f"the OCSP responder gave no answer: {parsed.response_status.name}")
        answers = tuple(map(_answer, parsed.responses))
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as error:
        raise Malformed(f"the OCSP response does not parse: {error}") from error
    return StatusResponse(bytes(data), sha256(data).hexdigest(), answers)


def _answer(single: ocsp.OCSPSingleResponse) -> Answer:
    return single.serial_number, single.this_update_utc, single.next_update_utc, single.revocation_time_utc


def statuses(path: Path, carried: Iterable[Certificate], evidence: Evidence, at: datetime) -> tuple[Status, ...]:
    """Return what is known at ``at`` of each certificate of ``path`` but the last, which is taken for authentic.

    ``carried``: certificates that may have signed CRLs in place of an issuer.
    """
    below = path[:-1]
    relevant = _relevant(path, evidence, at)
    if not (relevant.lists or relevant.responses):
        return (Status.UNKNOWN,) * len(below)
    inquire = partial(_inquire, path, _signers(path, carried, relevant), relevant, at)
    found = inquire(_CURRENT)
    if Status.UNKNOWN not in found or not relevant.lists:
        return found
    stale = inquire(_HOWEVER_OLD)
    return tuple(Status.REVOKED if old is Status.REVOKED else new for new, old in zip(found, stale, strict=True))


def moments(path: Path, evidence: Evidence, at: datetime) -> Iterator[datetime]:
    """Yield every time, give or take ``SKEW``, at which ``evidence`` may begin or cease to say something of ``path``."""
    relevant = _relevant(path, evidence, at)
    serials = {certificate.serial for certificate in path}
    for item in relevant.lists:
        yield item.next_update or item.this_update + _UNDATED
        yield from (entry.revocation_date_utc for entry in _entries(item, serials))
    for response in evidence.responses:
        for serial, begins, ends, revoked in response.answers:
            if serial in serials:
                yield from (begins, ends or begins + _UNDATED, revoked or begins)


def _relevant(path: Path, evidence: Evidence, at: datetime) -> Evidence:
    """Leave out what says nothing of ``path``, and responses from the future, which the library would let pass."""
    names = {name_key(issuer.subject_der) for issuer in path[1:]}
    serials = {certificate.serial for certificate in path[:-1]}
    lists = (item for item in evidence.lists if item.is_indirect or name_key(item.issuer_der) in names)
    responses = (
        response
        for response in evidence.responses
        if any(serial in serials and begins - SKEW <= at for serial, begins, _, _ in response.answers)
    )
    newest = sorted(lists, key=lambda item: item.this_update, reverse=True)
    return Evidence(tuple(newest[:MAX_EVIDENCE]), tuple(responses)[:MAX_EVIDENCE])


def _signers(path: Path, carried: Iterable[Certificate], evidence: Evidence) -> list[Certificate]:
    """Return certificates by an authority of ``path`` that bear a CRL issuer's name: only those reach the library."""
    names = {name_key(item.issuer_der) for item in evidence.lists}
    issuances = Issuances(2 * MAX_SIGNERS)
    found = (
        candidate
        for candidate in dict.fromkeys(carried)
        if candidate not in path
        and name_key(candidate.subject_der) in names
        and (candidate.key_usage is None or "cRLSign" in candidate.key_usage)
        and any(names_issuer(candidate, by) and issuances.signed(candidate, by) for by in path[1:])
    )
    return list(islice(found, MAX_SIGNERS))


# ── asking the library ──

_REQUIRED = RevocationCheckingPolicy(
    # what a path ends with is only ever a signer of evidence here: its own status has to be known
    ee_certificate_rule=RevocationCheckingRule.CRL_OR_OCSP_REQUIRED,
    intermediate_ca_cert_rule=RevocationCheckingRule.NO_CHECK,
)
_CURRENT = CertRevTrustPolicy(_REQUIRED, retroactive_revinfo=True)
_HOWEVER_OLD = CertRevTrustPolicy(
    _REQUIRED,
    freshness=timedelta(days=36525),
    freshness_req_type=FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
)


def _inquire(
    path: Path, signers: Sequence[Certificate], evidence: Evidence, at: datetime, policy: CertRevTrustPolicy
) -> tuple[Status, ...]:
    unknown = (Status.UNKNOWN,) * (len(path) - 1)
    try:
        chain = library_path(path)
        certificates = list(chain.iter_certs(include_root=False))
        context = _context(chain, signers, evidence, path, at, policy)
        for certificate in certificates:
            context.record_validation(certificate, chain)
        return tuple(_status(certificate, chain, context) for certificate in reversed(certificates))
    except (*REFUSALS, *STUMBLES):
        return unknown


def _context(
    chain: ValidationPath,
    signers: Sequence[Certificate],
    evidence: Evidence,
    path: Path,
    at: datetime,
    policy: CertRevTrustPolicy,
) -> ValidationContext:
    originals: dict[bytes, bytes] = {}
    others = [library_x509.Certificate.load(signer.der) for signer in signers]
    return ValidationContext(
        trust_roots=[chain.trust_anchor],
        other_certs=[*chain.iter_certs(include_root=False), *others],
        moment=at,
        time_tolerance=SKEW,
        crls=[_abridged(item, {certificate.serial for certificate in (*path, *signers)}, originals) for item in evidence.lists],
        ocsps=[response.der for response in evidence.responses],
        revinfo_policy=policy,
        algorithm_usage_policy=AcceptAllAlgorithms(),
        signature_validator=_Originals(originals),
    )


def _status(certificate: library_x509.Certificate, chain: ValidationPath, context: ValidationContext) -> Status:
    """All evidence is heard: one that says revoked outweighs any that says good."""
    found = Status.UNKNOWN
    for verify in (verify_ocsp_response, verify_crl):
        try:
            finished(verify(certificate, chain, context))
            found = Status.GOOD
        except RevokedError:
            return Status.REVOKED
        except (*REFUSALS, *STUMBLES, UnsupportedAlgorithm):
            continue
    return found


# ── large lists ──


class _Originals(DefaultSignatureValidator):
    """Checks the signature of an abridged list over the whole list that it stands for."""

    def __init__(self, originals: dict[bytes, bytes]) -> None:
        self._originals = originals

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Raises ``InvalidSignature``."""
        whole = self._originals.get(signed_data, signed_data)
        super().validate_signature(signature, whole, public_key_info, signature_algorithm, context)


def _abridged(item: RevocationList, serials: set[int], originals: dict[bytes, bytes]) -> bytes:
    """Return a CRL with the entries for ``serials`` only, noting the signed part of the whole under its own.

    The library walks a list in Python, a second for every 100 000 entries; looking a number up costs a few
    milliseconds. A list whose entries name issuers stays whole, for there the order means something (RFC 5280 §5.3.3).
    """
    if _CERTIFICATE_ISSUER in item.der:
        return item.der
    body, *seal = read(item.der).children
    entries = [_entry(entry) for entry in _entries(item, serials)]
    short = der.sequence(*_without_entries(body), *entries)
    return short
