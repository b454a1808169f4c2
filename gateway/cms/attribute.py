"""Signed attributes: those we make, and strict rules for those we read (RFC 5652 §5.3, §5.4, §11; RFC 8551 §2.5)."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, members
from gateway.cms.content import DATA
from gateway.cms.parameter import capabilities
from gateway.errors import Malformed
from gateway.pki.certificate import Certificate

ATTRIBUTES = 50

CONTENT_TYPE = der.oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = der.oid("1.2.840.113549.1.9.4")
SIGNING_TIME = der.oid("1.2.840.113549.1.9.5")
SMIME_CAPABILITIES = der.oid("1.2.840.113549.1.9.15")
SIGNING_CERTIFICATE_V2 = der.oid("1.2.840.113549.1.9.16.2.47")


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.sequence(kind, der.tlv(der.SET, value))


_CONTENT_TYPE_DATA = _attribute(CONTENT_TYPE, DATA)
_CAPABILITIES = _attribute(SMIME_CAPABILITIES, capabilities())


def signed_attributes(digest: bytes, certificate: Certificate, at: datetime) -> bytes:
    """Return the attributes as they are signed: a SET OF in DER. ``at`` (aware, UTC) is the signingTime."""
    return der.set_of(
        (
            _CONTENT_TYPE_DATA,
            _attribute(MESSAGE_DIGEST, der.octets(digest)),
            _attribute(SIGNING_TIME, der.time(at)),
            _CAPABILITIES,
            _signing_certificate(certificate),
        )
    )


@lru_cache(512)
def _signing_certificate(certificate: Certificate) -> bytes:
    """signingCertificateV2 with one ESSCertIDv2: SHA-256, which is the default and left out (RFC 5035 §4)."""
    certificate_id = der.sequence(der.octets(bytes.fromhex(certificate.fingerprint)))
    return _attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(certificate_id)))


def retag(attributes: bytes | memoryview, tag: int) -> bytes:
    """Return encoded attributes under another tag: ``[0]`` where they stand, SET where they are hashed."""
    return bytes((tag,)) + attributes[1:]


def read_attributes(element: Element) -> Mapping[bytes, Element]:
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


def single(attributes: Mapping[bytes, Element], kind: bytes) -> Element:
    """Return the one value that attribute ``kind`` must have. Raises ``Malformed``."""
    values = attributes.get(kind[2:])
    if values is None:
        raise Malformed("an attribute that a signature must have is missing")
    return values.only()
