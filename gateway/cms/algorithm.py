"""The one table of algorithms: names, object identifiers, parameters, and what may stand together.

A new algorithm is a new row. Rows are found by name when sealing, by the octets of the object identifier when reading;
``CIPHERS``, ``AGREEMENTS`` and ``TRANSPORTS`` are what we make, everything else is read only. A row that is ``legacy``
is read only where the settings accept that; what is strong enough otherwise is policy and not said here.

RFC 5754 (SHA-2), RFC 9688 (SHA-3), RFC 8702 (SHAKE), RFC 4056 (PSS), RFC 3560 (OAEP), RFC 5753 (ECDH), RFC 8418
(X25519, X448), RFC 8419 (EdDSA), RFC 9882 (ML-DSA), RFC 9936 (ML-KEM), RFC 3565 and RFC 5084 (AES-CBC, AES-GCM),
RFC 8103 (ChaCha20-Poly1305), RFC 3370 (SHA-1, DSA, triple DES, RC2).
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gateway.asn1 import der
from gateway.cms.rejected import Rejected
from gateway.pki.certificate import Certificate
from gateway.pki.key import KeyTransport, SignatureScheme
from gateway.pki.kinds import KeyKind, SignatureKind, TransportKind
from gateway.reason import Reason

NULL = der.tlv(der.NULL)


class Hasher(Protocol):
    """A running hash."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more data."""

    def digest(self) -> bytes:
        """Return the hash of what was taken."""


class _Shake256:
    """SHAKE256 with 64 octets of output, which is what CMS takes from it (RFC 8702 §3.1, RFC 8419 §2.3)."""

    def __init__(self) -> None:
        self._state = hashlib.shake_256()
        self.update = self._state.update

    def digest(self) -> bytes:
        return self._state.digest(64)


@dataclass(frozen=True, slots=True)
class Digest:
    """A message digest; ``micalg`` is its name in multipart/signed (RFC 8551 §3.5.3.2).

    ``parameters``: those that may stand in its identifier where it has any of its own.
    """

    name: str
    oid: bytes
    size: int
    micalg: str
    new: Callable[[], Hasher]
    legacy: bool = False
    parameters: bytes = NULL

    @property
    def identifier(self) -> bytes:
        """As digestAlgorithm: parameters absent (RFC 5754 §2)."""
        return der.sequence(self.oid)

    @property
    def parameter(self) -> bytes:
        """As a parameter of PSS and OAEP: with NULL (RFC 4055 §2.1)."""
        return der.sequence(self.oid, NULL)


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """A signatureAlgorithm of a signer info. ``digest`` None: that of the signer info's digestAlgorithm."""

    kind: SignatureKind
    oid: bytes
    digest: str | None = None

    @property
    def legacy(self) -> bool:
        """Whether it is legacy by itself, whatever the digest."""
        return self.kind == SignatureKind.DSA


@dataclass(frozen=True, slots=True)
class KeyWrap:
    """AES key wrap (RFC 3394); the ``legacy`` one is that of triple DES (RFC 3217)."""

    oid: bytes
    key_size: int
    legacy: bool = False

    @property
    def identifier(self) -> bytes:
        """Its AlgorithmIdentifier."""
        return der.sequence(self.oid)


