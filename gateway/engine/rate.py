"""How often a key may fail: an oracle needs many tries, honest mail hardly any (row DEC-08)."""

from collections import defaultdict, deque
from copy import copy
from datetime import datetime, timedelta
from threading import Lock

WINDOW = timedelta(hours=1)


class FailureRate:
    """Counts failed decryptions of each key in the last hour. Safe in many threads; one per process."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._failures: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self._lock = Lock()

    def under(self, per_hour: int) -> "FailureRate":
        """Return the same counts under another limit."""
        other = copy(self)
        other._per_hour = per_hour
        return other

    def allows(self, key: str, at: datetime) -> bool:
        """Whether the key may be used once more."""
        with self._lock:
            failures = self._failures.get(key)
            # One that lies ahead was noted before the clock was set back, and would count for ever.
            while failures and not at - WINDOW < failures[0] <= at + WINDOW:
                failures.popleft()
            return not failures or len(failures) < self._per_hour

    def note(self, key: str, at: datetime) -> None:
        """Count a failure."""
        with self._lock:
            self._failures[key].append(at)
