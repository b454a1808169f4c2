"""What the path library is shown in the place of an original, and how it checks the original's signature all the same.

The library stumbles over names with characters or values that their type does not have, and over every kind of
alternative name that it does not know. A stand-in of a certificate says the same of everything that decides: such
names are spelt in another string type, and alternative names are left out whose form no authority of the path
constrains (RFC 5280 §4.2.1.10), for nothing is asked about them. ``Originals`` knows which signed part each stand-in
stands for. CRLs have stand-ins, too (``abridged``).
"""

from collections.abc import Iterable
from functools import lru_cache

from asn1crypto import algos, keys, x509
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, read
from gateway.asn1.oid import Oid
from gateway.pki.certificate import Certificate
from gateway.pki.names import spelt_plainly
from gateway.pki.outline import EXTENSIONS, read_outline

_ALTERNATIVE_NAMES = der.oid(Oid.SUBJECT_ALT_NAME)
_FORM = 0x1F
"""The tag number of a GeneralName says its form."""

STUMBLES = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RuntimeError)
"""How the library and asn1crypto fail on values that are valid DER and yet not what they expect."""


class Originals(DefaultSignatureValidator):
    """Checks signatures over the originals of what the library is shown."""

    def __init__(self, authorities: Iterable[Certificate]) -> None:
        """``authorities``: those of the path, whose name constraints say what matters. Raises ``Malformed``."""
        self._forms = _constrained_forms(authorities)
        self._bodies: dict[bytes, bytes] = {}

    def stand_in(self, shown: bytes, body: bytes) -> None:
        """Let the signed part ``shown`` stand for ``body``."""
        self._bodies[shown] = body

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Raises ``InvalidSignature``."""
        body = self._bodies.get(signed_data, signed_data)
        super().validate_signature(signature, body, public_key_info, signature_algorithm, context)

    def certificates(self, shown: Iterable[Certificate]) -> list[x509.Certificate]:
        """Return what the library is shown of certificates. Raises ``Malformed``."""
        return [x509.Certificate.load(self._certificate(certificate)) for certificate in shown]

    def _certificate(self, certificate: Certificate) -> bytes:
        body, algorithm, signature = read(certificate.der).children
        shown = der.sequence(*(_field(field, certificate, self._forms) for field in body.children))
        self.stand_in(shown, bytes(body.raw))
        return der.sequence(shown, bytes(algorithm.raw), bytes(signature.raw))


def _constrained_forms(authorities: Iterable[Certificate]) -> frozenset[int]:
    """Return the forms of names (RFC 5280 §4.2.1.6) that one of ``authorities`` constrains. Raises ``Malformed``."""
    values = (read_outline(authority.der).extensions.get(Oid.NAME_CONSTRAINTS) for authority in authorities)
    subtrees = (tree for value in values if value for kind in read(value).children for tree in kind.children)
    return frozenset(Fields(tree).next().tag & _FORM for tree in subtrees)


def _field(field: Element, certificate: Certificate, forms: frozenset[int]) -> bytes:
    raw = bytes(field.raw)
    if raw in (certificate.subject_der, certificate.issuer_der):
        return plain_name(raw)
    if field.tag == EXTENSIONS:
        return der.tlv(EXTENSIONS, der.sequence(*(_extension(item, forms) for item in field.only().children)))
    return raw


def _extension(extension: Element, forms: frozenset[int]) -> bytes:
    *head, value = extension.children
    if bytes(head[0].raw) != _ALTERNATIVE_NAMES:
        return bytes(extension.raw)
    names = read(value.octets()).expect(der.SEQUENCE).children
    wanted = (bytes(name.raw) for name in names if name.tag & _FORM in forms)
    return der.sequence(*(bytes(item.raw) for item in head), der.octets(der.sequence(*wanted)))


@lru_cache(1024)
def plain_name(name: bytes) -> bytes:
    """Return a Name that the library reads, the same one where it does."""
    try:
        x509.Name.load(name, strict=True).hashable  # noqa: B018 - whether it can be had is the question
    except STUMBLES:
        return spelt_plainly(name)
    return name
