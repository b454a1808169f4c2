"""What a source of certificates says of an address, whichever kind it is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.errors import Fault

MOST = 50
"""Certificates of one answer that are looked at."""


class Result(StrEnum):
    """How a look-up ended."""

    FOUND = "found"
    """At least one certificate that serves."""
    NEW_ISSUER = "new-issuer"
    """The same; it has another issuer than the one that served so far."""
    PENDING = "pending"
    """Certificates that wait for an administrator, or for an anchor above them."""
    UNUSABLE = "unusable"
    """Certificates of which none may serve: of another address, expired, too weak, not for mail."""
    NONE = "none"
    """The source has none."""
    FAILED = "failed"
    """It could not be asked, or did not answer in time."""


class NotAnswered(Fault):
    """A source could not be asked, or what it said is no answer; the text says why and quotes nothing of it.

    ``lives``: it spoke, and only this question has no answer. Who is asked of is often a stranger, who must not be able
    to have a source spared for everybody.
    """

    def __init__(self, text: str, *, lives: bool = False) -> None:
        super().__init__(text)
        self.lives = lives


@dataclass(frozen=True, slots=True)
class Answer:
    """The certificates (DER, unread) that a source has for an address; nothing of them was judged.

    ``secure``: a validating resolver vouches that the domain's owner said so (DNSSEC). None at all is an answer, too.
    """

    certificates: tuple[bytes, ...] = ()
    secure: bool = False


Ask = Callable[[str], Answer]
"""Asks one source for an address, in bounded time. Blocks; safe for threads. Raises ``NotAnswered``."""
