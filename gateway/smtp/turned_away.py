"""Clients that are turned away at a door: which of them are told of, so that no flood of them fills a disk.

One of each kind (an address at a door, for one cause) is told of in an hour, and at most ``AT_MOST`` of all. The others
are counted, and the next that is told of says how many there were.
"""

from collections.abc import Hashable
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.engine.finding import not_judged, not_made
from gateway.engine.transaction import Direction, Outcome, Verdict
from gateway.reason import Reason
from gateway.reply import Reply

PAUSE = timedelta(hours=1)
AT_MOST = 100
"""Told of in ``PAUSE``, by one door of one process."""


class TurnedAway:
    """What one door remembers of them."""

    def __init__(self) -> None:
        self._told: set[Hashable] = set()
        self._since: datetime | None = None
        self._silent = 0

    def tell(self, kind: Hashable, at: datetime) -> int | None:
        """Return how many were not told of before this one; None where this one is not to be told of either."""
        if self._since is None or not timedelta() <= at - self._since < PAUSE:
            self._told, self._since = set(), at
        if kind in self._told or len(self._told) >= AT_MOST:
            self._silent += 1
            return None
        self._told.add(kind)
        silent, self._silent = self._silent, 0
        return silent


def at_the_door(direction: Direction, answer: Reply, rule: str) -> Outcome:
    """Return what became of whatever the client had; ``rule``: what turned it away."""
    reason = Reason.LIMIT if answer.temporary else Reason.NOT_AUTHORISED
    finding = not_made(reason) if direction is Direction.OUTBOUND else not_judged(reason)
    verdict = Verdict.DEFER if answer.temporary else Verdict.REJECT
    return Outcome(verdict, answer, finding=replace(finding, rule=rule))
