"""How often a key may fail: an oracle needs many tries, honest mail hardly any (row DEC-08)."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from gateway.engine.ports import Failures

WINDOW = timedelta(hours=1)


class FailuresHere:
    """Implements ``engine.ports.Failures`` for one process that leaves nothing behind. Safe in many threads."""

    def __init__(self) -> None:
        self._failures: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._lock = Lock()

    def count(self, key: str, at: datetime) -> int:
        """Return how often the key failed within the hour."""
        with self._lock:
            failures = self._failures[key]
            # One that lies ahead was noted before the clock was set back, and would count for ever.
            while failures and not at - WINDOW < failures[0] <= at + WINDOW:
                failures.popleft()
            return len(failures)

    def note(self, key: str, at: datetime) -> None:
        """Count a failure."""
        with self._lock:
            self._failures[key].append(at)


@dataclass(frozen=True, slots=True)
class FailureRate:
    """The limit, and what counts against it."""

    per_hour: int
    failures: Failures = field(default_factory=FailuresHere)

    def allows(self, key: str, at: datetime) -> bool:
        """Whether the key may be used once more. Raises ``Fault``."""
        return self.failures.count(key, at) < self.per_hour

    def note(self, key: str, at: datetime) -> None:
        """Count a failure. Raises ``Fault``."""
        self.failures.note(key, at)
