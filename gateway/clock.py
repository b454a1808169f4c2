"""The wall clock, how times and the ids made of it are written; the only room that reads it."""

import secrets
import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time (aware, UTC)."""
    return datetime.now(UTC)


def rfc3339(at: datetime) -> str:
    """Return a time (aware, UTC) as RFC 3339 writes it."""
    return at.isoformat().replace("+00:00", "Z")


class Watch:
    """Notices when the wall clock is set; what goes by age is then not to be trusted for a while (row REL-10)."""

    def __init__(self) -> None:
        self._ahead = _ahead()

    def moved(self) -> float:
        """Return by how many seconds the clock was set since this was asked last."""
        before, self._ahead = self._ahead, _ahead()
        return self._ahead - before


def _ahead() -> float:
    """How far the wall clock is ahead of the one that nobody sets."""
    return time.time() - time.monotonic()


def new_id() -> str:
    """Return a record id: 22 hexadecimal digits that sort by time (milliseconds) and cannot be guessed."""
    return f"{int(now().timestamp() * 1000):012x}{secrets.token_hex(5)}"
