"""ContentInfo, the outermost structure (RFC 5652 §3), and content as a list of slices.

Content of any size is handed about as slices of the buffers it stands in, and worked on window by window.
"""

from collections.abc import Iterable, Iterator, Sequence

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, first
from gateway.asn1.oid import Oid

Buffer = bytes | bytearray | memoryview
Content = Buffer | Sequence[Buffer]

WINDOW = 1 << 18
"""Buffer that go through a cipher at once: enough to let other threads run meanwhile, little beside a message."""

DATA = der.oid(Oid.DATA)
SIGNED_DATA = der.oid(Oid.SIGNED_DATA)
ENVELOPED_DATA = der.oid(Oid.ENVELOPED_DATA)
AUTH_ENVELOPED_DATA = der.oid(Oid.AUTH_ENVELOPED_DATA)
COMPRESSED_DATA = der.oid(Oid.COMPRESSED_DATA)

NAMES = {
    SIGNED_DATA[2:]: "signed-data",
    ENVELOPED_DATA[2:]: "enveloped-data",
    AUTH_ENVELOPED_DATA[2:]: "authenveloped-data",
    COMPRESSED_DATA[2:]: "compressed-data",
}


def slices(content: Content) -> list[memoryview]:
    """Return ``content`` as slices, nothing copied."""
    if isinstance(content, bytes | bytearray | memoryview):
        return [memoryview(content)]
    return [memoryview(piece) for piece in content]


def windows(pieces: Iterable[memoryview]) -> Iterator[Buffer]:
    """Yield the octets of ``pieces`` in windows of at most ``WINDOW``; small pieces are joined to save steps."""
    small: list[memoryview] = []
    size = 0
    for piece in pieces:
        size += piece.nbytes
        if size > WINDOW:
            yield b"".join(small)
            small, size = [], piece.nbytes
        if size > WINDOW:
            yield from (piece[start : start + WINDOW] for start in range(0, size, WINDOW))
            size = 0
        else:
            small.append(piece)
    yield b"".join(small)


def read_content_info(data: Buffer) -> tuple[bytes, Element]:
    """Return content type (content octets of the OID) and content of a ContentInfo. Raises ``Malformed``.

    What stands behind the structure is not looked at: line ends, padding, the footer of a mailing list.
    """
    fields = Fields(first(data))
    content_type = fields.next().oid()
    content = fields.take(der.context(0)).only()
    fields.end()
    return content_type, content


def content_info(content_type: bytes, content: der.Frame) -> der.Frame:
    """Return ``content`` inside a ContentInfo; ``content_type`` is the OID's whole encoding."""
    return content.within(der.context(0)).within(der.SEQUENCE, content_type)
