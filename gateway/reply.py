"""SMTP replies: a code and its lines, verbatim (RFC 5321 §4.2, enhanced status codes of RFC 3463).

A reply of the next hop is passed on exactly as it came; our own are made by ``reply``.
"""

from dataclasses import dataclass
from enum import StrEnum


class EnhancedCode(StrEnum):
    """Subject and detail of an enhanced status code, as IANA registers them (RFC 3463 §3, RFC 5248).

    Their class is the first digit of the reply they stand in (RFC 2034 §4).
    """

    OTHER = "0.0"
    BAD_RECIPIENT_SYNTAX = "1.3"
    BAD_SENDER_SYNTAX = "1.7"
    OTHER_SYSTEM = "3.0"
    NOT_ACCEPTING = "3.2"
    TOO_BIG = "3.4"
    NO_ANSWER = "4.1"
    BAD_CONNECTION = "4.2"
    DIRECTORY_FAILURE = "4.3"
    ROUTING_LOOP = "4.6"
    OTHER_PROTOCOL = "5.0"
    INVALID_COMMAND = "5.1"
    SYNTAX_ERROR = "5.2"
    TOO_MANY_RECIPIENTS = "5.3"
    INVALID_ARGUMENTS = "5.4"
    OTHER_MEDIA = "6.0"
    NON_ASCII_ADDRESS = "6.7"
    INVALID_CONTENT = "6.11"
    OTHER_SECURITY = "7.0"
    NOT_AUTHORIZED = "7.1"
    NO_CONVERSION = "7.3"
    BAD_CREDENTIALS = "7.8"
    ENCRYPTION_NEEDED = "7.11"


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
    def taken(self) -> bool:
        """2xx: what it answers was taken; a 354 in the wrong place says nothing of that kind."""
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        """4xx: the client may try again."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx."""
        return self.code >= 500

    @property
    def for_client(self) -> "Reply":
        """A next hop's reply as the client gets it: verbatim, but 421 and 3xx speak of a session not its own."""
        return Reply(451, self.lines) if self.code == 421 or 300 <= self.code < 400 else self

    def encode(self) -> bytes:
        """Return the reply as it goes on the wire, CRLF included."""
        last = len(self.lines) - 1
        return b"".join(
            b"%d%s%s\r\n" % (self.code, b" " if n == last else b"-", line.encode("utf-8", "surrogateescape"))
            for n, line in enumerate(self.lines)
        )

    def __str__(self) -> str:
        return f"{self.code} {' / '.join(self.lines)}".encode("utf-8", "replace").decode()


def reply(code: int, enhanced: EnhancedCode, text: str) -> Reply:
    """Make a one-line reply of our own: 250 and ``EnhancedCode.OTHER`` give ``250 2.0.0`` and the text."""
    return Reply(code, (f"{code // 100}.{enhanced} {text}",))


TROUBLE_TEXT = "Temporary trouble in the gateway, please try again"


def trouble(record_id: str) -> Reply:
    """Return the one reply for any fault or bug of our own: no details, never 5xx."""
    return reply(451, EnhancedCode.OTHER_SYSTEM, f"{TROUBLE_TEXT} (record {record_id})")
