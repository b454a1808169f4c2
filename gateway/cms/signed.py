"""SignedData: making it (``sign_detached``, ``sign_opaque``) and reading it (``read_signed``, ``verify``). RFC 5652 §5.

What we make has one signer, signed attributes and the certificates handed in. ``verify`` and ``verify_signer`` are
mathematics and the rules of the signed attributes; they return facts or raise. Whether the certificate behind the key
deserves trust, or belongs to the sender, is not asked here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, members
from gateway.cms.algorithm import DIGEST_BY_OID, DIGESTS, MD5, Digest, unsupported, weak
from gateway.cms.attribute import (
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    Attributes,
    announced,
    binds,
    check_unsigned,
    preferred,
    read_attributes,
    retag,
    signed_attributes,
    signing_time,
    single,
)
from gateway.cms.content import DATA, SIGNED_DATA, Buffer, Content, content_info, read_content_info, slices
from gateway.cms.identity import Identity, issuer_and_serial, read_identity
from gateway.cms.parameter import Identifier, read_identifier, signature_identifier
from gateway.cms.rejected import Rejected
from gateway.cms.signature import Scheme, read_scheme
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.pki.key import PrivateKey, SignatureScheme
from gateway.pki.kinds import KeyKind, SignatureKind
from gateway.reason import Reason

SIGNERS = 10
CERTIFICATES = 50
REVOCATION_LISTS = 20


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: a certificate, its private key, and how (``algorithm.scheme_for``)."""

    certificate: Certificate
    key: PrivateKey
    scheme: SignatureScheme
    preferred: Certificate | None = None
    """The signer's certificate to encrypt to, where it is another; it is announced, and travels with the chain."""

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
    encapsulated = payload.within(der.context(0)).within(der.SEQUENCE, DATA)
    frame = _signed_data(encapsulated, hasher.digest(), signer, chain, at)
    yield frame.before
    yield from pieces
    yield frame.after


def _signed_data(content: der.Frame, digest: bytes, signer: Signer, chain: Sequence[bytes], at: datetime) -> der.Frame:
    """SignedData version 1 (RFC 5652 §5.1) around an encapContentInfo; the attributes are signed as a SET OF (§5.4)."""
    fixed = _fixed(signer.certificate, signer.scheme, tuple(chain))
    attributes = signed_attributes(digest, signer.certificate, at, signer.preferred)
    signature = der.octets(signer.key.sign(attributes, signer.scheme))
    info = der.sequence(fixed.named, retag(attributes, der.context(0)), fixed.algorithm, signature)
    return content_info(
        SIGNED_DATA, content.within(der.SEQUENCE, fixed.before, fixed.certificates + der.tlv(der.SET, info))
    )


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What is the same in all that one signer signs: up to the content; the certificates; of its SignerInfo version 1,
    what names it by issuer and serial number (RFC 5652 §5.3), and the signatureAlgorithm."""

    before: bytes
    certificates: bytes
    named: bytes
    algorithm: bytes


@lru_cache(512)
def _fixed(certificate: Certificate, scheme: SignatureScheme, chain: tuple[bytes, ...]) -> _Fixed:
    digest = DIGESTS[scheme.digest].identifier
    return _Fixed(
        before=der.integer(1) + der.tlv(der.SET, digest),
        certificates=der.set_of((certificate.der, *chain), der.context(0)),
        named=der.integer(1) + issuer_and_serial(certificate) + digest,
        algorithm=signature_identifier(scheme),
    )


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signature as read."""

    signer: Identity
    digest_algorithm: Identifier
    attributes: Element | None
    signature_algorithm: Identifier
    signature: bytes
    unsigned: Element | None
    content_type: bytes
    """eContentType of the SignedData it stands in."""
    announced: bool
    """Whether digestAlgorithms holds its digest."""

    @property
    def digest(self) -> Digest:
        """The digest over the content. Raises ``Rejected``: weak-algorithm, unsupported-algorithm."""
        if self.digest_algorithm.oid == MD5:
            raise weak("a signature over MD5")
        row = DIGEST_BY_OID.get(self.digest_algorithm.oid)
        if row is None or not self.digest_algorithm.takes(row.parameters):
            raise unsupported("the digest algorithm of a signature is unknown")
        return row


