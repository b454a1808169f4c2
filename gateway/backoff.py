"""How long to wait before the next try: twice as long after every failure in a row, up to a bound."""

from datetime import timedelta
from typing import TypeVar

Pause = TypeVar("Pause", float, timedelta)

_DOUBLINGS = 30
"""More are never needed between a first and a longest pause, and would only be large numbers."""


def pause(failures: int, first: Pause, longest: Pause) -> Pause:
    """Return the pause after so many failures in a row, one or more: ``first`` after one, at most ``longest``."""
    return min(first * (1 << min(failures - 1, _DOUBLINGS)), longest)
