"""How CMS names a certificate: by issuer and serial number, or by subject key identifier (RFC 5652 §5.3, §6.2.1)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.pki.certificate import Certificate
from gateway.pki.names import name_key


class Named(Protocol):
    """What a certificate is named by."""

    @property
    def issuer_der(self) -> bytes: ...
    @property
    def serial(self) -> int: ...
    @property
    def subject_key_id(self) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """The name of a certificate: ``issuer_der`` (the Name as it stands) and ``serial``, or ``key_id``.

    Names match by value (RFC 5280 §7.1): writers encode an issuer anew, in another string type.
    """

    issuer_der: bytes | None
    serial: int | None
    key_id: bytes | None

    def names(self, certificate: Named) -> bool:
        """Whether this is the name of ``certificate``."""
        if self.key_id is not None:
            return self.key_id == certificate.subject_key_id
        if self.serial != certificate.serial or self.issuer_der is None:
            return False
        return self.issuer_der == certificate.issuer_der or name_key(self.issuer_der) == name_key(
            certificate.issuer_der
        )


@lru_cache(2048)
def issuer_and_serial(certificate: Certificate) -> bytes:
    """Return the IssuerAndSerialNumber of ``certificate`` (RFC 5652 §10.2.4)."""
    return der.sequence(certificate.issuer_der, der.integer(certificate.serial))


def read_identity(element: Element) -> Identity:
    """Read IssuerAndSerialNumber or ``[0]`` SubjectKeyIdentifier. Raises ``Malformed``."""
    if element.tag != der.SEQUENCE:
        return Identity(None, None, element.octets(der.primitive(0)))
    fields = Fields(element)
    issuer = bytes(fields.take(der.SEQUENCE).raw)
    serial = fields.next().integer()
    fields.end()
    return Identity(issuer, serial, None)
