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

from gateway.asn1.oid import Oid
from gateway.errors import Malformed
from gateway.pki.outline import read_outline
from gateway.pki.path import CertificatePath
from gateway.pki.points import distribution_points, responders

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
    path: CertificatePath

    @property
    def id(self) -> str:
        """Name what is to be had: one list for all certificates of an issuer, a response for each certificate."""
        certificate, issuer = self.path[:2]
        whom = certificate.fingerprint if self.kind is Kind.RESPONSE else ""
        parts = (self.kind, self.url, issuer.subject_der.hex(), issuer.public_key_id, whom)
        return sha256("\n".join(parts).encode()).hexdigest()

    @property
    def speaking_for(self) -> CertificatePath:
        """The path that must hold for the source to be asked.

        A list speaks for all certificates of its issuer: what became of the one that named it first does not count.
        """
        return self.path[1:] if self.kind is Kind.LIST else self.path


def sources_of(path: CertificatePath) -> tuple[Source, ...]:
    """Return the sources that the first certificate of ``path`` (two or more, an anchor last) names, best first."""
    try:
        extensions = read_outline(path[0].der).extensions
        lists = _distinct(_lists(extensions.get(Oid.CRL_DISTRIBUTION_POINTS)))
        urls = _distinct(responders(access)) if (access := extensions.get(Oid.AUTHORITY_INFO_ACCESS)) else []
    except Malformed:
        return ()
    return (
        *(Source(Kind.LIST, url, path) for url in lists),
        *(Source(Kind.RESPONSE, url, path) for url in urls),
    )


def _distinct(urls: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(url for url in urls if _URL.fullmatch(url)))[:MAX_OF_A_KIND]


def _lists(value: bytes | None) -> Iterator[str]:
    for point in distribution_points(value) if value else ():
        if not (point.partial or point.delegated):
            yield from point.urls
