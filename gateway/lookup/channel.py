"""A connection under a deadline: however slowly the other side drips, all of it together may take only so long."""

import io
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from types import TracebackType

Clock = Callable[[], float]


class Deadline:
    """A moment after which nothing waits any more."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left. Raises ``TimeoutError`` when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("it took too long")
        return left


def connected(addresses: Sequence[str], port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; none may use up the time of those after it. Raises ``OSError``."""
    failure = OSError("no address")
    for place, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), deadline.left() / (len(addresses) - place))
        except OSError as error:
            failure = error
    raise failure


class Channel:
    """A connected socket; closed at the end of ``with``. All of it may raise ``OSError``, ``TimeoutError`` too."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def __enter__(self) -> "Channel":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def under_tls(self, context: ssl.SSLContext, host: str) -> "Channel":
        """Return this connection under TLS, verified for ``host``; it is closed where that fails."""
        try:
            self._connection.settimeout(self._deadline.left())
            return Channel(context.wrap_socket(self._connection, server_hostname=host), self._deadline)
        except BaseException:
            self.close()
            raise

    def send(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return what comes back as a file, which is all that ``http.client`` wants of a socket."""
        assert mode == "rb"
        return io.BufferedReader(_Incoming(self._connection, self._deadline))


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)
