"""SMTP replies: a code and its lines, verbatim (RFC 5321 §4.2, enhanced status codes of RFC 3463).

A reply of the next hop is passed on exactly as it came; our own are made by ``reply``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: three-digit ``code`` and the text of each line, enhanced status code included.

    Text is decoded as UTF-8 with ``surrogateescape``, so that foreign bytes survive the round trip.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def positive(self) -> bool:
        """2xx or 3xx."""
        return self.code < 400

    @property
    def temporary(self) -> bool:
        """4xx: the client may try again."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx."""
        return self.code >= 500

    def encode(self) -> bytes:
        """Return the reply as it goes on the wire, CRLF included."""
        last = len(self.lines) - 1
        return b"".join(
            b"%d%s%s\r\n" % (self.code, b" " if n == last else b"-", line.encode("utf-8", "surrogateescape"))
            for n, line in enumerate(self.lines)
        )

    def __str__(self) -> str:
        return f"{self.code} {' / '.join(self.lines)}".encode("utf-8", "replace").decode()


def reply(code: int, enhanced: str, text: str) -> Reply:
    """Make a one-line reply of our own, such as ``reply(550, "5.7.3", "...")``."""
    return Reply(code, (f"{enhanced} {text}",))


BARE = reply(550, "5.6.11", "Bare CR or LF in the message; lines end in CR LF")
TROUBLE_TEXT = "Temporary trouble in the gateway, please try again"


def trouble(record_id: str) -> Reply:
    """Return the one reply for any fault or bug of our own: no details, never 5xx."""
    return reply(451, "4.3.0", f"{TROUBLE_TEXT} (record {record_id})")
