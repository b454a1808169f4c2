"""X.509 certificates as facts (RFC 5280, RFC 8550), and what each fact permits.

``read_certificate`` reads a certificate once; nothing is judged by it but that it parses. Only the extensions we use
are read, so that an oddity elsewhere in a certificate does not make its owner's mail unreadable; these, key, dates and
signature have to be right. Addresses come from the subjectAltName (``mail_names``), those of the subject stand apart,
the common name is never looked at.

Not here: what may be imported (``acceptance``), and who issued a certificate (``path``).
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import (
    dsa,
    ec,
    ed448,
    ed25519,
    mldsa,
    mlkem,
    rsa,
    x448,
    x25519,
)
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.asn1.ber import Fields, read
from gateway.asn1.der import BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, primitive
from gateway.asn1.oid import Oid
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.kinds import KeyKind
from gateway.pki.mail_names import mail_names, usable_ascii
from gateway.pki.names import rfc4514, values
from gateway.pki.outline import read_outline
from gateway.pki.summary import validity_fault
from gateway.reason import Reason

MAX_SIZE = 256 * 1024
"""Bytes; the largest certificates in use (post-quantum signatures) have some 60 kB."""


SIGNING_KINDS = frozenset(
    {KeyKind.RSA, KeyKind.RSA_PSS, KeyKind.EC, KeyKind.ED25519, KeyKind.ED448, KeyKind.ML_DSA, KeyKind.DSA}
)
ENCRYPTION_USAGE = {
    KeyKind.RSA: "keyEncipherment",
    KeyKind.ML_KEM: "keyEncipherment",
    KeyKind.EC: "keyAgreement",
    KeyKind.X25519: "keyAgreement",
    KeyKind.X448: "keyAgreement",
}
"""The usage that receiving encrypted mail needs, by kind of key (RFC 8551 §4, RFC 5753, RFC 8410, RFC 9935)."""
SEALING_KINDS = frozenset({KeyKind.RSA, KeyKind.EC, KeyKind.ED25519, KeyKind.X25519})
NIST_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
RSA_BITS = range(2048, 8192 + 1)


class UnsupportedKey(Malformed):
    """A key of a kind or curve that we cannot load."""


@dataclass(frozen=True, slots=True, eq=False)
class Certificate:
    """What one certificate says, read once. Two are equal when their DER is equal. Times are aware (UTC)."""

    der: bytes
    fingerprint: str
    """SHA-256 over ``der``, lower-case hexadecimal."""
    subject: str
    """RFC 4514, as ``names`` shows it."""
    issuer: str
    subject_der: bytes
    issuer_der: bytes
    """The Name TLVs as they stand in the certificate."""
    version: int
    """1 to 3."""
    serial: int
    not_before: datetime
    not_after: datetime
    addresses: tuple[str, ...]
    """Mail names of the subjectAltName (rfc822Name, SmtpUTF8Mailbox), as written; unusable ones are left out."""
    subject_addresses: tuple[str, ...]
    """emailAddress attributes of the subject, as written; unusable ones are left out."""
    is_ca: bool
    path_length: int | None
    """The pathLenConstraint; None: there is none."""
    key_usage: frozenset[str] | None
    """RFC 5280 names such as ``digitalSignature``; None: extension absent."""
    extended_key_usage: frozenset[str] | None
    """Dotted OIDs; None: extension absent."""
    subject_key_id: bytes | None
    authority_key_id: bytes | None
    smime_capabilities: bytes | None
    """The SMIMECapabilities (DER, RFC 4262), not read yet; None: extension absent."""
    public_key: PublicKeyTypes
    public_key_id: str
    """SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal."""
    key_kind: KeyKind
    key_size: int
    """Bits of the modulus or of the curve; the parameter set's number for ``ml-dsa`` and ``ml-kem``."""
    curve: str | None
    """``secp256r1`` and so on for ``ec``."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def fault_at(self, at: datetime) -> Reason | None:
        """Return why the certificate is not valid at ``at`` (aware): not-yet-valid or expired; None: it is valid."""
        return validity_fault(self, at)

    @property
    def may_sign(self) -> bool:
        """Whether it may sign mail: a leaf for mail, with digitalSignature or nonRepudiation (RFC 8550 §4.4.2)."""
        usage = self._allows("digitalSignature") or self._allows("nonRepudiation")
        return self._is_mail_leaf and self.key_kind in SIGNING_KINDS and usage

    @property
    def may_encrypt(self) -> bool:
        """Whether mail may be encrypted to it: a leaf for mail, with the usage that its kind of key needs."""
        needed = ENCRYPTION_USAGE.get(self.key_kind)
        return self._is_mail_leaf and needed is not None and self._allows(needed)

    @property
    def may_seal(self) -> bool:
        """Whether we make new mail with a key of this kind and size; the other kinds serve inbound mail only."""
        if self.key_kind == KeyKind.RSA:
            return self.key_size in RSA_BITS
        return self.key_kind in SEALING_KINDS and (self.curve is None or self.curve in NIST_CURVES)

    @property
    def is_for_mail(self) -> bool:
        """RFC 8550 §4.4.4: extended key usage absent, or emailProtection, or anyExtendedKeyUsage in it."""
        extended = self.extended_key_usage
        return extended is None or Oid.EMAIL_PROTECTION in extended or Oid.ANY_EXTENDED_KEY_USAGE in extended

    @property
    def _is_mail_leaf(self) -> bool:
        return not self.is_ca and self.is_for_mail

    def _allows(self, usage: str) -> bool:
        """An absent keyUsage restricts nothing (RFC 5280 §4.2.1.3)."""
        return self.key_usage is None or usage in self.key_usage


def read_certificate(der: bytes) -> Certificate:
    """Read one DER certificate. Raises ``Malformed`` (``UnsupportedKey``, ``LimitExceeded``)."""
    if len(der) > MAX_SIZE:
        raise LimitExceeded(f"the certificate has {len(der)} bytes; at most {MAX_SIZE} are read")
    try:
        return _read(bytes(der))
    except UnsupportedAlgorithm as error:
        raise UnsupportedKey(f"the certificate's public key is of an unsupported kind: {error}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise Malformed(f"the certificate does not parse: {error}") from error


def _read(der: bytes) -> Certificate:
    outline = read_outline(der)
    bare, extensions = outline.bare, outline.extensions
    key = bare.public_key()
    kind, size, curve = key_facts(key)
    constraints = extensions.get(Oid.BASIC_CONSTRAINTS)
    return Certificate(
        der=der,
        fingerprint=sha256(der).hexdigest(),
        subject=rfc4514(outline.subject),
        issuer=rfc4514(outline.issuer),
        subject_der=outline.subject,
        issuer_der=outline.issuer,
        version=outline.version,
        serial=outline.serial,
        not_before=bare.not_valid_before_utc,
        not_after=bare.not_valid_after_utc,
        addresses=mail_names(extensions.get(Oid.SUBJECT_ALT_NAME)),
        subject_addresses=tuple(filter(usable_ascii, values(outline.subject, Oid.EMAIL_ADDRESS))),
        is_ca=_is_ca(constraints),
        path_length=_path_length(constraints),
        key_usage=_key_usage(extensions.get(Oid.KEY_USAGE)),
        extended_key_usage=_extended_key_usage(extensions.get(Oid.EXTENDED_KEY_USAGE)),
        subject_key_id=_subject_key_id(extensions.get(Oid.SUBJECT_KEY_IDENTIFIER)),
        authority_key_id=_authority_key_id(extensions.get(Oid.AUTHORITY_KEY_IDENTIFIER)),
        smime_capabilities=extensions.get(Oid.SMIME_CAPABILITIES),
        public_key=key,
        public_key_id=public_key_id(key),
        key_kind=KeyKind.RSA_PSS if _key_algorithm(outline.key) == Oid.RSASSA_PSS else kind,
        key_size=size,
        curve=curve,
    )


def public_key_id(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of the key's SubjectPublicKeyInfo as we encode it, lower-case hexadecimal."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


_FIXED: tuple[tuple[type, KeyKind, int], ...] = (
    (ed25519.Ed25519PublicKey, KeyKind.ED25519, 256),
    (ed448.Ed448PublicKey, KeyKind.ED448, 448),
    (x25519.X25519PublicKey, KeyKind.X25519, 256),
    (x448.X448PublicKey, KeyKind.X448, 448),
    (mldsa.MLDSA44PublicKey, KeyKind.ML_DSA, 44),
    (mldsa.MLDSA65PublicKey, KeyKind.ML_DSA, 65),
    (mldsa.MLDSA87PublicKey, KeyKind.ML_DSA, 87),
    (mlkem.MLKEM768PublicKey, KeyKind.ML_KEM, 768),
    (mlkem.MLKEM1024PublicKey, KeyKind.ML_KEM, 1024),
)


def key_facts(key: PublicKeyTypes) -> tuple[KeyKind, int, str | None]:
    """Return kind, size and curve of a public key, in the words of ``Certificate``. Raises ``UnsupportedKey``."""
    if isinstance(key, rsa.RSAPublicKey):
        return KeyKind.RSA, key.key_size, None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return KeyKind.EC, key.curve.key_size, key.curve.name
    if isinstance(key, dsa.DSAPublicKey):
        return KeyKind.DSA, key.key_size, None
    for of_kind, kind, size in _FIXED:
        if isinstance(key, of_kind):
            return kind, size, None
    raise UnsupportedKey(f"a key of an unsupported kind: {type(key).__name__}")


def _key_algorithm(key: bytes) -> str:
    """Return the dotted OID in a SubjectPublicKeyInfo."""
    return Fields(Fields(read(key)).next()).next().dotted()


def _is_ca(value: bytes | None) -> bool:
    if value is None:
        return False
    flag = Fields(read(value)).optional(BOOLEAN)
    return flag is not None and flag.value != b"\0"


def _path_length(value: bytes | None) -> int | None:
    if value is None:
        return None
    fields = Fields(read(value))
    fields.optional(BOOLEAN)
    length = fields.optional(INTEGER)
    return None if length is None else length.integer()


_KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


def _key_usage(value: bytes | None) -> frozenset[str] | None:
    if value is None:
        return None
    bits = read(value).expect(BIT_STRING).value[1:].ljust(2, b"\0")
    word = int.from_bytes(bits[:2], "big")
    return frozenset(name for n, name in enumerate(_KEY_USAGES) if word & 0x8000 >> n)


def _extended_key_usage(value: bytes | None) -> frozenset[str] | None:
    if value is None:
        return None
    return frozenset(purpose.dotted() for purpose in read(value).expect(SEQUENCE).children)


def _subject_key_id(value: bytes | None) -> bytes | None:
    return None if value is None else read(value).expect(OCTET_STRING).value


def _authority_key_id(value: bytes | None) -> bytes | None:
    if value is None:
        return None
    key_id = Fields(read(value)).optional(primitive(0))
    return None if key_id is None else key_id.value
