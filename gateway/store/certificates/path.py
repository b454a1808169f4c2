"""Several certificates in one column: a DER SEQUENCE of them, leaf or nearest first."""

from gateway.asn1 import der
from gateway.asn1.ber import read
from gateway.pki.certificate import read_certificate
from gateway.pki.path import CertificatePath


def packed(path: CertificatePath) -> bytes:
    """To the database."""
    return der.sequence(*(certificate.der for certificate in path))


def unpacked(column: bytes) -> CertificatePath:
    """From the database."""
    return tuple(read_certificate(bytes(item.raw)) for item in read(column).children)
