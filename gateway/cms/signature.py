"""The mathematics of one signature: the algorithm that a signer info names, applied by a public key.

RFC 8017 (RSA), FIPS 186 (ECDSA, DSA), RFC 8032 (EdDSA), FIPS 204 (ML-DSA). Whether the algorithm is strong enough, or
the key deserves trust, is not asked here; RSA keys so large that their use is an attack are not used.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from gateway.cms.algorithm import SIGNATURE_BY_OID, Digest, unsupported
from gateway.cms.parameter import Identifier, read_pss
from gateway.cms.rejected import Rejected
from gateway.errors import LimitExceeded
from gateway.pki.key import HASHES
from gateway.pki.kinds import SignatureKind
from gateway.reason import Reason

MODULUS_BITS = 8192
EXPONENT_BITS = 64

_WholeKey = (
    ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
_WHOLE: dict[SignatureKind, type[_WholeKey]] = {
    SignatureKind.ED25519: ed25519.Ed25519PublicKey,
    SignatureKind.ED448: ed448.Ed448PublicKey,
    SignatureKind.ML_DSA_44: mldsa.MLDSA44PublicKey,
    SignatureKind.ML_DSA_65: mldsa.MLDSA65PublicKey,
    SignatureKind.ML_DSA_87: mldsa.MLDSA87PublicKey,
}
"""Kinds that sign data as they are, not a hash of them."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a signature was made: ``kind`` as in the table of algorithms, ``digest`` that of the signer info."""

    kind: SignatureKind
    digest: Digest
    padding: padding.PKCS1v15 | padding.PSS | None
    legacy: bool

    def check(self, key: PublicKeyTypes, signature: bytes, data: bytes) -> None:
        """Check that ``key`` made ``signature`` over ``data``.

        Raises ``Rejected`` bad-signature or unsupported-algorithm, ``LimitExceeded``.
        """
        self._check(key, signature, data, None if self.kind in _WHOLE else self._hash())

    def check_digest(self, key: PublicKeyTypes, signature: bytes, value: bytes) -> None:
        """Check that ``key`` made ``signature`` over data whose hash is ``value``. Raises as ``check``."""
        if self.kind in _WHOLE:
            raise unsupported(f"a signature by {self.kind} is read with signed attributes only")
        self._check(key, signature, value, Prehashed(self._hash()))

    def _hash(self) -> hashes.HashAlgorithm:
        hashed = HASHES.get(self.digest.name)
        if hashed is None:
            raise unsupported(f"no {self.kind} signature over {self.digest.name} is read")
        return hashed

    def _check(
        self, key: PublicKeyTypes, signature: bytes, data: bytes, hashed: hashes.HashAlgorithm | Prehashed | None
    ) -> None:
        try:
            if hashed is None:
                _check_whole(_WHOLE[self.kind], key, signature, data)
            else:
                self._check_hashed(key, signature, data, hashed)
        except UnsupportedAlgorithm as error:
            raise unsupported(f"a {self.kind} signature over {self.digest.name} cannot be checked") from error
        except (InvalidSignature, ValueError) as error:
            raise Rejected(Reason.BAD_SIGNATURE, "the signature does not verify") from error

    def _check_hashed(
        self, key: PublicKeyTypes, signature: bytes, data: bytes, hashed: hashes.HashAlgorithm | Prehashed
    ) -> None:
        if self.padding is not None and isinstance(key, rsa.RSAPublicKey):
            _check_size(key)
            key.verify(signature, data, self.padding, hashed)
        elif self.kind == SignatureKind.ECDSA and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashed))
        elif self.kind == SignatureKind.DSA and isinstance(key, dsa.DSAPublicKey):
            key.verify(signature, data, hashed)
        else:
            raise InvalidSignature("the key is not of the kind that the signature algorithm asks for")


def _check_whole(kind: type[_WholeKey], key: PublicKeyTypes, signature: bytes, data: bytes) -> None:
    if not isinstance(key, kind):
        raise InvalidSignature("the key is not of the kind that the signature algorithm asks for")
    key.verify(signature, data)


def _check_size(key: rsa.RSAPublicKey) -> None:
    """A public operation costs as much as whoever made the key wants, unless limited."""
    if key.key_size > MODULUS_BITS or key.public_numbers().e.bit_length() > EXPONENT_BITS:
        raise LimitExceeded(f"an RSA key above {MODULUS_BITS} bits, or with an exponent above {EXPONENT_BITS}")


def read_scheme(identifier: Identifier, digest: Digest) -> Scheme:
    """Return what a signatureAlgorithm names, which must go with ``digest``. Raises ``Malformed``, ``Rejected``."""
    row = SIGNATURE_BY_OID.get(identifier.oid)
    if row is None or row.digest not in (None, digest.name):
        raise unsupported("the signature algorithm is unknown, or goes with another digest than the one named")
    how = _padding(row.kind, identifier, digest)
    return Scheme(row.kind, digest, how, row.legacy or digest.legacy)


def _padding(kind: SignatureKind, identifier: Identifier, digest: Digest) -> padding.PKCS1v15 | padding.PSS | None:
    """The padding of an RSA signature; the digest that PSS parameters name must be ``digest`` (RFC 4056 §3)."""
    if kind == SignatureKind.RSA_PSS:
        name, mask, salt = read_pss(identifier.parameters)
        if name != digest.name:
            raise unsupported("RSASSA-PSS with another digest than the one named")
        return padding.PSS(padding.MGF1(HASHES[mask]), salt)
    if not identifier.plain:
        raise unsupported("the signature algorithm has parameters that it does not take")
    return padding.PKCS1v15() if kind == SignatureKind.RSA_PKCS1V15 else None
