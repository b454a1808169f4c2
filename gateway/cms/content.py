"""ContentInfo, the outermost structure (RFC 5652 §3), and content as a list of slices.

Content of any size is handed about as slices of the buffers it stands in, and worked on window by window.
"""

from collections.abc import Iterable, Iterator, Sequence

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields, first

Buffer = bytes | bytearray | memoryview
Content = Buffer | Sequence[Buffer]

WINDOW = 1 << 18
"""Buffer that go through a cipher at once: enough to let other threads run meanwhile, little beside a message."""

DATA = der.oid("1.2.840.113549.1.7.1")
SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
ENVELOPED_DATA = der.oid("1.2.840.113549.1.7.3")
AUTH_ENVELOPED_DATA = der.oid("1.2.840.113549.1.9.16.1.23")
COMPRESSED_DATA = der.oid("1.2.840.113549.1.9.16.1.9")

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
    content = fields.take(0xA0).only()
    fields.end()
    return content_type, content


def content_info(content_type: bytes, content: der.Frame) -> der.Frame:
    """Return ``content`` inside a ContentInfo; ``content_type`` is the OID's whole encoding."""
    return content.within(0xA0).within(der.SEQUENCE, content_type)
