"""Self-issued CA certificates that hold a mail address: a person's own, or an authority's?

``openssl req -x509`` writes CA:TRUE into what is meant as one person's certificate. Taken for an authority's it would
vouch for every address, so it is judged by what it says, in a fixed order, and where that is not clear somebody has
to say. A person's is read as a leaf (``as_person``): it stands for its own addresses, those of the subject too where
the subjectAltName has none, and is in no path of another.
"""

from dataclasses import replace
from enum import StrEnum

from gateway.asn1.oid import Oid
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.names import same_name

_ENCRYPTING = frozenset({"keyEncipherment", "dataEncipherment", "keyAgreement"})


class Whose(StrEnum):
    """Whom such a certificate stands for."""

    PERSON = "person"
    AUTHORITY = "authority"


def is_in_question(certificate: Certificate) -> bool:
    """Whether a certificate may be either."""
    holds_address = bool(certificate.addresses or certificate.subject_addresses)
    return certificate.is_ca and holds_address and same_name(certificate.subject_der, certificate.issuer_der)


def whose(certificate: Certificate, *, has_key: bool, has_issued: bool) -> Whose | None:
    """Return whose a certificate in question is; None: it may be either.

    ``has_key``: its private key came with it; ``has_issued``: a certificate came with it that it issued.
    """
    usage = certificate.key_usage
    for_mail = Oid.EMAIL_PROTECTION in (certificate.extended_key_usage or ())
    if has_key:
        return Whose.PERSON
    if usage is not None:
        if "keyCertSign" not in usage:
            return Whose.PERSON
        return None if usage & _ENCRYPTING or for_mail else Whose.AUTHORITY
    if certificate.path_length is not None or has_issued:
        return Whose.AUTHORITY
    return Whose.PERSON if for_mail or certificate.addresses else None


def as_person(certificate: Certificate) -> Certificate:
    """Return a CA certificate read as a person's."""
    return replace(certificate, is_ca=False, addresses=certificate.addresses or certificate.subject_addresses)


def read_as(der: bytes, *, is_ca: bool) -> Certificate:
    """Read a certificate, as a person's where it says that it is a CA's and shall not be."""
    found = read_certificate(der)
    return as_person(found) if found.is_ca and not is_ca else found
