"""SignedData: making it (``sign_detached``, ``sign_opaque``) and reading it (``read_signed``, ``verify``). RFC 5652 §5.

What we make has one signer, signed attributes and the certificates handed in. ``verify`` is mathematics and the rules
of the signed attributes; it returns or raises. Whether the certificate behind the key deserves trust, or belongs to
the sender, is not asked here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, members
from gateway.cms.algorithm import DIGEST_BY_OID, DIGESTS, SIGNATURE_BY_OID, Digest, unsupported
from gateway.cms.attribute import CONTENT_TYPE, MESSAGE_DIGEST, read_attributes, retag, signed_attributes, single
from gateway.cms.content import DATA, SIGNED_DATA, Content, Octets, content_info, read_content_info, slices
from gateway.cms.identity import Identity, issuer_and_serial, read_identity
from gateway.cms.parameter import Identifier, read_identifier, read_pss, signature_identifier
from gateway.cms.rejected import Rejected
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.key import HASHES, PrivateKey, SignatureScheme
from gateway.reason import Reason

SIGNERS = 10
CERTIFICATES = 50


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a certificate, its private key, and how (``algorithm.scheme_for``)."""

    certificate: Certificate
    key: PrivateKey
    scheme: SignatureScheme

    @property
    def digest(self) -> Digest:
        """The digest over the content."""
        return DIGESTS[self.scheme.digest]


def sign_detached(digest: bytes, signer: Signer, chain: Sequence[bytes], at: datetime) -> bytes:
    """Return the ContentInfo of a detached signature.

    ``digest`` is that of the content under ``signer.digest``; ``chain`` holds the DER of the certificates above the
    signer's, without the root; ``at`` (aware, UTC) becomes the signingTime.
    """
    frame = _signed_data(der.Frame(der.sequence(DATA), 0), digest, signer, chain, at)
    return frame.before + frame.after


def sign_opaque(content: Content, signer: Signer, chain: Sequence[bytes], at: datetime) -> Iterator[bytes | memoryview]:
    """Yield the ContentInfo of a signature that carries ``content``, in pieces; ``content`` itself is not copied."""
    pieces = slices(content)
    hasher = signer.digest.new()
    for piece in pieces:
        hasher.update(piece)
    payload = der.Frame(b"", sum(piece.nbytes for piece in pieces)).within(der.OCTET_STRING)
    encapsulated = payload.within(0xA0).within(der.SEQUENCE, DATA)
    frame = _signed_data(encapsulated, hasher.digest(), signer, chain, at)
    yield frame.before
    yield from pieces
    yield frame.after


def _signed_data(content: der.Frame, digest: bytes, signer: Signer, chain: Sequence[bytes], at: datetime) -> der.Frame:
    """SignedData version 1 (RFC 5652 §5.1) around an encapContentInfo."""
    before = der.integer(1) + der.tlv(der.SET, signer.digest.identifier)
    certificates = der.set_of((signer.certificate.der, *chain), 0xA0)
    infos = der.tlv(der.SET, _signer_info(digest, signer, at))
    return content_info(SIGNED_DATA, content.within(der.SEQUENCE, before, certificates + infos))