@dataclass(frozen=True, slots=True)
class ContentCipher:
    """A content encryption: block cipher ``family`` and ``mode`` of operation; ``family`` alone for ChaCha20."""

    name: str
    oid: bytes
    key_size: int
    family: str
    mode: str
    legacy: bool = False

    @property
    def aead(self) -> bool:
        """Whether it authenticates; then it belongs in AuthEnvelopedData, otherwise in EnvelopedData."""
        return self.mode != "cbc"

    @property
    def wrap(self) -> KeyWrap:
        """The key wrap that is as strong as it."""
        return _WRAP_BY_SIZE[self.key_size]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A key agreement with its key derivation: ``x963`` (RFC 5753 §7.1) or ``hkdf`` (RFC 8418 §2.2)."""

    derivation: str
    digest: str
    oid: bytes


@dataclass(frozen=True, slots=True)
class Encapsulation:
    """A key encapsulation mechanism, by the size of its parameter set (RFC 9936 §2)."""

    size: int
    oid: bytes


@dataclass(frozen=True, slots=True)
class Derivation:
    """The HKDF between an encapsulated secret and the key wrap (RFC 8619, RFC 9629 §5)."""

    digest: str
    oid: bytes


Row = TypeVar("Row", Digest, SignatureAlgorithm, KeyWrap, ContentCipher, Agreement, Encapsulation, Derivation)


def _by_oid(rows: Iterable[Row]) -> Mapping[bytes, Row]:
    """Key rows by the content octets of their OIDs (all are short: two octets of header)."""
    return {row.oid[2:]: row for row in rows}


_NIST = "2.16.840.1.101.3.4"
_PKCS1 = "1.2.840.113549.1.1"
_SMIME_ALG = "1.2.840.113549.1.9.16.3"
_ECDSA = "1.2.840.10045.4"

_SHAKE256_LENGTH = der.integer(512)
DIGESTS = {
    row.name: row
    for row in (
        Digest("sha256", der.oid(f"{_NIST}.2.1"), 32, "sha-256", hashlib.sha256),
        Digest("sha384", der.oid(f"{_NIST}.2.2"), 48, "sha-384", hashlib.sha384),
        Digest("sha512", der.oid(f"{_NIST}.2.3"), 64, "sha-512", hashlib.sha512),
        Digest("sha224", der.oid(f"{_NIST}.2.4"), 28, "sha-224", hashlib.sha224),
        Digest("sha3-256", der.oid(f"{_NIST}.2.8"), 32, "sha3-256", hashlib.sha3_256),
        Digest("sha3-384", der.oid(f"{_NIST}.2.9"), 48, "sha3-384", hashlib.sha3_384),
        Digest("sha3-512", der.oid(f"{_NIST}.2.10"), 64, "sha3-512", hashlib.sha3_512),
        Digest("shake256", der.oid(f"{_NIST}.2.12"), 64, "shake256", _Shake256),
        Digest("sha1", der.oid("1.3.14.3.2.26"), 20, "sha-1", hashlib.sha1, legacy=True),
    )
}
DIGEST_BY_OID = _by_oid(
    (
        *DIGESTS.values(),
        Digest("shake256", der.oid(f"{_NIST}.2.18"), 64, "shake256", _Shake256, parameters=_SHAKE256_LENGTH),
    )
)
MD5 = der.oid("1.2.840.113549.2.5")[2:]
"""No row: a signature over it proves nothing and is not verified; it is told apart as weak (row SIG-13)."""
PARAMETER_DIGESTS = {DIGESTS[name].oid[2:]: name for name in ("sha1", "sha224", "sha256", "sha384", "sha512")}
"""Digests inside PSS, OAEP and their mask generation; in OAEP collisions do not matter, and SHA-1 is the default."""

RSA_ENCRYPTION = der.oid(f"{_PKCS1}.1")
RSAES_OAEP = der.oid(f"{_PKCS1}.7")
MGF1 = der.oid(f"{_PKCS1}.8")
P_SPECIFIED = der.oid(f"{_PKCS1}.9")
RSASSA_PSS = der.oid(f"{_PKCS1}.10")

ECDSA = {
    "sha256": SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_ECDSA}.3.2"), "sha256"),
    "sha384": SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_ECDSA}.3.3"), "sha384"),
    "sha512": SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_ECDSA}.3.4"), "sha512"),
}
ED25519 = SignatureAlgorithm(SignatureKind.ED25519, der.oid("1.3.101.112"))
SIGNATURE_BY_OID = _by_oid(
    (
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, RSA_ENCRYPTION),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_PKCS1}.5"), "sha1"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_PKCS1}.11"), "sha256"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_PKCS1}.12"), "sha384"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_PKCS1}.13"), "sha512"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_PKCS1}.14"), "sha224"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_NIST}.3.14"), "sha3-256"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_NIST}.3.15"), "sha3-384"),
        SignatureAlgorithm(SignatureKind.RSA_PKCS1V15, der.oid(f"{_NIST}.3.16"), "sha3-512"),
        SignatureAlgorithm(SignatureKind.RSA_PSS, RSASSA_PSS),
        *ECDSA.values(),
        SignatureAlgorithm(SignatureKind.ECDSA, der.oid("1.2.840.10045.2.1")),
        SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_ECDSA}.1"), "sha1"),
        SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_ECDSA}.3.1"), "sha224"),
        SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_NIST}.3.10"), "sha3-256"),
        SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_NIST}.3.11"), "sha3-384"),
        SignatureAlgorithm(SignatureKind.ECDSA, der.oid(f"{_NIST}.3.12"), "sha3-512"),
        ED25519,
        SignatureAlgorithm(SignatureKind.ED448, der.oid("1.3.101.113")),
        SignatureAlgorithm(SignatureKind.ML_DSA_44, der.oid(f"{_NIST}.3.17")),
        SignatureAlgorithm(SignatureKind.ML_DSA_65, der.oid(f"{_NIST}.3.18")),
        SignatureAlgorithm(SignatureKind.ML_DSA_87, der.oid(f"{_NIST}.3.19")),
        SignatureAlgorithm(SignatureKind.DSA, der.oid("1.2.840.10040.4.1")),
        SignatureAlgorithm(SignatureKind.DSA, der.oid("1.2.840.10040.4.3"), "sha1"),
        SignatureAlgorithm(SignatureKind.DSA, der.oid(f"{_NIST}.3.1"), "sha224"),
        SignatureAlgorithm(SignatureKind.DSA, der.oid(f"{_NIST}.3.2"), "sha256"),
    )
)

_WRAP_BY_SIZE = {
    16: KeyWrap(der.oid(f"{_NIST}.1.5"), 16),
    24: KeyWrap(der.oid(f"{_NIST}.1.25"), 24),
    32: KeyWrap(der.oid(f"{_NIST}.1.45"), 32),
}
_TRIPLE_DES_WRAP = KeyWrap(der.oid(f"{_SMIME_ALG}.6"), 24, legacy=True)
WRAP_BY_OID = _by_oid((*_WRAP_BY_SIZE.values(), _TRIPLE_DES_WRAP))

CIPHERS = {
    row.name: row
    for row in (
        ContentCipher("aes-256-gcm", der.oid(f"{_NIST}.1.46"), 32, "aes", "gcm"),
        ContentCipher("aes-128-gcm", der.oid(f"{_NIST}.1.6"), 16, "aes", "gcm"),
        ContentCipher("aes-256-cbc", der.oid(f"{_NIST}.1.42"), 32, "aes", "cbc"),
        ContentCipher("aes-128-cbc", der.oid(f"{_NIST}.1.2"), 16, "aes", "cbc"),
    )
}
"""Strongest first: the order in which they are announced."""
CIPHER_BY_OID = _by_oid(
    (
        *CIPHERS.values(),
        ContentCipher("aes-192-gcm", der.oid(f"{_NIST}.1.26"), 24, "aes", "gcm"),
        ContentCipher("chacha20-poly1305", der.oid(f"{_SMIME_ALG}.18"), 32, "chacha20", "poly1305"),
        ContentCipher("aes-192-cbc", der.oid(f"{_NIST}.1.22"), 24, "aes", "cbc"),
        ContentCipher("3des-cbc", der.oid("1.2.840.113549.3.7"), 24, "3des", "cbc", legacy=True),
        ContentCipher("rc2-128-cbc", der.oid("1.2.840.113549.3.2"), 16, "rc2", "cbc", legacy=True),
    )
)

AGREEMENTS = {
    "secp256r1": Agreement("x963", "sha256", der.oid("1.3.132.1.11.1")),
    "secp384r1": Agreement("x963", "sha384", der.oid("1.3.132.1.11.2")),
    "secp521r1": Agreement("x963", "sha512", der.oid("1.3.132.1.11.3")),
    "x25519": Agreement("hkdf", "sha256", der.oid(f"{_SMIME_ALG}.19")),
    "x448": Agreement("hkdf", "sha512", der.oid(f"{_SMIME_ALG}.21")),
}
"""What we use, by curve or kind of the recipient's key; any of them may be read with any curve."""
AGREEMENT_BY_OID = _by_oid(
    (
        *AGREEMENTS.values(),
        Agreement("hkdf", "sha384", der.oid(f"{_SMIME_ALG}.20")),
        Agreement("x963", "sha1", der.oid("1.3.133.16.840.63.0.2")),
        Agreement("x963", "sha224", der.oid("1.3.132.1.11.0")),
        # With cofactor: the same on the curves that are read, which have a cofactor of 1.
        Agreement("x963", "sha1", der.oid("1.3.133.16.840.63.0.3")),
        Agreement("x963", "sha224", der.oid("1.3.132.1.14.0")),
        Agreement("x963", "sha256", der.oid("1.3.132.1.14.1")),
        Agreement("x963", "sha384", der.oid("1.3.132.1.14.2")),
        Agreement("x963", "sha512", der.oid("1.3.132.1.14.3")),
    )
)

