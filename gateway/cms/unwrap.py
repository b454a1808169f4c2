"""The content key out of a recipient info, with our private key (RFC 5652 §6.2, RFC 5753, RFC 8418, RFC 9629).

What can be told before the key is used raises ``Malformed`` or ``Rejected`` with its own reason. From then on there is
one failure, always the same: ``decrypt_failed``. A fault in PKCS#1 v1.5 is not told at all: opening goes on with a
random content key, and the failure shows where a wrong key would (RFC 3218 §2.3.2).
"""

import secrets
from hashlib import sha1
from hmac import compare_digest

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import ec, x448, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.cms.algorithm import DERIVATION_BY_OID, ENCAPSULATION_BY_OID, KeyWrap, unsupported, weak
from gateway.cms.parameter import Identifier, read_agreement, read_identifier, read_transport, read_wrap
from gateway.cms.recipient import ORIGINATOR_KEYS, TRANSPORT, Kem, Recipient, derive
from gateway.cms.rejected import Rejected
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.key import HASHES, AgreementKey, KeyTransport, PrivateKey
from gateway.pki.kinds import KeyKind, TransportKind
from gateway.reason import Reason

RSA_BITS = 2048
"""Smaller keys are legacy."""


def unwrap(recipient: Recipient, certificate: Certificate, key: PrivateKey, size: int, accept_legacy: bool) -> bytes:
    """Return the content key of ``size`` octets that ``recipient`` holds for ``certificate``, whose key is ``key``.

    Raises ``Malformed`` and ``Rejected``: unsupported-algorithm, weak-algorithm, weak-key, decrypt-failed.
    """
    if recipient.algorithm is None:
        raise unsupported("a recipient info of a kind that is never opened")
    if recipient.kem is not None:
        return _encapsulated(recipient, recipient.kem, certificate, key, size, accept_legacy)
    if recipient.kind == TRANSPORT:
        _check_transport_key(certificate, accept_legacy)
        return _transported(recipient, key, read_transport(recipient.algorithm), size)
    return _agreed(recipient, recipient.algorithm, certificate, key, size, accept_legacy)


def decrypt_failed() -> Rejected:
    """Return the one exception for everything that fails after a key was used."""
    return Rejected(Reason.DECRYPT_FAILED, "the content could not be decrypted")


def _check_transport_key(certificate: Certificate, accept_legacy: bool) -> None:
    if certificate.key_kind != KeyKind.RSA:
        raise unsupported("key transport to a key that takes none")
    if certificate.key_size < RSA_BITS and not accept_legacy:
        raise Rejected(Reason.WEAK_KEY, f"the message is encrypted to an RSA key of {certificate.key_size} bits")


def _transported(recipient: Recipient, key: PrivateKey, transport: KeyTransport, size: int) -> bytes:
    substitute = secrets.token_bytes(size)
    try:
        content_key = key.unwrap(recipient.wrapped, transport)
    except ValueError as error:
        if transport.kind == TransportKind.PKCS1V15:
            return substitute
        raise decrypt_failed() from error
    if transport.kind == TransportKind.PKCS1V15:
        return content_key if len(content_key) == size else substitute
    if len(content_key) != size:
        raise decrypt_failed()
    return content_key


def _agreed(
    recipient: Recipient,
    algorithm: Identifier,
    certificate: Certificate,
    key: PrivateKey,
    size: int,
    accept_legacy: bool,
) -> bytes:
    agreement, wrap, identifier = read_agreement(algorithm)
    _check_wrap(wrap, accept_legacy)
    public = _originator_octets(recipient.originator, certificate)
    try:
        secret = key.agree(_peer(certificate, public))
    except ValueError as error:
        raise decrypt_failed() from error
    return _unwrapped(wrap, derive(secret, agreement, wrap, identifier, recipient.ukm), recipient.wrapped, size)


