"""The shape of a URL that may be fetched (RFC 3986, narrowed): http or https, a host, port 80 or 443, no user.

Whoever issued a certificate wrote the URL, so whatever two readers could understand differently is refused. Where the
host leads is not looked at here (``public``).
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.errors import Malformed

PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 1024

_PLAIN = re.compile(r"[!-~]+")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_ODD = re.compile(r'["<>\\^`{|}]')


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL asks for. ``target``: path and query as they go into the request line."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who answers: scheme, host and port."""
        return self.scheme, self.host.lower(), self.port

    @property
    def authority(self) -> str:
        """The Host field: the port only where it is not the scheme's own (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str, ports: frozenset[int] = frozenset(PORTS.values())) -> Target:
    """Return what ``url`` asks for. Raises ``Malformed`` for every shape that is not fetched."""
    if len(url) > MAX_LENGTH or not _PLAIN.fullmatch(url) or _ODD.search(url):
        raise Malformed("the URL is too long, or has signs that do not belong there")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Malformed("the URL does not parse") from error
    if parts.scheme not in PORTS:
        raise Malformed("the URL is neither http nor https")
    if "@" in parts.netloc:
        raise Malformed("the URL names a user")
    if not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise Malformed("the URL has no host, or one that is no host name")
    port = PORTS[parts.scheme] if port is None else port
    if port not in ports:
        raise Malformed(f"the URL leads to port {port}; only {' and '.join(map(str, sorted(ports)))} are asked")
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme, parts.hostname, port, f"{parts.path or '/'}{query}")
