"""What a mail server tells of one message, piece by piece, put together again as it came to the mail server.

Values have LF for CRLF and keep the blank behind the colon (the protocol's leading-space option), so that name, colon
and value are the field byte for byte. At most ``limit`` bytes are kept; of a larger message only the size.
"""

from gateway.mail.envelope import Envelope, Recipient


class Message:
    """One message in the making; ``size`` is what came so far, in bytes with CRLF line ends."""

    def __init__(self, limit: int, sender: bytes, parameters: tuple[bytes, ...]) -> None:
        self.limit = limit
        self.size = 2
        self._sender = _address(sender)
        self._parameters = _texts(parameters)
        self._recipients: list[Recipient] = []
        self._header = bytearray()  # fields may come by the million
        self._body: list[bytes] = []

    def recipient(self, address: bytes, parameters: tuple[bytes, ...]) -> None:
        """Take one recipient the mail server accepted."""
        self._recipients.append(Recipient(_address(address), _texts(parameters)))

    def field(self, name: str, value: bytes) -> None:
        """Take one header field."""
        field = b"%s:%s\r\n" % (name.encode(), value.replace(b"\n", b"\r\n"))
        if self._has_room(field):
            self._header += field

    def body(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        if self._has_room(piece):
            self._body.append(piece)

    @property
    def envelope(self) -> Envelope:
        """Sender and recipients, with their ESMTP parameters."""
        return Envelope(self._sender, tuple(self._recipients), self._parameters)

    @property
    def too_large(self) -> bool:
        """Whether more than ``limit`` bytes came."""
        return self.size > self.limit

    def take(self) -> bytes:
        """Return the content and let go of its pieces."""
        content = b"".join((self._header, b"\r\n", *self._body))
        self._drop()
        return content

    def _has_room(self, piece: bytes) -> bool:
        """Count what came; over the limit, let go of everything."""
        self.size += len(piece)
        if self.too_large:
            self._drop()
        return not self.too_large

    def _drop(self) -> None:
        self._header.clear()
        self._body.clear()


def _address(path: bytes) -> str:
    """Return an address as given, without its angle brackets."""
    return path.decode("utf-8", "replace").removeprefix("<").removesuffix(">")


def _texts(parameters: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(parameter.decode("utf-8", "replace") for parameter in parameters)
