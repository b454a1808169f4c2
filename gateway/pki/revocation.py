"""Revocation evidence: CRLs (RFC 5280 §5) and OCSP responses (RFC 6960), read for what they say of themselves.

Nothing is believed here: signatures, and whether the signer may speak for the issuer, are ``status``'s business.
Not here either: fetching.
"""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp

from gateway.asn1.ber import Element, Fields, read
from gateway.asn1.der import INTEGER, SEQUENCE, sequence
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.issuance import is_signed_by
from gateway.pki.names import rfc4514

MAX_LIST_SIZE = 32 * 1024 * 1024
MAX_RESPONSE_SIZE = 64 * 1024

UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""How `cryptography` fails on structures and extensions."""

Extension = TypeVar("Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """What one CRL says. Times are aware (UTC)."""

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
    parsed: x509.CertificateRevocationList = field(repr=False)

    @property
    def size(self) -> int:
        """The number of revoked certificates."""
        return len(self.parsed)

    def is_signed_by(self, signer: Certificate) -> bool:
        """Whether ``signer``'s key made the signature; whether it may sign CRLs is not asked."""
        try:
            return is_signed_by(self.parsed, bytes(read(self.der).children[0].raw), signer)
        except UnsupportedAlgorithm:
            return False

    def entries(self, serials: set[int]) -> list[x509.RevokedCertificate]:
        """Return the first entry for each serial number, whoever the issuer. Negative ones raise ``ValueError``."""
        found = map(self.parsed.get_revoked_certificate_by_serial_number, sorted(serials))
        return [entry for entry in found if entry is not None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an OCSP response says of one certificate; ``revoked_at`` None: it does not say revoked."""

    serial: int
    this_update: datetime
    next_update: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class StatusResponse:
    """What one OCSP response says."""

    der: bytes
    fingerprint: str
    """SHA-256 over ``der``, lower-case hexadecimal."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class RevocationEvidence:
    """CRLs and OCSP responses at hand."""

    lists: tuple[RevocationList, ...] = ()
    responses: tuple[StatusResponse, ...] = ()

    @property
    def key(self) -> frozenset[str]:
        """Names its content, so that two alike are known as one."""
        lists = (item.fingerprint for item in self.lists)
        return frozenset(lists).union(item.fingerprint for item in self.responses)


NO_EVIDENCE = RevocationEvidence()


def read_revocation_list(data: bytes) -> RevocationList:
    """Read one DER CRL. Raises ``Malformed`` (``LimitExceeded``)."""
    if len(data) > MAX_LIST_SIZE:
        raise LimitExceeded(f"the CRL has {len(data)} bytes; at most {MAX_LIST_SIZE} are read")
    try:
        return _read_list(bytes(data))
    except UNREADABLE as error:
        raise Malformed(f"the CRL does not parse: {error}") from error


def _read_list(data: bytes) -> RevocationList:
    outline = read(data).expect(SEQUENCE)
    issuer = _issuer(outline)
    parsed = _loaded(data, outline, issuer)
    point = _extension(parsed, x509.IssuingDistributionPoint)
    number = _extension(parsed, x509.CRLNumber)
    return RevocationList(
        der=data,
        fingerprint=sha256(data).hexdigest(),
        issuer=rfc4514(issuer),
        issuer_der=issuer,
        this_update=parsed.last_update_utc,
        next_update=parsed.next_update_utc,
        number=None if number is None else number.crl_number,
        is_delta=_extension(parsed, x509.DeltaCRLIndicator) is not None,
        is_indirect=point is not None and point.indirect_crl,
        parsed=parsed,
    )


def _issuer(outline: Element) -> bytes:
    """Return the issuer of a CertificateList as it stands (RFC 5280 §5.1)."""
    fields = Fields(Fields(outline).take(SEQUENCE))
    fields.optional(INTEGER)
    fields.take(SEQUENCE)
    return bytes(fields.take(SEQUENCE).raw)


def _loaded(data: bytes, outline: Element, issuer: bytes) -> x509.CertificateRevocationList:
    """Return a CRL; where `cryptography` will not have its issuer's name, without that."""
    try:
        return x509.load_der_x509_crl(data)
    except ValueError:
        body, *rest = outline.children
        fields = (bytes(field.raw) for field in body.children)
        nameless = sequence(*(sequence() if field == issuer else field for field in fields))
        return x509.load_der_x509_crl(sequence(nameless, *(bytes(field.raw) for field in rest)))


def _extension(parsed: x509.CertificateRevocationList, kind: type[Extension]) -> Extension | None:
    try:
        return parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def check_entries(found: RevocationList) -> None:
    """Read all entries, which otherwise are read one by one when somebody looks. Raises ``Malformed``."""
    try:
        for _ in found.parsed:
            pass
    except ValueError as error:
        raise Malformed(f"the CRL has an entry that does not parse: {error}") from error


def read_status_response(data: bytes) -> StatusResponse:
    """Read one DER OCSPResponse that holds answers. Raises ``Malformed`` (``LimitExceeded``)."""
    if len(data) > MAX_RESPONSE_SIZE:
        raise LimitExceeded(f"the OCSP response has {len(data)} bytes; at most {MAX_RESPONSE_SIZE} are read")
    try:
        parsed = ocsp.load_der_ocsp_response(bytes(data))
        if parsed.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise Malformed(f"the OCSP responder gave no answer: {parsed.response_status.name}")
        answers = tuple(map(_answer, parsed.responses))
    except UNREADABLE as error:
        raise Malformed(f"the OCSP response does not parse: {error}") from error
    return StatusResponse(bytes(data), sha256(data).hexdigest(), answers)


def _answer(single: ocsp.OCSPSingleResponse) -> Answer:
    return Answer(single.serial_number, single.this_update_utc, single.next_update_utc, single.revocation_time_utc)
