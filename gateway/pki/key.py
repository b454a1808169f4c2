"""Private keys behind one protocol, so that a token can stand where a file stands today."""

from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519

AgreementKey = ec.EllipticCurvePublicKey | x25519.X25519PublicKey | x448.X448PublicKey


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How a signature is made: ``kind`` is ``rsa-pkcs1v15``, ``rsa-pss``, ``ecdsa`` or ``eddsa``.

    ``digest`` is ``sha256``, ``sha384`` or ``sha512``; it is ignored for eddsa. PSS salts are as long as the digest.
    """

    kind: str
    digest: str


@dataclass(frozen=True, slots=True)
class KeyTransport:
    """How a content key is wrapped to RSA: ``pkcs1v15``, or ``oaep`` with digest, MGF1 digest and label."""

    kind: str
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