def _encapsulated(
    recipient: Recipient, kem: Kem, certificate: Certificate, key: PrivateKey, size: int, accept_legacy: bool
) -> bytes:
    """KEMRecipientInfo (RFC 9629 §5, with the identifiers of RFC 9936)."""
    mechanism = ENCAPSULATION_BY_OID.get(kem.mechanism.oid)
    if mechanism is None or kem.derivation.oid not in DERIVATION_BY_OID:
        raise unsupported("the key encapsulation or its key derivation is unknown")
    wrap, identifier = read_wrap(kem.wrap)
    _check_wrap(wrap, accept_legacy)
    if (certificate.key_kind, certificate.key_size) != (KeyKind.ML_KEM, mechanism.size):
        raise unsupported("the key encapsulation is not that of the recipient's key")
    if kem.key_size != wrap.key_size:
        raise Malformed("the size of the key-encryption key is not that of its key wrap")
    try:
        secret = key.decapsulate(kem.ciphertext)
    except ValueError as error:
        raise decrypt_failed() from error
    return _unwrapped(wrap, kem_derive(secret, kem, wrap, identifier), recipient.wrapped, size)


def kem_derive(secret: bytes, kem: Kem, wrap: KeyWrap, identifier: bytes) -> bytes:
    """Return the key-encryption key, derived over CMSORIforKEMOtherInfo (RFC 9629 §5)."""
    supplied = b"" if kem.ukm is None else der.explicit(0, der.octets(kem.ukm))
    info = der.sequence(identifier, der.integer(kem.key_size), supplied)
    return HKDF(HASHES[DERIVATION_BY_OID[kem.derivation.oid].digest], wrap.key_size, None, info).derive(secret)


def _check_wrap(wrap: KeyWrap, accept_legacy: bool) -> None:
    if wrap.legacy and not accept_legacy:
        raise weak("the content key is wrapped with triple DES")


def _unwrapped(wrap: KeyWrap, kek: bytes, wrapped: bytes, size: int) -> bytes:
    try:
        content_key = _triple_des_unwrap(kek, wrapped) if wrap.legacy else aes_key_unwrap(kek, wrapped)
    except (ValueError, InvalidUnwrap) as error:
        raise decrypt_failed() from error
    if len(content_key) != size:
        raise decrypt_failed()
    return content_key


def _triple_des_unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """RFC 3217 §3.2. Raises ``ValueError``."""
    if len(wrapped) != 40:
        raise ValueError("a wrapped triple DES key has 40 octets")
    inner = _triple_des(kek, bytes.fromhex("4adda22c79e82105"), wrapped)[::-1]
    found = _triple_des(kek, inner[:8], inner[8:])
    content_key, checksum = found[:24], found[24:]
    if not compare_digest(sha1(content_key).digest()[:8], checksum):  # noqa: S324  as the standard has it
        raise ValueError("the wrapped triple DES key has another checksum")
    return content_key


def _triple_des(key: bytes, vector: bytes, data: bytes) -> bytes:
    decryptor = Cipher(TripleDES(key), modes.CBC(vector)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _originator_octets(originator: Element | None, certificate: Certificate) -> bytes:
    """Return the public key octets of an OriginatorPublicKey of the same kind as ``certificate``'s key."""
    if originator is None or originator.tag != der.context(1):
        raise unsupported("a key agreement without an ephemeral key of the originator")
    fields = Fields(originator, der.context(1))
    algorithm = read_identifier(fields.next())
    bits = fields.take(der.BIT_STRING).value
    fields.end()
    expected = ORIGINATOR_KEYS.get(certificate.key_kind)
    if expected is None or algorithm.oid != expected[2:] or bits[:1] != b"\0":
        raise unsupported("the originator's key is not of the kind of the recipient's")
    return bits[1:]


def _peer(certificate: Certificate, public: bytes) -> AgreementKey:
    """Load the originator's key on the recipient's curve. Raises ``ValueError`` for points off it."""
    recipient = certificate.public_key
    if isinstance(recipient, ec.EllipticCurvePublicKey):
        return ec.EllipticCurvePublicKey.from_encoded_point(recipient.curve, public)
    if isinstance(recipient, x25519.X25519PublicKey):
        return x25519.X25519PublicKey.from_public_bytes(public)
    return x448.X448PublicKey.from_public_bytes(public)
