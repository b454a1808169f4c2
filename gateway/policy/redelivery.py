"""Which held mail is delivered again by itself, once it can be read or judged: as its recipients' groups say."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.policy.rule import Addresses


class Redeliver(StrEnum):
    """What is delivered again by itself."""

    MANUAL = "manual"
    UNREADABLE = "unreadable"
    ALL = "all"


STRICTEST = (Redeliver.MANUAL, Redeliver.UNREADABLE, Redeliver.ALL)
"""In the order in which they count where they differ."""


@dataclass(frozen=True, slots=True)
class RedeliveryRules:
    """``of_groups``: the rule of each owner of ``mailboxes``; ``general``: that for everybody else."""

    mailboxes: Addresses
    of_groups: tuple[Redeliver, ...]
    general: Redeliver

    def of(self, recipients: Iterable[str]) -> Redeliver:
        """Return the rule for a message: of several recipients, the strictest counts, so that nobody is left out."""
        return min((self._of(recipient) for recipient in recipients), key=STRICTEST.index, default=self.general)

    def _of(self, recipient: str) -> Redeliver:
        owner = self.mailboxes.owner(recipient)
        return self.general if owner is None else self.of_groups[owner]
