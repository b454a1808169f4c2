"""Large CRLs made short for the library, which walks their entries in Python: a second for every 100 000 of them.

An abridged list holds the entries for a few serial numbers only, which `cryptography` finds in milliseconds. It says
the same of these numbers as the whole list, and the signature that is checked is the whole list's: ``Originals`` knows
which signed part each abridged one stands for.
"""

from asn1crypto import algos, keys
from cryptography import x509
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)

from gateway.asn1 import der
from gateway.asn1.ber import Element, read
from gateway.pki.revocation import UNREADABLE, RevocationList

_CERTIFICATE_ISSUER = der.oid("2.5.29.29")
_TIMES = (der.UTC_TIME, der.GENERALIZED_TIME)


class Originals(DefaultSignatureValidator):
    """Abridges CRLs, and checks their signatures over the whole."""

    def __init__(self) -> None:
        self._wholes: dict[bytes, bytes] = {}

    def abridged(self, item: RevocationList, serials: set[int]) -> bytes:
        """Return a CRL (DER) that has only the entries of ``item`` for ``serials``.

        A list whose entries name issuers stays whole, for there the order means something (RFC 5280 §5.3.3); so does
        one with numbers or extensions that `cryptography` does not read.
        """
        if _CERTIFICATE_ISSUER in item.der:
            return item.der
        try:
            entries = [_entry(entry) for entry in item.entries(serials)]
        except (*UNREADABLE, NotImplementedError):
            return item.der
        body, algorithm, signature = read(item.der).children
        short = der.sequence(*_parts(body, entries))
        self._wholes[short] = bytes(body.raw)
        return der.sequence(short, bytes(algorithm.raw), bytes(signature.raw))

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: keys.PublicKeyInfo,
        signature_algorithm: algos.SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Raises ``InvalidSignature``."""
        whole = self._wholes.get(signed_data, signed_data)
        super().validate_signature(signature, whole, public_key_info, signature_algorithm, context)


def _parts(body: Element, entries: list[bytes]) -> list[bytes]:
    """Return the fields of a TBSCertList (RFC 5280 §5.1) with ``entries`` in the place of its own."""
    parts, after_times = [], False
    for field in body.children:
        if field.tag == der.SEQUENCE and after_times:
            parts.append(der.sequence(*entries) if entries else b"")
        else:
            parts.append(bytes(field.raw))
        after_times |= field.tag in _TIMES
    return parts


def _entry(entry: x509.RevokedCertificate) -> bytes:
    extensions = [
        der.sequence(
            der.oid(item.oid.dotted_string),
            der.tlv(der.BOOLEAN, b"\xff") if item.critical else b"",
            der.octets(item.value.public_bytes()),
        )
        for item in entry.extensions
    ]
    return der.sequence(
        der.integer(entry.serial_number),
        der.time(entry.revocation_date_utc),
        der.sequence(*extensions) if extensions else b"",
    )
