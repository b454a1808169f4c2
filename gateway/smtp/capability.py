"""What a server says it can do (RFC 5321 §4.1.1.1), and what a door offers of it.

A door offers what the next hop offers *and* the gateway carries; a keyword is never made up, for a parameter taken
from the client must be one the next hop takes from us. PIPELINING, SIZE and XFORWARD (of use in the record, and passed
on where the next hop takes it) are our own. Not carried, hence refused: CHUNKING, BINARYMIME, REQUIRETLS, DELIVERBY and
all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.engine.transaction import Direction
from gateway.reply import Reply
from gateway.smtp.door import Limits

CARRIED = ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
XFORWARD = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")
GROWTH = 0.7
"""Sealed content is base64 of more than the original: an outbound message may be this part of the next hop's SIZE."""


FIELDS = 16_384
"""The most that our fields add to an inbound message, in bytes."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The keywords of an EHLO answer, upper case, with their parameters as given."""

    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def size(self) -> int | None:
        """The largest message in bytes; None where the server names none (RFC 1870 §4)."""
        value = next(iter(self.keywords.get("SIZE", ())), "")
        return int(value) or None if value.isascii() and value.isdigit() else None

    @property
    def xforward(self) -> tuple[str, ...]:
        """The XFORWARD attributes the server takes, of those we know."""
        offered = {name.upper() for name in self.keywords.get("XFORWARD", ())}
        return tuple(name for name in XFORWARD if name in offered)

    @property
    def mechanisms(self) -> frozenset[str]:
        """The AUTH mechanisms (RFC 4954)."""
        return frozenset(name.upper() for name in self.keywords.get("AUTH", ()))


def read_capabilities(reply: Reply) -> Capabilities:
    """Read an EHLO answer; the greeting line and empty keyword lines (smtp-sink sends one) are passed over."""
    words = [line.split() for line in reply.lines[1:]]
    return Capabilities({first.upper(): tuple(rest) for first, *rest in filter(None, words)})


def _passing(direction: Direction, size: int) -> int:
    """Return how large a message may be so that what becomes of it is within a next hop's ``size``."""
    return int(size * GROWTH) if direction is Direction.OUTBOUND else max(size - FIELDS, size // 2)


def accepted_size(direction: Direction, limits: Limits, next_hop: Capabilities) -> int:
    """Return the largest message in bytes that a door takes."""
    if next_hop.size is None:
        return limits.message_size
    return min(limits.message_size, _passing(direction, next_hop.size))


def offered(direction: Direction, limits: Limits, next_hop: Capabilities) -> list[str]:
    """Return the keyword lines a door offers to every client; STARTTLS and AUTH depend on the session."""
    lines = [f"SIZE {accepted_size(direction, limits, next_hop)}", "PIPELINING"]
    lines += [keyword for keyword in CARRIED if keyword in next_hop]
    lines.append(" ".join(("XFORWARD", *XFORWARD)))
    return lines
