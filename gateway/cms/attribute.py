"""Signed attributes: those we make, and strict rules for those we read (RFC 5652 §5.3, §5.4, §11; RFC 8551 §2.5).

What a signature rests on (content type, message digest, signing certificate) raises where it breaks a rule. What is
information only (signing time, capabilities) is None or empty where it cannot be told.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, members, read
from gateway.asn1.oid import Oid
from gateway.cms.algorithm import DIGEST_BY_OID, DIGESTS
from gateway.cms.content import DATA, Buffer
from gateway.cms.identity import Identity, issuer_and_serial
from gateway.cms.parameter import capabilities, read_capabilities, read_identifier
from gateway.cms.rejected import Rejected
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate
from gateway.reason import Reason

ATTRIBUTES = 50
CAPABILITIES_SIZE = 2048
"""Bytes of an SMIMECapabilities that is looked at; usual ones have a hundred."""

CONTENT_TYPE = der.oid(Oid.CONTENT_TYPE)
MESSAGE_DIGEST = der.oid(Oid.MESSAGE_DIGEST)
SIGNING_TIME = der.oid(Oid.SIGNING_TIME)
SMIME_CAPABILITIES = der.oid(Oid.SMIME_CAPABILITIES)
KEY_PREFERENCE = der.oid(Oid.ENCRYPTION_KEY_PREFERENCE)
SIGNING_CERTIFICATE = der.oid(Oid.SIGNING_CERTIFICATE)
SIGNING_CERTIFICATE_V2 = der.oid(Oid.SIGNING_CERTIFICATE_V2)

Attributes = Mapping[bytes, Element]
"""The set of values of each attribute, by the content octets of its OID."""

_NEVER_UNSIGNED = frozenset(kind[2:] for kind in (CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return _before(kind, len(value)) + value


@lru_cache(64)
def _before(kind: bytes, size: int) -> bytes:
    """What stands before the one value of an attribute, which has so many octets."""
    return der.Frame(b"", size).within(der.SET).within(der.SEQUENCE, kind).before


_CONTENT_TYPE_DATA = _attribute(CONTENT_TYPE, DATA)
_CAPABILITIES = _attribute(SMIME_CAPABILITIES, capabilities())


def signed_attributes(
    digest: bytes, certificate: Certificate, at: datetime, preferred: Certificate | None = None
) -> bytes:
    """Return the attributes as they are signed: a SET OF in DER. ``at`` (aware, UTC) is the signingTime.

    ``preferred``: the certificate to encrypt to, where that is another than the signer's (RFC 8551 §2.5.3).
    """
    of_message = _attribute(MESSAGE_DIGEST, der.octets(digest)), _attribute(SIGNING_TIME, der.time(at))
    return der.set_of((*_of_signer(certificate, preferred), *of_message))


@lru_cache(512)
def _of_signer(certificate: Certificate, preferred: Certificate | None) -> tuple[bytes, ...]:
    """The attributes that are the same in all that one signer signs."""
    preference = () if preferred is None else (_key_preference(preferred),)
    return (_CONTENT_TYPE_DATA, _CAPABILITIES, _signing_certificate(certificate), *preference)


def _key_preference(certificate: Certificate) -> bytes:
    """SMIMEEncryptionKeyPreference, its issuerAndSerialNumber form."""
    return _attribute(KEY_PREFERENCE, retag(issuer_and_serial(certificate), der.context(0)))


def _signing_certificate(certificate: Certificate) -> bytes:
    """signingCertificateV2 with one ESSCertIDv2: SHA-256, which is the default and left out (RFC 5035 §4)."""
    certificate_id = der.sequence(der.octets(bytes.fromhex(certificate.fingerprint)))
    return _attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(certificate_id)))


def retag(attributes: bytes | memoryview, tag: int) -> bytes:
    """Return encoded attributes under another tag: ``[0]`` where they stand, SET where they are hashed."""
    return bytes((tag,)) + attributes[1:]


def read_attributes(element: Element) -> Attributes:
    """Return the set of values of each attribute by the content octets of its OID.

    Raises ``Malformed`` where an attribute repeats or the set is of indefinite length (it must be DER).
    """
    if element.indefinite:
        raise Malformed("attributes that are signed or authenticated are not in DER")
    found: dict[bytes, Element] = {}
    items = members(element, ATTRIBUTES, element.tag)
    for item in items:
        fields = Fields(item)
        kind = fields.next().oid()
        found[kind] = fields.take(der.SET)
        fields.end()
    if len(found) != len(items):
        raise Malformed("a signed or authenticated attribute repeats")
    return found


def reads_as_attributes(content: Buffer) -> bool:
    """Return whether ``content`` is what would be hashed for signed attributes: a SET OF Attribute (RFC 5652 §5.4).

    A signature made over attributes verifies over such content, too, once they are left out: nobody signed it then.
    """
    if memoryview(content)[:1] != bytes((der.SET,)):
        return False
    try:
        items = read(content).children
        return bool(items) and all(item.tag == der.SEQUENCE and item.children[0].tag == der.OID for item in items)
    except (Malformed, IndexError):
        return False


def check_unsigned(element: Element) -> None:
    """Make sure that no unsigned attribute is one that must be signed (RFC 5652 §11.1-§11.3). Raises ``Malformed``."""
    for item in members(element, ATTRIBUTES, element.tag):
        if Fields(item).next().oid() in _NEVER_UNSIGNED:
            raise Malformed("an attribute that must be signed stands among the unsigned ones")


def single(attributes: Attributes, kind: bytes) -> Element:
    """Return the one value that attribute ``kind`` must have. Raises ``Malformed``."""
    values = attributes.get(kind[2:])
    if values is None:
        raise Malformed("an attribute that a signature must have is missing")
    return values.only()


def signing_time(attributes: Attributes) -> datetime | None:
    """Return the signingTime (aware, UTC); None where there is not exactly one that can be read (RFC 5652 §11.3)."""
    try:
        return _time(single(attributes, SIGNING_TIME))
    except (Malformed, ValueError):
        return None


def _time(element: Element) -> datetime:
    """UTCTime or GeneralizedTime as X.509 writes them. Raises ``Malformed``, ``ValueError``."""
    text = element.expect(der.UTC_TIME, der.GENERALIZED_TIME).value.decode("ascii")
    if element.tag == der.UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    if not (len(text) == len("YYYYMMDDHHMMSSZ") and text[:-1].isdecimal() and text[-1] == "Z"):
        raise Malformed("a time in another form than a certificate's")
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    return datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=UTC)


def announced(attributes: Attributes) -> tuple[str, ...]:
    """Return the signer's capabilities as ``parameter.read_capabilities`` does; none where they cannot be read."""
    try:
        value = single(attributes, SMIME_CAPABILITIES).raw
    except Malformed:
        return ()
    return _announced(bytes(value)) if len(value) <= CAPABILITIES_SIZE else ()


