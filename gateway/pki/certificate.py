"""X.509 certificates as facts (RFC 5280, RFC 8550)."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What one certificate says, read once. Two are equal when their DER is equal. Times are aware (UTC)."""

    der: bytes
    fingerprint: str
    """SHA-256 over ``der``, lower-case hexadecimal."""
    subject: str
    """RFC 4514."""
    issuer: str
    subject_der: bytes
    issuer_der: bytes
    """The Name TLVs as they stand in the certificate."""
    serial: int
    not_before: datetime
    not_after: datetime
    addresses: tuple[str, ...]
    """Mail names of the subjectAltName (rfc822Name, SmtpUTF8Mailbox), as written; unusable ones are left out."""
    subject_addresses: tuple[str, ...]
    """emailAddress attributes of the subject."""
    is_ca: bool
    key_usage: frozenset[str] | None
    """RFC 5280 names such as ``digitalSignature``; None: extension absent."""
    extended_key_usage: frozenset[str] | None
    """Dotted OIDs; None: extension absent."""
    subject_key_id: bytes | None
    authority_key_id: bytes | None
    public_key: PublicKeyTypes
    public_key_id: str
    """SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal."""
    key_kind: str
    """``rsa``, ``ec``, ``ed25519``, ``ed448``, ``x25519``, ``x448``, ``ml-dsa``, ``ml-kem``, ``dsa``."""
    key_size: int
    """Bits of the modulus or of the curve."""
    curve: str | None
    """``secp256r1`` and so on for ``ec``."""
