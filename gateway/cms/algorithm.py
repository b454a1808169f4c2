"""The one table of algorithms: names, object identifiers, parameters, and what may stand together.

A new algorithm is a new row. Rows are found by name when sealing, by the octets of the object identifier when reading.
What is strong enough is policy and not said here.

RFC 5754 (SHA-2), RFC 4056 (PSS), RFC 3560 (OAEP), RFC 5753 (ECDH), RFC 8418 (X25519, X448), RFC 8419 (EdDSA),
RFC 3565 and RFC 5084 (AES-CBC, AES-GCM).
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gateway.asn1 import der
from gateway.cms.rejected import Rejected
from gateway.pki.certificate import Certificate
from gateway.pki.key import KeyTransport, SignatureScheme
from gateway.reason import Reason

NULL = der.tlv(der.NULL)


class Hasher(Protocol):
    """A running hash."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take more data."""

    def digest(self) -> bytes:
        """Return the hash of what was taken."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A message digest; ``micalg`` is its name in multipart/signed (RFC 8551 §3.5.3.2)."""

    name: str
    oid: bytes
    size: int
    micalg: str
    new: Callable[[], Hasher]

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

    kind: str
    oid: bytes
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class KeyWrap:
    """AES key wrap (RFC 3394); parameters are absent."""

    oid: bytes
    key_size: int

    @property
    def identifier(self) -> bytes:
        """Its AlgorithmIdentifier."""
        return der.sequence(self.oid)


@dataclass(frozen=True, slots=True)
class ContentCipher:
    """A content encryption; ``aead`` ones belong in AuthEnvelopedData, the others in EnvelopedData."""

    name: str
    oid: bytes
    key_size: int
    aead: bool
    wrap: KeyWrap


@dataclass(frozen=True, slots=True)
class Agreement:
    """A key agreement with its key derivation: ``x963`` (RFC 5753 §7.1) or ``hkdf`` (RFC 8418 §2.2)."""

    derivation: str
    digest: str
    oid: bytes


Row = TypeVar("Row", Digest, SignatureAlgorithm, KeyWrap, ContentCipher, Agreement)


def _by_oid(rows: Iterable[Row]) -> Mapping[bytes, Row]:
    """Key rows by the content octets of their OIDs (all are short: two octets of header)."""
    return {row.oid[2:]: row for row in rows}


_NIST = "2.16.840.1.101.3.4"
_PKCS1 = "1.2.840.113549.1.1"
_SMIME_ALG = "1.2.840.113549.1.9.16.3"

DIGESTS = {
    row.name: row
    for row in (
        Digest("sha256", der.oid(f"{_NIST}.2.1"), 32, "sha-256", hashlib.sha256),
        Digest("sha384", der.oid(f"{_NIST}.2.2"), 48, "sha-384", hashlib.sha384),
        Digest("sha512", der.oid(f"{_NIST}.2.3"), 64, "sha-512", hashlib.sha512),
    )
}
DIGEST_BY_OID = _by_oid(DIGESTS.values())
PARAMETER_DIGESTS = {DIGESTS[name].oid[2:]: name for name in DIGESTS} | {der.oid("1.3.14.3.2.26")[2:]: "sha1"}
"""Digests inside OAEP and its mask generation, where collisions do not matter and SHA-1 is the default."""

RSA_ENCRYPTION = der.oid(f"{_PKCS1}.1")
RSAES_OAEP = der.oid(f"{_PKCS1}.7")
MGF1 = der.oid(f"{_PKCS1}.8")
P_SPECIFIED = der.oid(f"{_PKCS1}.9")
RSASSA_PSS = der.oid(f"{_PKCS1}.10")

ECDSA = {
    "sha256": SignatureAlgorithm("ecdsa", der.oid("1.2.840.10045.4.3.2"), "sha256"),
    "sha384": SignatureAlgorithm("ecdsa", der.oid("1.2.840.10045.4.3.3"), "sha384"),
    "sha512": SignatureAlgorithm("ecdsa", der.oid("1.2.840.10045.4.3.4"), "sha512"),
}
ED25519 = SignatureAlgorithm("eddsa", der.oid("1.3.101.112"), "sha512")
SIGNATURE_BY_OID = _by_oid(
    (
        SignatureAlgorithm("rsa-pkcs1v15", RSA_ENCRYPTION),
        SignatureAlgorithm("rsa-pkcs1v15", der.oid(f"{_PKCS1}.11"), "sha256"),
        SignatureAlgorithm("rsa-pkcs1v15", der.oid(f"{_PKCS1}.12"), "sha384"),
        SignatureAlgorithm("rsa-pkcs1v15", der.oid(f"{_PKCS1}.13"), "sha512"),
        SignatureAlgorithm("rsa-pss", RSASSA_PSS),
        *ECDSA.values(),
        ED25519,
    )
)

_AES128_WRAP = KeyWrap(der.oid(f"{_NIST}.1.5"), 16)
_AES256_WRAP = KeyWrap(der.oid(f"{_NIST}.1.45"), 32)
WRAP_BY_OID = _by_oid((_AES128_WRAP, _AES256_WRAP))

CIPHERS = {
    row.name: row
    for row in (
        ContentCipher("aes-256-gcm", der.oid(f"{_NIST}.1.46"), 32, True, _AES256_WRAP),
        ContentCipher("aes-128-gcm", der.oid(f"{_NIST}.1.6"), 16, True, _AES128_WRAP),
        ContentCipher("aes-256-cbc", der.oid(f"{_NIST}.1.42"), 32, False, _AES256_WRAP),
        ContentCipher("aes-128-cbc", der.oid(f"{_NIST}.1.2"), 16, False, _AES128_WRAP),
    )
}
"""Strongest first: the order in which they are announced."""
CIPHER_BY_OID = _by_oid(CIPHERS.values())

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
    )
)

TRANSPORTS = {"pkcs1v15": KeyTransport("pkcs1v15"), "oaep": KeyTransport("oaep")}
"""The two ways to RSA recipients, by their configured names."""

_CURVE_DIGESTS = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}


def scheme_for(certificate: Certificate, digest: str, rsa: str) -> SignatureScheme:
    """Return how the key of ``certificate`` signs under the configured ``digest`` and ``rsa`` (pkcs1v15 or pss).

    ECDSA takes a stronger digest than the configured one where the curve asks for it. Raises ``Rejected``.
    """
    if certificate.key_kind == "rsa":
        return SignatureScheme(f"rsa-{rsa}", digest)
    if certificate.key_kind == "ed25519":
        return SignatureScheme("eddsa", "sha512")
    if certificate.key_kind == "ec" and certificate.curve in _CURVE_DIGESTS:
        return SignatureScheme("ecdsa", max(digest, _CURVE_DIGESTS[certificate.curve]))
    raise unsupported(f"a key of kind {certificate.curve or certificate.key_kind} does not sign here")


def unsupported(message: str) -> Rejected:
    """Return the exception for an algorithm that is not in the table."""
    return Rejected(Reason.UNSUPPORTED_ALGORITHM, message)
