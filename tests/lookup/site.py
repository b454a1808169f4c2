"""A web site on loopback for one test: pages, or whatever else a server may do to a client; it counts who comes."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext, SSLError
from threading import Thread

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from gateway.lookup import Fetch

LOOPBACK = "127.0.0.1"
Behaviour = Callable[[socket.socket], None]
Extension = tuple[x509.ExtensionType, bool]


class Site:
    """Answers ``GET`` with what was put at a path; ``requests`` are all that came, ``connections`` how many came."""

    def __init__(self, address: str = LOOPBACK, tls: SSLContext | None = None) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._pages: dict[str, bytes | Behaviour] = {}
        self._tls = tls
        self._listener = socket.create_server((address, 0))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._serve, daemon=True).start()

    def url(self, path: str = "/list.crl", host: str = "crl.example") -> str:
        """A URL of this site; ``fetch`` finds every host here."""
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: bytes, status: str = "200 OK", *fields: str) -> None:
        """Put a page at ``path``."""
        head = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields, "", "")
        self._pages[path] = "\r\n".join(head).encode("latin-1") + body

    def behave(self, path: str, behaviour: Behaviour) -> None:
        """Have ``behaviour`` answer at ``path``."""
        self._pages[path] = behaviour

    def paths(self) -> list[str]:
        """What was asked for."""
        return [request.split(b" ")[1].decode() for request in self.requests]

    def fetch(self, seconds: float = 5.0, tls: SSLContext | None = None) -> Fetch:
        """A ``Fetch`` that may ask this site, as which every host counts."""
        return Fetch(
            allowed=lambda address: str(address) == LOOPBACK,
            ports=frozenset({self.port}),
            resolve=lambda host, port: [LOOPBACK],
            seconds=seconds,
            tls=tls,
        )

    def list_at(self, *paths: str) -> Extension:
        """The extension that names CRLs at these paths."""
        names = [[x509.UniformResourceIdentifier(self.url(path))] for path in paths]
        points = [x509.DistributionPoint(name, None, None, None) for name in names]
        return x509.CRLDistributionPoints(points), False

    def responder_at(self, path: str) -> Extension:
        """The extension that names an OCSP responder at this path."""
        name = x509.UniformResourceIdentifier(self.url(path))
        return x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, name)]
        ), False

    def close(self) -> None:
        """Listen no longer; closing alone would not wake who accepts, and go on listening until then."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, SSLError), self._stream(connection) as stream:
            request = b""
            while b"\r\n\r\n" not in request:
                piece = stream.recv(4096)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            path = request.split(b" ")[1].decode()
            page = self._pages.get(path) or self._pages.get(path.rpartition("/")[0])
            if callable(page):
                page(stream)
            else:
                stream.sendall(page or b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def _stream(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection


@contextmanager
def listening(address: str = LOOPBACK, tls: SSLContext | None = None) -> Iterator[Site]:
    """A site, for the time of a ``with``."""
    site = Site(address, tls)
    try:
        yield site
    finally:
        site.close()
