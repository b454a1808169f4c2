"""The wall clock and the ids made of it; the only room that reads it."""

import secrets
from datetime import UTC, datetime


def now() -> datetime:
    """Return the time (aware, UTC)."""
    return datetime.now(UTC)


def new_id() -> str:
    """Return a record id: 22 hexadecimal digits that sort by time (milliseconds) and cannot be guessed."""
    return f"{int(now().timestamp() * 1000):012x}{secrets.token_hex(5)}"
