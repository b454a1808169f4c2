"""The fields of a certificate as they stand (RFC 5280 §4.1), found by ourselves.

`cryptography` refuses a whole certificate for one character in a name, a default that is written out, or a kind of
alternative name that it does not know. Nobody's mail shall depend on that: names and extensions are read where they
are needed, and it is given what it is asked about (``bare``): key, dates and signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, members, read
from gateway.asn1.der import BIT_STRING, BOOLEAN, INTEGER, SEQUENCE
from gateway.asn1.oid import Oid
from gateway.errors import Malformed

EXTENSIONS = der.context(3)
VERSION = der.context(0)
_VERSIONS = range(3)
MAX_EXTENSIONS = 100
"""Certificates in use have some 12."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of a certificate. ``body`` is what is signed; ``issuer``, ``subject`` and ``key`` are whole TLVs."""

    body: bytes
    version: int
    serial: int
    issuer: bytes
    subject: bytes
    key: bytes
    extensions: dict[str, bytes]
    """Values by dotted OID."""
    bare: x509.Certificate
    """The same without names, serial number and extensions: for key, dates and signature."""


def read_outline(certificate: bytes) -> Outline:
    """Find the parts of a DER certificate. Raises ``Malformed``, ``UnsupportedAlgorithm``, ``ValueError``."""
    whole = Fields(read(certificate))
    body, algorithm, signature = whole.take(SEQUENCE), whole.take(SEQUENCE), whole.take(BIT_STRING)
    whole.end()
    outside = [bytes(part.raw) for part in (algorithm, signature)]
    if der.sequence(bytes(body.raw), *outside) != certificate:
        raise Malformed("the certificate is not DER")
    fields = Fields(body)
    written = fields.optional(VERSION)
    version = 0 if written is None else written.only().integer()
    if version not in _VERSIONS:
        raise Malformed("the certificate is of a version that does not exist")
    serial = fields.take(INTEGER).integer()
    inside, issuer, validity, subject, key = (fields.take(SEQUENCE) for _ in range(5))
    if _inherits_parameters(key):
        raise UnsupportedAlgorithm("DSA with the parameters of the issuer's key")
    parts = (der.integer(1), inside.raw, _NO_NAME, validity.raw, _NO_NAME, key.raw)
    bare = x509.load_der_x509_certificate(der.sequence(der.sequence(*map(bytes, parts)), *outside))
    return Outline(
        body=bytes(body.raw),
        version=version + 1,
        serial=serial,
        issuer=bytes(issuer.raw),
        subject=bytes(subject.raw),
        key=bytes(key.raw),
        extensions=read_extensions(body.children),
        bare=bare,
    )


_NO_NAME = der.sequence()
_DSA = der.sequence(der.oid(Oid.DSA))


def _inherits_parameters(key: Element) -> bool:
    """Whether a SubjectPublicKeyInfo leaves the domain parameters to the issuer's (RFC 3279 §2.3.2)."""
    return bytes(Fields(key).next().raw) == _DSA


def read_extensions(fields: Iterable[Element]) -> dict[str, bytes]:
    """Return the extensions' values among the fields of a TBSCertificate; one twice is Malformed (RFC 5280 §4.2)."""
    values: dict[str, bytes] = {}
    for field in fields:
        if field.tag == EXTENSIONS:
            for extension in members(field.only(), MAX_EXTENSIONS, SEQUENCE):
                parts = Fields(extension)
                name = parts.next().dotted()
                parts.optional(BOOLEAN)
                if name in values:
                    raise Malformed(f"the certificate has the extension {name} twice")
                values[name] = parts.next().octets()
    return values
