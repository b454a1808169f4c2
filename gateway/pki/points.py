"""CRL distribution points (RFC 5280 §4.2.1.13) and access descriptions (§4.2.2.1) of a certificate, as they stand.

What is neither a URI nor the name of a CRL issuer is passed over, so that an odd form of name beside a good one does
no harm.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.asn1.ber import Element, Fields, read
from gateway.asn1.der import SEQUENCE, context, primitive
from gateway.asn1.oid import Oid

_POINT, _REASONS, _ISSUER, _FULL_NAME = context(0), primitive(1), context(2), context(0)
_DIRECTORY_NAME, _URI = context(4), primitive(6)


@dataclass(frozen=True, slots=True)
class DistributionPoint:
    """Where a list is: ``urls`` in Latin-1, and the Names (DER) of the ``issuers`` that sign it in the CA's place."""

    urls: tuple[str, ...]
    partial: bool
    """Whether the list is about some reasons only."""
    delegated: bool
    issuers: tuple[bytes, ...]


def distribution_points(value: bytes) -> list[DistributionPoint]:
    """Read the value of a CRLDistributionPoints extension. Raises ``Malformed``."""
    return [_point(Fields(point)) for point in read(value).expect(SEQUENCE).children]


def _point(fields: Fields) -> DistributionPoint:
    place, reasons, issuers = (fields.optional(tag) for tag in (_POINT, _REASONS, _ISSUER))
    return DistributionPoint(
        urls=() if place is None else tuple(_urls(place)),
        partial=reasons is not None,
        delegated=issuers is not None,
        issuers=tuple(
            bytes(name.only().raw)
            for name in (issuers.children if issuers is not None else ())
            if name.tag == _DIRECTORY_NAME
        ),
    )


def _urls(place: Element) -> Iterator[str]:
    for names in place.children:
        if names.tag == _FULL_NAME:
            yield from (name.value.decode("latin-1") for name in names.children if name.tag == _URI)


def responders(value: bytes) -> Iterator[str]:
    """Yield the URLs of the OCSP responders in an AuthorityInfoAccess extension's value. Raises ``Malformed``."""
    for description in read(value).expect(SEQUENCE).children:
        fields = Fields(description)
        method, location = fields.next().dotted(), fields.next()
        if method == Oid.OCSP and location.tag == _URI:
            yield location.value.decode("latin-1")
