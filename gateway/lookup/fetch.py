"""One HTTP GET (RFC 9110, 9112) for which others wrote the URL, and which therefore trusts nobody.

- Every address of the host must be public; the connection goes to the very address that was checked, so that a name
  server cannot answer differently the second time. Redirects, three at most, are checked as the first URL is.
- Name look-up, connections, TLS and reading together take at most ``SECONDS``; the body has a limit of its own.
- No proxy, no cookies, no content coding, nothing that says who asks or why.

https is verified against the CAs of the system; evidence needs neither, for it is signed.
"""

import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse
from typing import cast
from urllib.parse import urljoin

from gateway.errors import Fault, Malformed
from gateway.lookup.channel import Channel, Deadline, connected
from gateway.lookup.public import Address, is_public, read_address
from gateway.lookup.url import PORTS, Target, parse_url

SECONDS = 5.0
MAX_REDIRECTS = 3
MAX_ADDRESSES = 4
"""Addresses of one host that are tried."""
USER_AGENT = "pki-client"
_REDIRECTS = {301, 302, 303, 307, 308}
_PIECE = 64 * 1024

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host and port, as text; may raise ``OSError``."""


class NotFetched(Fault):
    """Nothing came, or it was not taken; the text says why and quotes nothing that came.

    ``status``: what the server answered, where it answered something else than 200.
    """

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host. Raises ``OSError``."""
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class Fetch:
    """Fetches. Safe for threads."""

    def __init__(
        self,
        *,
        allowed: Callable[[Address], bool] = is_public,
        ports: frozenset[int] = frozenset(PORTS.values()),
        resolve: Resolve = resolve,
        seconds: float = SECONDS,
        tls: ssl.SSLContext | None = None,
        stays: bool = False,
    ) -> None:
        """``tls``: None: verified against the CAs of the system. ``stays``: no redirect leads to another host."""
        self._allowed = allowed
        self._ports = ports
        self._resolve = resolve
        self._seconds = seconds
        self._tls = tls
        self._stays = stays
        # The resolver knows no deadline; one that hangs holds these threads and no others.
        self._resolvers = ThreadPoolExecutor(2, "resolve")

    def get(self, url: str, limit: int) -> bytes:
        """Return what is at ``url``, ``limit`` bytes at most. Raises ``NotFetched``."""
        deadline, began_at = Deadline(self._seconds), None
        for _ in range(MAX_REDIRECTS + 1):
            try:
                target = parse_url(url, self._ports)
                began_at = began_at or target.origin
                if self._stays and target.origin != began_at:
                    raise NotFetched("a redirect leads to another host, which is not followed")
                answer = self._ask(target, limit, deadline)
                if isinstance(answer, bytes):
                    return answer
                url = urljoin(url, answer)
            except (Malformed, OSError, HTTPException, ValueError) as error:
                raise NotFetched(told(error)) from error
        raise NotFetched(f"more than {MAX_REDIRECTS} redirects")

    def _ask(self, target: Target, limit: int, deadline: Deadline) -> bytes | str:
        """Return the body, or where a redirect leads."""
        with self._channel(target, deadline) as channel:
            channel.send(_request(target))
            response = HTTPResponse(cast(socket.socket, channel), method="GET")
            response.begin()
            location = response.getheader("location")
            if response.status in _REDIRECTS and location:
                return location
            return _body(response, limit)

    def _channel(self, target: Target, deadline: Deadline) -> Channel:
        addresses = list(map(str, self._addresses(target, deadline)))
        channel = Channel(connected(addresses, target.port, deadline), deadline)
        if target.scheme == "http":
            return channel
        return channel.under_tls(self._tls or ssl.create_default_context(), target.host)

    def _addresses(self, target: Target, deadline: Deadline) -> list[Address]:
        """Return the addresses of the host; one that is not public spoils them all."""
        asked = self._resolvers.submit(self._resolve, target.host, target.port)
        try:
            found = list(dict.fromkeys(map(read_address, asked.result(deadline.left()))))
        finally:
            asked.cancel()
        if not found or not all(map(self._allowed, found)):
            raise NotFetched("the host has no address, or one that is not public")
        return found[:MAX_ADDRESSES]


def _request(target: Target) -> bytes:
    lines = (
        f"GET {target.target} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: {USER_AGENT}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


def _body(response: HTTPResponse, limit: int) -> bytes:
    if response.status != 200:
        raise NotFetched(f"the server answered {response.status}", response.status)
    if (response.getheader("content-encoding") or "identity").lower() != "identity":
        raise NotFetched("the answer is coded, which was not asked for")
    if (response.length or 0) > limit:
        raise NotFetched(f"the answer has {response.length} bytes; at most {limit} are read")
    pieces: list[bytes] = []
    size = 0
    while piece := response.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise NotFetched(f"the answer has more than {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def told(error: Exception) -> str:
    """Return what went wrong in our own words: what the other side sent does not belong in a log."""
    if isinstance(error, Malformed):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "the connection failed: the server's certificate is not for this host, or of no authority that is trusted"
        )
    if isinstance(error, socket.gaierror):
        return "the host's name cannot be resolved"
    if isinstance(error, OSError):
        return f"the connection failed: {error.strerror or type(error).__name__}"
    return f"the answer is no HTTP: {type(error).__name__}"
