"""Recipient infos: the content key wrapped to each certificate, and what stands in those we read (RFC 5652 §6.2).

RSA: key transport, named by issuer and serial number. EC, X25519, X448: key agreement with an ephemeral key of its own
for every recipient (RFC 5753 §3, RFC 8418 §2). Key encapsulation is read only (RFC 9629). Other kinds of recipient info
are read as such and never opened. How they are opened is in ``unwrap``.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa, x448, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, members
from gateway.asn1.oid import Oid
from gateway.cms.algorithm import (
    AGREEMENT_BY_OID,
    AGREEMENTS,
    ENCAPSULATION_BY_OID,
    RSA_ENCRYPTION,
    RSAES_OAEP,
    Agreement,
    ContentCipher,
    KeyWrap,
    unsupported,
)
from gateway.cms.identity import Identity, issuer_and_serial, read_identity
from gateway.cms.parameter import Identifier, read_identifier, transport_identifier
from gateway.cms.rejected import Rejected
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.key import HASHES, KeyTransport, transport_padding
from gateway.pki.kinds import KeyKind
from gateway.reason import Reason

RECIPIENTS = 500

TRANSPORT = der.SEQUENCE
AGREEMENT = der.context(1)
ENCRYPTION_KEY = der.context(2)
PASSWORD = der.context(3)
OTHER = der.context(4)
"""Tags of the kinds of RecipientInfo."""

_KEM = der.oid(Oid.KEM_RECIPIENT)
_EC_PUBLIC_KEY = der.oid(Oid.EC_PUBLIC_KEY)
ORIGINATOR_KEYS = {
    KeyKind.EC: _EC_PUBLIC_KEY,
    KeyKind.X25519: der.oid(Oid.X25519),
    KeyKind.X448: der.oid(Oid.X448),
}


def recipient_info(certificate: Certificate, content_key: bytes, cipher: ContentCipher, rsa: KeyTransport) -> bytes:
    """Return the RecipientInfo that gives ``content_key`` to ``certificate``. Raises ``Rejected``.

    ``rsa`` is how RSA keys are used; the key wrap of an agreement is as strong as ``cipher``.
    """
    kind = certificate.curve or certificate.key_kind
    try:
        if certificate.key_kind == KeyKind.RSA:
            return _key_transport(certificate, content_key, rsa)
        if kind in AGREEMENTS:
            return _key_agreement(certificate, content_key, AGREEMENTS[kind], cipher.wrap)
    except ValueError as error:
        raise Rejected(Reason.WEAK_KEY, f"the {kind} key of a recipient cannot be encrypted to") from error
    raise unsupported(f"no mail is encrypted to a {kind} key")


def _key_transport(certificate: Certificate, content_key: bytes, transport: KeyTransport) -> bytes:
    """KeyTransRecipientInfo version 0 (RFC 5652 §6.2.1)."""
    key = certificate.public_key
    assert isinstance(key, rsa.RSAPublicKey)
    return der.sequence(
        der.integer(0),
        issuer_and_serial(certificate),
        transport_identifier(transport),
        der.octets(key.encrypt(content_key, transport_padding(transport))),
    )


def _key_agreement(certificate: Certificate, content_key: bytes, agreement: Agreement, wrap: KeyWrap) -> bytes:
    """KeyAgreeRecipientInfo version 3 with one recipient and an ephemeral originator key (RFC 5652 §6.2.2)."""
    secret, public = _agree(certificate.public_key)
    kek = derive(secret, agreement, wrap, wrap.identifier, None)
    originator = der.sequence(ORIGINATOR_KEYS[certificate.key_kind])
    return der.tlv(
        AGREEMENT,
        der.integer(3),
        der.explicit(0, der.explicit(1, originator, der.tlv(der.BIT_STRING, b"\0", public))),
        der.sequence(agreement.oid, wrap.identifier),
        der.sequence(der.sequence(issuer_and_serial(certificate), der.octets(aes_key_wrap(kek, content_key)))),
    )


def _agree(recipient: PublicKeyTypes) -> tuple[bytes, bytes]:
    """Return the secret agreed with a fresh key of the recipient's kind, and the octets of the fresh public key."""
    if isinstance(recipient, ec.EllipticCurvePublicKey):
        point = ec.generate_private_key(recipient.curve)
        public = point.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return point.exchange(ec.ECDH(), recipient), public
    if isinstance(recipient, x25519.X25519PublicKey):
        short = x25519.X25519PrivateKey.generate()
        return short.exchange(recipient), short.public_key().public_bytes_raw()
    assert isinstance(recipient, x448.X448PublicKey)
    long = x448.X448PrivateKey.generate()
    return long.exchange(recipient), long.public_key().public_bytes_raw()


def derive(secret: bytes, agreement: Agreement, wrap: KeyWrap, identifier: bytes, ukm: bytes | None) -> bytes:
    """Return the key-encryption key, derived over ECC-CMS-SharedInfo (RFC 5753 §7.2).

    With HKDF the user keying material, where there is any, is the salt as well (RFC 8418 §2.2).
    """
    supplied = b"" if ukm is None else der.explicit(0, der.octets(ukm))
    bits = der.octets((wrap.key_size * 8).to_bytes(4, "big"))
    shared_info = der.sequence(identifier, supplied, der.explicit(2, bits))
    digest = HASHES[agreement.digest]
    if agreement.derivation == "hkdf":
        return HKDF(digest, wrap.key_size, ukm, shared_info).derive(secret)
    return X963KDF(digest, wrap.key_size, shared_info).derive(secret)


