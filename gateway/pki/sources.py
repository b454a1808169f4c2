"""Where a certificate says that its revocation status may be had: CRL distribution points (RFC 5280 §4.2.1.13) and OCSP
responders (§4.2.2.1).

Lists come first: one serves all certificates of an issuer, and nobody learns whose mail was read. Only http and https
count. Left out are points of an indirect list or of some reasons only, and delta lists (§4.2.1.15).

Not here: whether the certificate may be believed, which is asked before anything is fetched, and fetching (``lookup``).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from gateway.pki.path import Path
from gateway.pki.revocation import UNREADABLE

MAX_OF_A_KIND = 4
"""Addresses of one certificate that are looked at."""
_URL = re.compile(r"https?://[!-~]{1,1000}", re.IGNORECASE)


class Kind(StrEnum):
    """What is fetched."""

    LIST = "list"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the status of the first certificate of ``path`` may be had; ``path`` ends at an anchor."""

    kind: Kind
    url: str
    """Printable ASCII."""
    path: Path

    @property
    def id(self) -> str:
        """Name what is to be had: one list for all certificates of an issuer, a response for each certificate."""
        certificate, issuer = self.path[:2]
        whom = certificate.fingerprint if self.kind is Kind.RESPONSE else ""
        parts = (self.kind, self.url, issuer.subject_der.hex(), issuer.public_key_id, whom)
        return sha256("\n".join(parts).encode()).hexdigest()


def sources_of(path: Path) -> tuple[Source, ...]:
    """Return the sources that the first certificate of ``path`` (two or more, an anchor last) names, best first."""
    try:
        extensions = x509.load_der_x509_certificate(path[0].der).extensions
    except UNREADABLE:
        return ()
    lists, responders = _distinct(_lists(extensions)), _distinct(_responders(extensions))
    return (
        *(Source(Kind.LIST, url, path) for url in lists),
        *(Source(Kind.RESPONSE, url, path) for url in responders),
    )


def _distinct(urls: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(url for url in urls if _URL.fullmatch(url)))[:MAX_OF_A_KIND]


def _lists(extensions: x509.Extensions) -> Iterator[str]:
    try:
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in points:
        if not (point.reasons or point.crl_issuer):
            yield from (
                name.value for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier)
            )


def _responders(extensions: x509.Extensions) -> Iterator[str]:
    try:
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return
    for description in access:
        name = description.access_location
        of_status = description.access_method == AuthorityInformationAccessOID.OCSP
        if of_status and isinstance(name, x509.UniformResourceIdentifier):
            yield name.value
