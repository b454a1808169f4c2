"""Large CRLs made short for the library, which walks their entries in Python: a second for every 100 000 of them.

An abridged list holds the entries for a few serial numbers only, which `cryptography` finds in milliseconds. It says
the same of these numbers as the whole list, whose signature is checked in its place (``standin``).
"""

from cryptography import x509

from gateway.asn1 import der
from gateway.asn1.ber import Element, read
from gateway.asn1.oid import Oid
from gateway.pki.revocation import UNREADABLE, RevocationList
from gateway.pki.standin import Originals, plain_name

_CERTIFICATE_ISSUER = der.oid(Oid.CERTIFICATE_ISSUER)
_TIMES = (der.UTC_TIME, der.GENERALIZED_TIME)


def abridged(item: RevocationList, serials: set[int], originals: Originals) -> bytes:
    """Return a CRL (DER) that has only the entries of ``item`` for ``serials``, and a name that the library reads."""
    body, algorithm, signature = read(item.der).children
    short = der.sequence(*_parts(body, item.issuer_der, _entries(item, serials)))
    originals.stand_in(short, bytes(body.raw))
    return der.sequence(short, bytes(algorithm.raw), bytes(signature.raw))


def _entries(item: RevocationList, serials: set[int]) -> list[bytes] | None:
    """Return the entries that matter; None: all do.

    A list whose entries name issuers stays whole, for there the order means something (RFC 5280 §5.3.3); so does one
    with numbers or extensions that `cryptography` does not read.
    """
    if _CERTIFICATE_ISSUER in item.der:
        return None
    try:
        return [_entry(entry) for entry in item.entries(serials)]
    except (*UNREADABLE, NotImplementedError):
        return None


def _parts(body: Element, issuer: bytes, entries: list[bytes] | None) -> list[bytes]:
    """Return the fields of a TBSCertList (RFC 5280 §5.1) with ``entries`` in the place of its own."""
    parts, after_times = [], False
    for field in body.children:
        raw = bytes(field.raw)
        if field.tag == der.SEQUENCE and after_times and entries is not None:
            parts.append(der.sequence(*entries) if entries else b"")
        else:
            parts.append(plain_name(raw) if raw == issuer else raw)
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