def _signer_info(digest: bytes, signer: Signer, at: datetime) -> bytes:
    """SignerInfo version 1, named by issuer and serial number (RFC 5652 §5.3); signed as a SET OF (§5.4)."""
    attributes = signed_attributes(digest, signer.certificate, at)
    signature = signer.key.sign(attributes, signer.scheme)
    return der.sequence(
        der.integer(1),
        issuer_and_serial(signer.certificate),
        signer.digest.identifier,
        retag(attributes, 0xA0),
        signature_identifier(signer.scheme),
        der.octets(signature),
    )


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signature as read."""

    signer: Identity
    digest_algorithm: Identifier
    attributes: Element | None
    signature_algorithm: Identifier
    signature: bytes
    content_type: bytes
    """eContentType of the SignedData it stands in."""

    @property
    def digest(self) -> Digest:
        """The digest over the content. Raises ``Rejected``."""
        row = DIGEST_BY_OID.get(self.digest_algorithm.oid)
        if row is None or not self.digest_algorithm.plain:
            raise unsupported("the digest algorithm of a signature is unknown")
        return row


@dataclass(frozen=True, slots=True)
class SignedData:
    """A SignedData as read. ``content``: segments of the eContent, None where it is detached."""

    content: list[memoryview] | None
    certificates: tuple[memoryview, ...]
    """X.509 certificates as they stand; other kinds are left out."""
    signers: tuple[SignerInfo, ...]


def read_signed(data: Octets) -> SignedData:
    """Read a ContentInfo that holds SignedData. Raises ``Malformed``, ``LimitExceeded``."""
    content_type, content = read_content_info(data)
    if content_type != SIGNED_DATA[2:]:
        raise Malformed("this CMS structure is not SignedData")
    return signed_data(content)


def signed_data(element: Element) -> SignedData:
    """Read a SignedData (RFC 5652 §5.1). Raises ``Malformed``, ``LimitExceeded``."""
    fields = Fields(element)
    fields.next().integer()
    digests = {read_identifier(item).oid for item in members(fields.next(), SIGNERS)}
    content_type, content = _encapsulated(fields.next())
    certificates = fields.optional(0xA0)
    fields.optional(0xA1)
    infos = members(fields.next(), SIGNERS)
    fields.end()
    signers = tuple(_read_signer(info, content_type) for info in infos)
    if any(signer.digest_algorithm.oid not in digests for signer in signers):
        raise Malformed("the digest of a signature is not announced in digestAlgorithms")
    return SignedData(content, _certificates(certificates), signers)


def _encapsulated(element: Element) -> tuple[bytes, list[memoryview] | None]:
    """EncapsulatedContentInfo: eContentType and the segments of eContent."""
    fields = Fields(element)
    content_type = fields.next().oid()
    explicit = fields.optional(0xA0)
    fields.end()
    if explicit is None:
        return content_type, None
    return content_type, explicit.only().chunks()


def _certificates(element: Element | None) -> tuple[memoryview, ...]:
    if element is None:
        return ()
    return tuple(item.raw for item in members(element, CERTIFICATES, 0xA0) if item.tag == der.SEQUENCE)


def _read_signer(element: Element, content_type: bytes) -> SignerInfo:
    """SignerInfo (RFC 5652 §5.3)."""
    fields = Fields(element)
    fields.next().integer()
    signer = read_identity(fields.next())
    digest_algorithm = read_identifier(fields.next())
    attributes = fields.optional(0xA0)
    signature_algorithm = read_identifier(fields.next())
    signature = fields.next().octets()
    fields.optional(0xA1)
    fields.end()
    return SignerInfo(signer, digest_algorithm, attributes, signature_algorithm, signature, content_type)


def verify(info: SignerInfo, digest: bytes, key: PublicKeyTypes) -> None:
    """Check one signature: that it covers content of this ``digest`` (under ``info.digest``) and was made by ``key``.

    Raises ``Malformed`` where the signed attributes break RFC 5652 §5.3, §5.4 and §11, and ``Rejected``:
    unsupported-algorithm, altered (the content is another one), bad-signature.
    """
    if info.attributes is None:
        raise Malformed("a signature without signed attributes")
    attributes = read_attributes(info.attributes)
    if single(attributes, CONTENT_TYPE).oid() != DATA[2:] or info.content_type != DATA[2:]:
        raise Malformed("the signed content type is not id-data")
    covered = single(attributes, MESSAGE_DIGEST).octets()
    try:
        _verify(info, retag(info.attributes.raw, der.SET), key)
    except (InvalidSignature, ValueError) as error:
        raise Rejected(Reason.BAD_SIGNATURE, "the signature does not verify") from error
    if covered != digest:
        raise Rejected(Reason.ALTERED, "the content is not what was signed")


def _verify(info: SignerInfo, data: bytes, key: PublicKeyTypes) -> None:
    """Raises ``InvalidSignature`` or ``ValueError`` where ``data`` was not signed by ``key``, ``Rejected``."""
    row = SIGNATURE_BY_OID.get(info.signature_algorithm.oid)
    if row is None or row.digest not in (None, info.digest.name):
        raise unsupported("the signature algorithm is unknown, or goes with another digest than the one named")
    hashed = HASHES[info.digest.name]
    match row.kind, key:
        case "rsa-pkcs1v15", rsa.RSAPublicKey():
            key.verify(info.signature, data, padding.PKCS1v15(), hashed)
        case "rsa-pss", rsa.RSAPublicKey():
            key.verify(info.signature, data, _pss(info), hashed)
        case "ecdsa", ec.EllipticCurvePublicKey():
            key.verify(info.signature, data, ec.ECDSA(hashed))
        case "eddsa", ed25519.Ed25519PublicKey():
            key.verify(info.signature, data)
        case _:
            raise InvalidSignature("the key is not of the kind that the signature algorithm asks for")


def _pss(info: SignerInfo) -> padding.PSS:
    """The padding that the parameters name; their digest must be that of the signer info (RFC 4056 §3)."""
    digest, salt = read_pss(info.signature_algorithm.parameters)
    if digest != info.digest.name:
        raise unsupported("RSASSA-PSS with another digest than the one named")
    return padding.PSS(padding.MGF1(HASHES[digest]), salt)