@dataclass(frozen=True, slots=True)
class SignedData:
    """A SignedData as read. ``content``: segments of the eContent, None where it is detached.

    Without ``signers`` it carries certificates, or content that nobody signed (RFC 5652 §5.1): it is no signature.
    """

    content: list[memoryview] | None
    certificates: tuple[memoryview, ...]
    """X.509 certificates as they stand; other kinds are left out."""
    revocation_lists: tuple[memoryview, ...]
    """CRLs as they stand; other kinds of revocation information are left out."""
    signers: tuple[SignerInfo, ...]


def read_signed(data: Buffer) -> SignedData:
    """Read a ContentInfo that holds SignedData. Raises ``Malformed``, ``LimitExceeded``."""
    content_type, content = read_content_info(data)
    if content_type != SIGNED_DATA[2:]:
        raise Malformed("this CMS structure is not SignedData")
    return signed_data(content)


def signed_data(element: Element) -> SignedData:
    """Read a SignedData (RFC 5652 §5.1). Raises ``Malformed``, ``LimitExceeded``."""
    fields = Fields(element)
    fields.skip_version()
    digests = {read_identifier(item).oid for item in members(fields.next(), SIGNERS)}
    content_type, content = _encapsulated(fields.next())
    certificates = _sequences(fields.optional(der.context(0)), CERTIFICATES)
    revocation_lists = _sequences(fields.optional(der.context(1)), REVOCATION_LISTS)
    infos = members(fields.next(), SIGNERS)
    fields.end()
    signers = tuple([_read_signer(info, content_type, digests) for info in infos])
    return SignedData(content, certificates, revocation_lists, signers)


def _encapsulated(element: Element) -> tuple[bytes, list[memoryview] | None]:
    """EncapsulatedContentInfo: eContentType and the segments of eContent."""
    fields = Fields(element)
    content_type = fields.next().oid()
    explicit = fields.optional(der.context(0))
    fields.end()
    if explicit is None:
        return content_type, None
    return content_type, explicit.only().chunks()


def _sequences(element: Element | None, limit: int) -> tuple[memoryview, ...]:
    """The members of a set that are plain sequences: X.509 certificates and CRLs (RFC 5652 §10.2.1, §10.2.2)."""
    if element is None:
        return ()
    return tuple([item.raw for item in members(element, limit, element.tag) if item.tag == der.SEQUENCE])


def _read_signer(element: Element, content_type: bytes, digests: set[bytes]) -> SignerInfo:
    """SignerInfo (RFC 5652 §5.3)."""
    fields = Fields(element)
    fields.skip_version()
    signer = read_identity(fields.next())
    digest_algorithm = read_identifier(fields.next())
    attributes = fields.optional(der.context(0))
    signature_algorithm = read_identifier(fields.next())
    signature = fields.next().octets()
    unsigned = fields.optional(der.context(1))
    fields.end()
    announced = digest_algorithm.oid in digests
    return SignerInfo(
        signer, digest_algorithm, attributes, signature_algorithm, signature, unsigned, content_type, announced
    )


def content_digests(signers: Iterable[SignerInfo], content: Content) -> dict[str, bytes]:
    """Return the hash of ``content`` under every digest of ``signers`` that is known, by name; one pass over it."""
    rows = {row.name: row for signer in signers if (row := DIGEST_BY_OID.get(signer.digest_algorithm.oid)) is not None}
    hashers = {name: row.new() for name, row in rows.items()}
    for piece in slices(content):
        for hasher in hashers.values():
            hasher.update(piece)
    return {name: hasher.digest() for name, hasher in hashers.items()}