@dataclass(frozen=True, slots=True)
class Kem:
    """What a KEMRecipientInfo has besides (RFC 9629 §3); ``key_size`` is kekLength, in octets."""

    mechanism: Identifier
    ciphertext: bytes
    derivation: Identifier
    key_size: int
    ukm: bytes | None
    wrap: Identifier


@dataclass(frozen=True, slots=True)
class Recipient:
    """One wrapped content key as read, and whom it is for.

    ``kind`` is the tag of the RecipientInfo. Of those that are never opened (passwords, shared keys, unknown ones)
    nothing else is read: they have neither ``identity`` nor ``algorithm``.
    """

    kind: int
    identity: Identity | None = None
    algorithm: Identifier | None = None
    """keyEncryptionAlgorithm, or the mechanism of a key encapsulation."""
    wrapped: bytes = b""
    originator: Element | None = None
    ukm: bytes | None = None
    kem: Kem | None = None

    @property
    def method(self) -> str:
        """How the content key is wrapped, in a word for the record; ``unknown`` where that is not in the table."""
        if self.algorithm is None:
            return _UNOPENED[self.kind]
        return _METHODS.get(self.algorithm.oid, "unknown")


_UNOPENED = {ENCRYPTION_KEY: "shared-key", PASSWORD: "password", OTHER: "unknown"}
_METHODS = {
    RSA_ENCRYPTION[2:]: "rsa-pkcs1v15",
    RSAES_OAEP[2:]: "rsa-oaep",
    **dict.fromkeys(AGREEMENT_BY_OID, "ecdh"),
    **{oid: f"ml-kem-{row.size}" for oid, row in ENCAPSULATION_BY_OID.items()},
}


def read_recipients(element: Element) -> tuple[Recipient, ...]:
    """Read RecipientInfos: every wrapped key in it, in order. Raises ``Malformed``, ``LimitExceeded``."""
    found: list[Recipient] = []
    for item in members(element, RECIPIENTS):
        found += _read_recipient(item)
    if not found:
        raise Malformed("enveloped data without recipients")
    if len(found) > RECIPIENTS:
        raise LimitExceeded(f"more than {RECIPIENTS} recipients")
    return tuple(found)


def _read_recipient(element: Element) -> list[Recipient]:
    if element.tag == TRANSPORT:
        return [_read_transport(element)]
    if element.tag == AGREEMENT:
        return _read_agreement(element)
    if element.tag == OTHER:
        return [_read_other(element)]
    return [Recipient(element.expect(ENCRYPTION_KEY, PASSWORD).tag)]


def _read_transport(element: Element) -> Recipient:
    fields = Fields(element)
    fields.skip_version()
    identity = read_identity(fields.next())
    algorithm = read_identifier(fields.next())
    wrapped = fields.next().octets()
    fields.end()
    return Recipient(TRANSPORT, identity, algorithm, wrapped)


def _read_agreement(element: Element) -> list[Recipient]:
    fields = Fields(element, AGREEMENT)
    fields.skip_version()
    originator = fields.take(der.context(0)).only()
    ukm = fields.optional(der.context(1))
    material = None if ukm is None else ukm.only().octets()
    algorithm = read_identifier(fields.next())
    keys = members(fields.next(), RECIPIENTS, der.SEQUENCE)
    fields.end()
    return [Recipient(AGREEMENT, *_read_encrypted_key(key, algorithm), originator, material) for key in keys]


def _read_encrypted_key(element: Element, algorithm: Identifier) -> tuple[Identity, Identifier, bytes]:
    """RecipientEncryptedKey; its ``[0]`` is a RecipientKeyIdentifier, a sequence that begins with the key id."""
    fields = Fields(element)
    name = fields.take(der.SEQUENCE, der.context(0))
    if name.tag == der.SEQUENCE:
        identity = read_identity(name)
    else:
        identity = Identity(None, None, Fields(name, der.context(0)).next().octets())
    wrapped = fields.next().octets()
    fields.end()
    return identity, algorithm, wrapped


def _read_other(element: Element) -> Recipient:
    """OtherRecipientInfo (RFC 5652 §6.2.5), and the KEMRecipientInfo that it may be."""
    fields = Fields(element, OTHER)
    if fields.next().oid() != _KEM[2:]:
        return Recipient(OTHER)
    info = Fields(fields.next())
    fields.end()
    info.skip_version()
    identity = read_identity(info.next())
    mechanism = read_identifier(info.next())
    ciphertext = info.next().octets()
    derivation = read_identifier(info.next())
    size = info.next().integer()
    ukm = info.optional(der.context(0))
    material = None if ukm is None else ukm.only().octets()
    wrap = read_identifier(info.next())
    wrapped = info.next().octets()
    info.end()
    kem = Kem(mechanism, ciphertext, derivation, size, material, wrap)
    return Recipient(OTHER, identity, mechanism, wrapped, kem=kem)
