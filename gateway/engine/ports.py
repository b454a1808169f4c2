"""What a door asks of the world, as a protocol. ``store`` implements it; tests use a dictionary."""

from collections.abc import Sequence
from typing import Protocol


class Ledger(Protocol):
    """Remembers copies the next hop took in transactions whose client has not had our 250 (at-least-once, no repeats).

    ``digest`` is over the content below its leading trace fields. All methods raise ``Fault``.
    """

    def claim(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> frozenset[str]:
        """Return the recipients an earlier, failed transaction already served, and take their entries over.

        Entries of a transaction that is still running elsewhere are not returned: the same bytes sent twice on
        purpose are two mails.
        """

    def taken(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> None:
        """Note that the next hop took these recipients' copy; durable when this returns."""

    def release(self, digest: bytes, door: str, sender: str) -> None:
        """The client got no 250: leave our entries for its next attempt."""

    def forget(self, digest: bytes, door: str, sender: str) -> None:
        """The client got its 250: drop our entries."""