def certified(certificate: Certificate) -> tuple[str, ...]:
    """Return the capabilities that a certificate announces for its owner (RFC 4262), as ``announced`` does."""
    value = certificate.smime_capabilities or b""
    return _announced(value) if 0 < len(value) <= CAPABILITIES_SIZE else ()


@lru_cache(512)
def _announced(value: bytes) -> tuple[str, ...]:
    """Every program announces the same in all its mail, so what was read once is kept."""
    try:
        return read_capabilities(read(value))
    except Malformed:
        return ()


def preferred(attributes: Attributes) -> Identity | None:
    """Return how the signer names the certificate to encrypt to (RFC 8551 §2.5.3); None: not at all, or unreadably."""
    if KEY_PREFERENCE[2:] not in attributes:
        return None
    try:
        choice = single(attributes, KEY_PREFERENCE).expect(der.context(0), der.context(1), der.primitive(2))
        if choice.tag == der.primitive(2):
            return Identity(None, None, choice.value)
        fields = Fields(choice, choice.tag)
        if choice.tag == der.context(1):
            return Identity(None, None, fields.next().octets())
        return Identity(bytes(fields.take(der.SEQUENCE).raw), fields.next().integer(), None)
    except Malformed:
        return None


def binds(attributes: Attributes, certificate: Certificate) -> bool:
    """Whether a signingCertificate or signingCertificateV2 names ``certificate`` as the signer's (RFC 5035 §5.4).

    Raises ``Rejected`` bad-signature where one names another certificate, ``Malformed``.
    """
    found = [_names(attributes, kind, certificate) for kind in (SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2)]
    if False in found:
        raise Rejected(Reason.BAD_SIGNATURE, "the signature was made for another certificate of the same key")
    return True in found


def _names(attributes: Attributes, kind: bytes, certificate: Certificate) -> bool | None:
    """Compare the hash in the first ESSCertID, which is the signer's; None: not there, or its digest is unknown."""
    if kind[2:] not in attributes:
        return None
    fields = Fields(Fields(Fields(single(attributes, kind)).next()).take(der.SEQUENCE))
    algorithm = fields.optional(der.SEQUENCE) if kind == SIGNING_CERTIFICATE_V2 else None
    digest = DIGESTS["sha1" if kind == SIGNING_CERTIFICATE else "sha256"]
    if algorithm is not None:
        named = DIGEST_BY_OID.get(read_identifier(algorithm).oid)
        if named is None:
            return None
        digest = named
    hasher = digest.new()
    hasher.update(certificate.der)
    return fields.next().octets() == hasher.digest()
