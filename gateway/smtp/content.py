"""Message content on the wire (RFC 5321 §4.5.2): taken out of DATA, and put into DATA.

Only CRLF.CRLF ends a message, and a message holds no bare CR or LF: both are what keeps a second, smuggled message
from being seen by anybody else. Bytes come and go in pieces; every way of cutting the stream gives the same result.
Nothing else is changed: long lines, 8-bit bytes and NUL pass.
"""

import re
from collections.abc import Iterator

from gateway.errors import Fault
from gateway.mail.arrival import has_bare_line_end

Octets = bytes | bytearray

END = b"\r\n.\r\n"
CHUNK = 262144
_STUFFED = re.compile(rb"\r\n\.")
_DOTTED = re.compile(rb"\n\.")


class BareLineEnd(Fault):
    """Content to be sent holds a CR without LF, or an LF without CR: whoever made it has a bug."""


class Room:
    """The bytes of messages that one process holds, from their arrival to their end; ``size`` of them at most.

    Clients that send large messages at once, each of them allowed, would otherwise take all the memory there is.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._used = 0

    def take(self, count: int) -> bool:
        """Take room for so many more bytes, if it is there."""
        if self._used + count > self.size:
            return False
        self._used += count
        return True

    def give_back(self, count: int) -> None:
        """Give room back."""
        self._used -= count


class Content:
    """Collects one message from DATA; keeps at most ``limit`` bytes, while ``room`` has them, and then only counts.

    ``size`` is what came so far (dot-stuffing removed), ``bare`` says whether a bare CR or LF was among it,
    ``crowded`` whether there was no room. To be followed by ``release``.
    """

    def __init__(self, limit: int, room: Room) -> None:
        self.limit = limit
        self._room = room
        self._held = 0
        self.crowded = False
        # The CRLF of the DATA command is the one before a dot on the first line.
        self._undecided = b"\r\n"
        self._kept = bytearray()
        self.size = -2
        self.bare = False

    @property
    def too_large(self) -> bool:
        """Whether more than ``limit`` bytes came."""
        return self.size > self.limit

    def feed(self, data: bytes) -> bytes | None:
        """Take the next piece; return what follows the final dot, or None while it has not come."""
        data = self._undecided + data
        # The end begins like any line with a dot, and most pieces have none: one look finds out both.
        dot = _STUFFED.search(data)
        end = data.find(END, dot.start()) if dot else -1
        if dot and end >= 0:
            self._keep(data[: end + 2], dotted=dot.start() < end)
            self._undecided = b""
            return data[end + 5 :]
        held = _beginning_of_end(data)
        self._undecided = data[len(data) - held :]
        self._keep(data[: len(data) - held], dotted=dot is not None)
        return None

    def take(self) -> bytes:
        """Return the content and let go of the buffer; its room stays taken."""
        kept, self._kept = self._kept, bytearray()
        # One slice, one copy: the two bytes in front are those ``_undecided`` began with.
        return bytes(memoryview(kept)[2:])

    def _keep(self, data: bytes, *, dotted: bool) -> None:
        self.bare = self.bare or has_bare_line_end(data)
        if dotted:
            data = data.replace(b"\r\n.", b"\r\n")
        self.size += len(data)
        if self.bare or self.too_large or self.crowded:
            self.release()
        elif self._room.take(len(data)):
            self._held += len(data)
            self._kept += data
        else:
            self.crowded = True
            self.release()

    def release(self) -> None:
        """Let go of what is kept, and give its room back."""
        self._kept = bytearray()
        self._room.give_back(self._held)
        self._held = 0


def _beginning_of_end(data: bytes) -> int:
    """Return how many bytes at the end of ``data`` may be the beginning of ``END``."""
    return next((n for n in (4, 3, 2, 1) if data.endswith(END[:n])), 0)


def stuffed(content: Octets, chunk_size: int = CHUNK) -> Iterator[Octets]:
    """Yield the content dot-stuffed, in pieces, ending in CRLF (empty content: nothing), without the final dot.

    Raises ``BareLineEnd`` at the piece that holds one: such content must never reach the final dot.
    """
    before: Octets = b"\n"
    for start in range(0, len(content), chunk_size):
        end = start + chunk_size
        piece = content[start:end]
        if has_bare_line_end(_whole_pairs(piece, before, content[end : end + 1])):
            raise BareLineEnd("content holds a bare CR or LF")
        dotted = b"." + piece if before == b"\n" and piece.startswith(b".") else piece
        yield dotted.replace(b"\n.", b"\n..") if _DOTTED.search(piece) else dotted
        before = piece[-1:]
    if content and not content.endswith(b"\r\n"):
        yield b"\r\n"


def _whole_pairs(piece: Octets, before: Octets, after: Octets) -> Octets:
    """Complete a CRLF that the cut before or behind ``piece`` went through."""
    if before == b"\r":
        piece = b"\r" + piece
    return piece + b"\n" if after == b"\n" and piece.endswith(b"\r") else piece
