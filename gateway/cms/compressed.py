"""CompressedData with zlib, read only (RFC 3274): ``read_compressed``, ``decompress``.

The output is bounded by a limit of the caller and by a ratio, and what would exceed them is never produced: a bomb
costs no more than what it may become.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.asn1 import der
from gateway.asn1.ber import Element, Fields
from gateway.asn1.oid import Oid
from gateway.cms.algorithm import unsupported
from gateway.cms.content import COMPRESSED_DATA, DATA, WINDOW, Buffer, read_content_info, windows
from gateway.cms.parameter import Identifier, read_identifier
from gateway.errors import LimitExceeded, Malformed

RATIO = 100
SMALL = 1 << 16
"""Buffer that are never too many, whatever the ratio: a short text may repeat itself."""

ZLIB = der.oid(Oid.ZLIB)


@dataclass(frozen=True, slots=True)
class Compressed:
    """CompressedData as read; ``pieces`` are the segments of what was compressed."""

    algorithm: Identifier
    pieces: list[memoryview]


def read_compressed(data: Buffer) -> Compressed:
    """Read a ContentInfo that holds CompressedData. Raises ``Malformed``, ``LimitExceeded``."""
    content_type, content = read_content_info(data)
    if content_type != COMPRESSED_DATA[2:]:
        raise Malformed("this CMS structure is not CompressedData")
    return compressed_data(content)


def compressed_data(element: Element) -> Compressed:
    """Read a CompressedData (RFC 3274 §1.1). Raises ``Malformed``, ``LimitExceeded``."""
    fields = Fields(element)
    fields.skip_version()
    algorithm = read_identifier(fields.next())
    encapsulated = Fields(fields.next())
    fields.end()
    if encapsulated.next().oid() != DATA[2:]:
        raise Malformed("the compressed content type is not id-data")
    pieces = encapsulated.take(der.context(0)).only().chunks()
    encapsulated.end()
    return Compressed(algorithm, pieces)


def decompress(compressed: Compressed, limit: int) -> bytearray:
    """Return the content, of at most ``limit`` octets.

    Raises ``LimitExceeded`` above that or above ``RATIO`` times what was compressed, ``Malformed`` for what does not
    decompress, ``Rejected`` unsupported-algorithm.
    """
    if compressed.algorithm.oid != ZLIB[2:] or not compressed.algorithm.plain:
        raise unsupported("the content is compressed with something else than zlib")
    most = min(limit, max(SMALL, RATIO * sum(piece.nbytes for piece in compressed.pieces)))
    content = bytearray()
    try:
        for piece in _inflated(compressed.pieces):
            content += piece
            if len(content) > most:
                raise LimitExceeded(f"compressed content of more than {most} octets")
    except zlib.error as error:
        raise Malformed("the compressed content does not decompress") from error
    return content


def _inflated(pieces: list[memoryview]) -> Iterator[bytes]:
    """Yield the content in pieces of at most ``WINDOW`` octets. Raises ``zlib.error``, ``Malformed``."""
    stream = zlib.decompressobj()
    for window in windows(pieces):
        rest: Buffer = window
        while rest and not stream.eof:
            yield stream.decompress(rest, WINDOW)
            rest = stream.unconsumed_tail
        if stream.eof and (rest or stream.unused_data):
            raise Malformed("octets after the end of the compressed content")
    if not stream.eof:
        raise Malformed("the compressed content is cut short")