ENCAPSULATION_BY_OID = _by_oid(
    (
        Encapsulation(768, der.oid(f"{_NIST}.4.2")),
        Encapsulation(1024, der.oid(f"{_NIST}.4.3")),
    )
)
DERIVATION_BY_OID = _by_oid(
    (
        Derivation("sha256", der.oid(f"{_SMIME_ALG}.28")),
        Derivation("sha384", der.oid(f"{_SMIME_ALG}.29")),
        Derivation("sha512", der.oid(f"{_SMIME_ALG}.30")),
    )
)

TRANSPORTS = {str(kind): KeyTransport(kind) for kind in TransportKind}
"""The two ways to RSA recipients, by their configured names."""


def raised(cipher: str, announced: Collection[str]) -> str:
    """Return the strongest of the ciphers ``announced`` that is in nothing weaker than ``cipher``, else ``cipher``.

    What every recipient says he can open may make the encryption stronger, never weaker (RFC 8551 §2.7.1, §6).
    """
    if not announced:
        return cipher
    least = CIPHERS[cipher]
    strong = (row for row in CIPHERS.values() if row.key_size >= least.key_size and row.aead >= least.aead)
    return next((row.name for row in strong if row.name in announced), cipher)


_CURVE_DIGESTS = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}


def scheme_for(certificate: Certificate, digest: str, rsa: str) -> SignatureScheme:
    """Return how the key of ``certificate`` signs under the configured ``digest`` and ``rsa`` (pkcs1v15 or pss).

    ECDSA takes a stronger digest than the configured one where the curve asks for it. Raises ``Rejected``.
    """
    if certificate.key_kind == KeyKind.RSA:
        return SignatureScheme(SignatureKind(f"rsa-{rsa}"), digest)
    if certificate.key_kind == KeyKind.ED25519:
        return SignatureScheme(SignatureKind.ED25519, "sha512")
    if certificate.key_kind == KeyKind.EC and certificate.curve in _CURVE_DIGESTS:
        return SignatureScheme(SignatureKind.ECDSA, max(digest, _CURVE_DIGESTS[certificate.curve]))
    raise unsupported(f"a key of kind {certificate.curve or certificate.key_kind} does not sign here")


def unsupported(message: str) -> Rejected:
    """Return the exception for an algorithm that is not in the table."""
    return Rejected(Reason.UNSUPPORTED_ALGORITHM, message)


def weak(message: str) -> Rejected:
    """Return the exception for a legacy algorithm where the settings accept none."""
    return Rejected(Reason.WEAK_ALGORITHM, message)
