"""When something that was put off is due, under a clock that may have been wrong (row REL-10)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, or_

FARTHEST = timedelta(days=2)
"""Nothing is ever put off for longer: a later time was noted while the clock was ahead, and is years away."""


def is_due(column: Column[Any], at: datetime) -> ColumnElement[bool]:
    """Return the condition that the time in ``column`` has come."""
    return or_(column <= at, column > at + FARTHEST)
