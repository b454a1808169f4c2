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


def _extension[E: x509.ExtensionType](parsed: x509.CertificateRevocationList, kind: type[E]) -> E | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
