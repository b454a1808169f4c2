"""Certificates and CRLs as authorities in the field write them, and as no builder will: edited and signed anew."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.asn1 import der
from gateway.asn1.ber import read
from tests.authority import Issued

Fields = list[bytes]
"""The fields of a TBSCertificate or TBSCertList, each a TLV."""
Edit = Callable[[Fields], Fields]

VERSION, SERIAL, ISSUER, SUBJECT, EXTENSIONS = 0, 1, 3, 5, -1
COMMON_NAME, ORGANIZATION, POSTAL_ADDRESS = "2.5.4.3", "2.5.4.10", "2.5.4.16"
POSTAL = der.sequence(der.tlv(0x0C, b"1 Main Street"), der.tlv(0x0C, b"Town"))


def signed_again(data: bytes, signer: Issued, edit: Edit) -> bytes:
    """Return a certificate or CRL with the fields of its signed part edited, signed by an EC key."""
    body, algorithm, _ = read(data).children
    new = der.sequence(*edit([bytes(field.raw) for field in body.children]))
    assert isinstance(signer.private_key, ec.EllipticCurvePrivateKey)
    signature = signer.private_key.sign(new, ec.ECDSA(SHA256()))
    return der.sequence(new, bytes(algorithm.raw), der.tlv(der.BIT_STRING, b"\0" + signature))


def name(*attributes: tuple[str, bytes]) -> bytes:
    """Return a Name with one RDN for each (dotted OID, value TLV)."""
    return der.sequence(*(der.tlv(der.SET, der.sequence(der.oid(kind), value)) for kind, value in attributes))


def put(place: int, value: bytes) -> Edit:
    """Replace one field."""

    def edit(fields: Fields) -> Fields:
        fields[place] = value
        return fields

    return edit


def critical_false(fields: Fields) -> Fields:
    """Write the default of ``critical`` out in every extension that is not critical."""
    spelt = []
    for extension in read(fields[EXTENSIONS]).only().children:
        kind, *critical, value = (bytes(part.raw) for part in extension.children)
        spelt.append(der.sequence(kind, *(critical or [der.tlv(der.BOOLEAN, b"\0")]), value))
    return put(EXTENSIONS, der.explicit(3, der.sequence(*spelt)))(fields)
