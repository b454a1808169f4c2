"""What a source of certificates says of an address, whichever kind it is."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import Fault

MOST = 50
"""Certificates of one answer that are looked at."""


class NotAnswered(Fault):
    """A source could not be asked, or what it said is no answer; the text says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The certificates (DER, unread) that a source has for an address; nothing of them was judged.

    ``secure``: a validating resolver vouches that the domain's owner said so (DNSSEC). None at all is an answer, too.
    """

    certificates: tuple[bytes, ...] = ()
    secure: bool = False


Ask = Callable[[str], Answer]
"""Asks one source for an address, in bounded time. Blocks; safe for threads. Raises ``NotAnswered``."""
