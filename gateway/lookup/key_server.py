"""A web server as a source of certificates: a URL with places for the address, in path or query.

The administrator wrote the URL, so its host may be private (``fetch`` refuses that of URLs from certificates). What is
put in is percent-encoded down to letters, digits and ``-._~`` (RFC 3986 §2.3), so it stays in its segment; redirects
are followed on the same host only. The answer is whatever ``import`` reads, but for what is protected; 404 and 410 are
an answer, too: there is none.
"""

import re
import ssl
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import quote, urlsplit

from gateway.errors import Malformed
from gateway.lookup.answer import MOST, Answer, NotAnswered
from gateway.lookup.fetch import Fetch, NotFetched
from gateway.lookup.url import PORTS, parse_url
from gateway.pki.bundle import certificates_in

PLACES = ("address", "local", "domain", "sha256")
MOST_OCTETS = 256 * 1024
SECONDS = 10.0
_PLACE = re.compile(r"\{([^{}]*)\}")
_NONE = (404, 410)
_NOT_TAKEN = (400, 414, 422)
"""The server does not like this address."""


@dataclass(frozen=True, slots=True)
class KeyServer:
    """``url``: with at least one of ``PLACES`` (``{sha256}``: of the address in lower case, hexadecimal).

    ``tls``: verifies an https server; not asked of http.
    """

    url: str
    tls: ssl.SSLContext | None = None
    seconds: float = SECONDS
    _fetch: Fetch = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        port = parts.port or PORTS[parts.scheme]
        fetch = Fetch(allowed=lambda _: True, ports=frozenset({port}), seconds=self.seconds, tls=self.tls, stays=True)
        object.__setattr__(self, "_fetch", fetch)

    def __call__(self, address: str) -> Answer:
        """Ask for an address. Raises ``NotAnswered``."""
        try:
            came = self._fetch.get(filled(self.url, address), MOST_OCTETS)
        except NotFetched as error:
            if error.status in _NONE:
                return Answer()
            raise NotAnswered(str(error), lives=error.status in _NOT_TAKEN) from error
        return Answer(tuple(certificates_in(came)[:MOST]))


def filled(url: str, address: str) -> str:
    """Return the URL that asks for an address."""
    local, _, domain = address.rpartition("@")
    values = {
        "address": address,
        "local": local,
        "domain": domain,
        "sha256": sha256(address.lower().encode()).hexdigest(),
    }
    return _PLACE.sub(lambda match: quote(values[match[1]], safe=""), url)


def template_fault(url: str) -> str | None:
    """Return what is wrong with a URL for ``KeyServer``; None: nothing."""
    named = _PLACE.findall(url)
    if unknown := sorted(set(named) - set(PLACES)):
        return f"{{{unknown[0]}}} is not known; there are {', '.join(f'{{{place}}}' for place in PLACES)}"
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
        if _PLACE.search(parts.netloc) or "{" in parts.scheme:
            return "the host is fixed: a place for the address belongs into path or query"
        parse_url(_PLACE.sub("x", url), frozenset({port}))
    except (Malformed, ValueError) as error:
        return str(error) if isinstance(error, Malformed) else "the URL does not parse"
    if not {"address", "local", "sha256"} & set(named):
        return "it asks for nobody: put {address}, {local} or {sha256} into path or query"
    return None
