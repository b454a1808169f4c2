"""Private keys behind one protocol, so that a token can stand where a file stands today.

``SoftwareKey`` is the key that lives in memory. The paddings of RSA stand here once, for both sides of every operation.
"""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mlkem, padding, rsa, x448, x25519

from gateway.pki.certificate import public_key_id
from gateway.pki.kinds import SignatureKind, TransportKind

AgreementKey = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How a signature is made: ``digest`` is ``sha256``, ``sha384`` or ``sha512``, and ignored on Edwards curves.

    PSS salts are as long as the digest.
    """

    kind: SignatureKind
    digest: str


@dataclass(frozen=True, slots=True)
class KeyTransport:
    """How a content key is wrapped to RSA; digest, MGF1 digest and label are those of OAEP."""

    kind: TransportKind
    digest: str = "sha256"
    mgf_digest: str = "sha256"
    label: bytes = b""


class PrivateKey(Protocol):
    """A private key that can do its work but never shows itself."""

    @property
    def public_key_id(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal."""

    def sign(self, data: bytes, scheme: SignatureScheme) -> bytes:
        """Return the signature over ``data`` (hashed here)."""

    def unwrap(self, wrapped: bytes, transport: KeyTransport) -> bytes:
        """Return the content key that was wrapped to this RSA key. Raises ``ValueError``."""

    def agree(self, peer: AgreementKey) -> bytes:
        """Return the raw shared secret with ``peer`` (ECDH, X25519, X448). Raises ``ValueError``."""

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the secret that was encapsulated to this ML-KEM key. Raises ``ValueError``."""


HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303  OAEP and key derivation do not rest on collisions; signatures with it are weak
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
    "sha3-256": hashes.SHA3_256(),
    "sha3-384": hashes.SHA3_384(),
    "sha3-512": hashes.SHA3_512(),
}


def signature_padding(scheme: SignatureScheme) -> padding.AsymmetricPadding:
    """Return the RSA padding of ``scheme`` (RFC 8017 §8)."""
    if scheme.kind == SignatureKind.RSA_PKCS1V15:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(HASHES[scheme.digest]), padding.PSS.DIGEST_LENGTH)


def transport_padding(transport: KeyTransport) -> padding.AsymmetricPadding:
    """Return the RSA padding of ``transport`` (RFC 8017 §7)."""
    if transport.kind == TransportKind.PKCS1V15:
        return padding.PKCS1v15()
    return padding.OAEP(padding.MGF1(HASHES[transport.mgf_digest]), HASHES[transport.digest], transport.label or None)


SoftwarePrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | x25519.X25519PrivateKey
    | x448.X448PrivateKey
    | mlkem.MLKEM768PrivateKey
    | mlkem.MLKEM1024PrivateKey
)


class SoftwareKey:
    """A private key in memory. What its kind cannot do raises ``ValueError``."""

    def __init__(self, key: SoftwarePrivateKey) -> None:
        self._key = key
        self._public_key_id = public_key_id(key.public_key())

    @property
    def public_key_id(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, lower-case hexadecimal."""
        return self._public_key_id

    def sign(self, data: bytes, scheme: SignatureScheme) -> bytes:
        """Return the signature over ``data`` (hashed here)."""
        match self._key, scheme.kind:
            case rsa.RSAPrivateKey() as key, SignatureKind.RSA_PKCS1V15 | SignatureKind.RSA_PSS:
                return key.sign(data, signature_padding(scheme), HASHES[scheme.digest])
            case ec.EllipticCurvePrivateKey() as key, SignatureKind.ECDSA:
                return key.sign(data, ec.ECDSA(HASHES[scheme.digest]))
            case ed25519.Ed25519PrivateKey() as key, SignatureKind.ED25519:
                return key.sign(data)
            case ed448.Ed448PrivateKey() as key, SignatureKind.ED448:
                return key.sign(data)
        raise ValueError(f"a key of this kind cannot sign with {scheme.kind}")

    def unwrap(self, wrapped: bytes, transport: KeyTransport) -> bytes:
        """Return the content key that was wrapped to this RSA key. Raises ``ValueError``.

        With ``pkcs1v15`` a bad padding gives random bytes of some length instead (implicit rejection), by design.
        """
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise ValueError("only an RSA key can unwrap a transported key")
        return self._key.decrypt(wrapped, transport_padding(transport))

    def agree(self, peer: AgreementKey) -> bytes:
        """Return the raw shared secret with ``peer`` (ECDH, X25519, X448). Raises ``ValueError``."""
        key = self._key
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(peer, ec.EllipticCurvePublicKey):
            return key.exchange(ec.ECDH(), peer)
        if isinstance(key, x25519.X25519PrivateKey) and isinstance(peer, x25519.X25519PublicKey):
            return key.exchange(peer)
        if isinstance(key, x448.X448PrivateKey) and isinstance(peer, x448.X448PublicKey):
            return key.exchange(peer)
        raise ValueError("the two keys of an agreement are not of one kind")

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the secret that was encapsulated to this ML-KEM key. Raises ``ValueError``.

        A ciphertext that was not made for this key gives another secret instead (implicit rejection), by design.
        """
        if not isinstance(self._key, mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey):
            raise ValueError("only an ML-KEM key can open an encapsulated secret")
        return self._key.decapsulate(ciphertext)