@dataclass(frozen=True, slots=True)
class Verified:
    """What holds of a signature whose mathematics is right: facts apart from one another, for policy to judge.

    Whether the certificate is trusted and belongs to the sender is not among them.
    """

    digest: str
    algorithm: str
    """``rsa-pkcs1v15``, ``rsa-pss``, ``ecdsa``, ``ed25519``, ``ed448``, ``ml-dsa-44`` …, ``dsa``."""
    weak: bool
    """SHA-1 or DSA; the size of the key is the certificate's matter."""
    attributes: bool
    """Whether attributes were signed; they may be absent (RFC 8551 §2.5). The content must not read as some then:
    ``attribute.reads_as_attributes``."""
    bound: bool
    """Whether a signed signingCertificate attribute names the certificate; always False for a bare key."""
    _signed: Attributes

    @property
    def signing_time(self) -> datetime | None:
        """What the signer says (aware, UTC); information only."""
        return signing_time(self._signed)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the signer announces to open, best first: names of content ciphers, ``oaep``; information only."""
        return announced(self._signed)

    @property
    def preferred(self) -> Identity | None:
        """How the signer names the certificate to encrypt to; information only."""
        return preferred(self._signed)

    def reasons(self, accept_legacy: bool) -> list[Reason]:
        """Return what keeps such a signature from passing, in the order of the record; none: nothing in CMS does."""
        return [Reason.WEAK_ALGORITHM] if self.weak and not accept_legacy else []


def verify(info: SignerInfo, digest: bytes, key: PublicKeyTypes) -> Verified:
    """Check one signature: that it covers content of this ``digest`` (under ``info.digest``) and was made by ``key``.

    Raises ``Malformed`` where the attributes break RFC 5652 §5.3, §5.4 and §11, and ``Rejected``:
    unsupported-algorithm, altered (the content is another one), bad-signature.
    """
    return _verify(info, digest, key, None)


def verify_signer(info: SignerInfo, digest: bytes, certificate: Certificate) -> Verified:
    """Check one signature like ``verify``, by the key of ``certificate`` and under what that certificate says.

    ``certificate`` must be the one that the signature names, by ``info.signer`` and in its signingCertificate
    attribute where there is one (RFC 5035); a key for RSASSA-PSS makes nothing else (RFC 4055 §1.2). Raises as
    ``verify``; ``Rejected`` bad-signature too where the certificate is another one.
    """
    if not info.signer.names(certificate):
        raise Rejected(Reason.BAD_SIGNATURE, "the signature names another certificate")
    verified = _verify(info, digest, certificate.public_key, certificate)
    if certificate.key_kind == KeyKind.RSA_PSS and verified.algorithm != SignatureKind.RSA_PSS:
        raise Rejected(Reason.BAD_SIGNATURE, "the signature is of a kind that its certificate does not allow")
    return verified


def _verify(info: SignerInfo, digest: bytes, key: PublicKeyTypes, certificate: Certificate | None) -> Verified:
    if info.content_type != DATA[2:]:
        raise Malformed("the signed content type is not id-data")
    if not info.announced:
        raise Malformed("the digest of a signature is not announced in digestAlgorithms")
    if info.unsigned is not None:
        check_unsigned(info.unsigned)
    scheme = read_scheme(info.signature_algorithm, info.digest)
    if info.attributes is None:
        scheme.check_digest(key, info.signature, digest)
        return Verified(info.digest.name, scheme.kind, scheme.legacy, False, False, {})
    attributes = read_attributes(info.attributes)
    if single(attributes, CONTENT_TYPE).oid() != DATA[2:]:
        raise Malformed("the signed content type is not id-data")
    covered = single(attributes, MESSAGE_DIGEST).octets()
    _check_attributes(scheme, info, info.attributes, key)
    if covered != digest:
        raise Rejected(Reason.ALTERED, "the content is not what was signed")
    bound = certificate is not None and binds(attributes, certificate)
    return Verified(info.digest.name, scheme.kind, scheme.legacy, True, bound, attributes)


def verify_made(info: SignerInfo, digest: bytes, signer: Signer, at: datetime) -> None:
    """Check a signature that ``signer`` made at ``at``, as read back, like ``verify``.

    What its attributes have to be is known to the octet: they are compared, and not read once more. Raises as
    ``verify``.
    """
    if info.content_type != DATA[2:] or not info.announced or info.unsigned is not None:
        raise Malformed("the signature does not stand in the structure that was made for it")
    attributes = signed_attributes(digest, signer.certificate, at, signer.preferred)
    if info.attributes is None or retag(info.attributes.raw, der.SET) != attributes:
        raise Rejected(Reason.ALTERED, "the signed attributes are not those of the content")
    read_scheme(info.signature_algorithm, info.digest).check(signer.certificate.public_key, info.signature, attributes)


def _check_attributes(scheme: Scheme, info: SignerInfo, attributes: Element, key: PublicKeyTypes) -> None:
    """Check the signature over the attributes as they stand, else over their DER (RFC 5652 §5.4).

    The two differ where a writer signed a sorted SET and sent it unsorted, or sorted nothing at all.
    """
    sent = retag(attributes.raw, der.SET)
    try:
        scheme.check(key, info.signature, sent)
    except Rejected as rejected:
        ordered = der.set_of(bytes(item.raw) for item in attributes.children)
        if rejected.reason is not Reason.BAD_SIGNATURE or ordered == sent:
            raise
        scheme.check(key, info.signature, ordered)
