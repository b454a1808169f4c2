"""Who issued whom: by name, key identifiers and, always, a verified signature (RFC 5280 §6.1.3, RFC 4158).

Names are compared by value (``names``). Every signature is checked at most once per ``Issuances`` and no more than its
limit in all, and keys that are costly on purpose are not used, so that a hostile heap of certificates has a fixed
price. Nothing here says whom to trust.
"""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from gateway.asn1.ber import Fields, read
from gateway.asn1.der import SEQUENCE
from gateway.errors import Malformed
from gateway.pki.certificate import RSA_BITS, Certificate
from gateway.pki.kinds import KeyKind
from gateway.pki.names import NameKey, name_key, same_name
from gateway.pki.outline import read_outline

Signed = x509.Certificate | x509.CertificateRevocationList

_MAX_EXPONENT = 64
"""Bits of an RSA exponent; larger ones make a check cost as much as a signature."""
_MAX_DSA = 4096


def identity(certificate: Certificate) -> tuple[NameKey, str]:
    """Return name and key: a CA is these two, however many certificates it has."""
    return name_key(certificate.subject_der), certificate.public_key_id


def may_issue(issuer: Certificate) -> bool:
    """Whether a certificate is a CA's and its key usage lets it sign certificates (RFC 5280 §6.1.4 k, n)."""
    return issuer.is_ca and (issuer.key_usage is None or "keyCertSign" in issuer.key_usage)


def names_issuer(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether ``certificate`` says that it is by ``issuer``: name, and key identifiers where both have them."""
    identifiers = {certificate.authority_key_id, issuer.subject_key_id} - {None}
    return len(identifiers) < 2 and same_name(certificate.issuer_der, issuer.subject_der)


class Issuances:
    """Answers whether one certificate was signed by another's key, checking at most ``limit`` signatures."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self.refused = False
        """Whether an answer was no only because the limit was reached."""
        self.unsupported = False
        """Whether an answer was no because the algorithm or the key is one that we do not use."""
        self._known: dict[tuple[str, str, str], bool] = {}

    def signed(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether ``issuer``'s key made the signature of ``certificate``; nothing else is looked at."""
        pair = certificate.fingerprint, issuer.public_key_id, issuer.key_kind
        if pair not in self._known:
            if not self.left:
                self.refused = True
                return False
            self.left -= 1
            self._known[pair] = self._verified(certificate, issuer)
        return self._known[pair]

    def _verified(self, certificate: Certificate, issuer: Certificate) -> bool:
        try:
            outline = read_outline(certificate.der)
            return is_signed_by(outline.bare, outline.body, issuer)
        except UnsupportedAlgorithm:
            self.unsupported = True
            return False


def is_signed_by(signed: Signed, body: bytes, signer: Certificate) -> bool:
    """Whether ``signer``'s key made the signature over ``body``. Raises ``UnsupportedAlgorithm``."""
    if _is_costly(signer):
        raise UnsupportedAlgorithm("a key whose use would take long")
    try:
        _check_outline(signed, body)
        _verify(signed, body, signer)
    except (InvalidSignature, Malformed, ValueError, TypeError):
        return False
    return True


def _is_costly(issuer: Certificate) -> bool:
    match issuer.public_key:
        case rsa.RSAPublicKey() as key:
            return key.key_size >= RSA_BITS.stop or key.public_numbers().e.bit_length() > _MAX_EXPONENT
        case dsa.DSAPublicKey() as key:
            return key.key_size > _MAX_DSA
        case ec.EllipticCurvePublicKey() as key:
            return key.curve.name.startswith("sect")  # binary fields: slow, and nobody's mail
        case _:
            return False


def _verify(signed: Signed, body: bytes, issuer: Certificate) -> None:
    """Raises ``InvalidSignature``, ``UnsupportedAlgorithm``, ``ValueError`` or ``TypeError``."""
    signature, parameters = signed.signature, signed.signature_algorithm_parameters
    hashed = signed.signature_hash_algorithm
    match issuer.public_key, parameters:
        case rsa.RSAPublicKey() as key, padding.PSS() as scheme if hashed:
            key.verify(signature, body, scheme, hashed)
        case rsa.RSAPublicKey() as key, padding.PKCS1v15() as scheme if hashed and issuer.key_kind == KeyKind.RSA:
            key.verify(signature, body, scheme, hashed)
        case rsa.RSAPublicKey() as key, None if isinstance(hashed, hashes.MD5) and isinstance(signed, x509.Certificate):
            key.verify(signature, body, padding.PKCS1v15(), hashed)  # the judgement will say that it is weak
        case rsa.RSAPublicKey(), None:
            raise UnsupportedAlgorithm("an RSA signature of a kind that is not checked, such as one with MD2")
        case ec.EllipticCurvePublicKey() as key, ec.ECDSA() as scheme:
            key.verify(signature, body, scheme)
        case dsa.DSAPublicKey() as key, None if hashed:
            key.verify(signature, body, hashed)
        case (ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey()) as key, None:
            key.verify(signature, body)
        case (mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey()) as key, None:
            key.verify(signature, body)
        case _:
            raise InvalidSignature("the key is not of the kind that the signature algorithm asks for")


def _check_outline(signed: Signed, body: bytes) -> None:
    """The algorithm inside the signed part must be the one outside (RFC 5280 §4.1.1.2, §5.1.1.2)."""
    inside = next(field for field in read(body).expect(SEQUENCE).children if field.tag == SEQUENCE)
    if Fields(inside).next().dotted() != signed.signature_algorithm_oid.dotted_string:
        raise Malformed("the signature algorithm inside the signed part is not the one outside")
