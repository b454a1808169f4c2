"""A row of the table: two sides, the turns they take, and the ratio that comes out."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple


class NotMeasured(Exception):
    """A row cannot be measured; the text says why."""


class Sides(NamedTuple):
    """Each call measures one side once, both in the same unit: a rate, a cost or a size."""

    ours: Callable[[], float]
    theirs: Callable[[], float]


@dataclass(frozen=True)
class Aim:
    """What the ratio ours : theirs should be."""

    bound: float
    at_most: bool = False

    def reached(self, ratio: float) -> bool:
        """Whether this ratio is good enough."""
        return ratio <= self.bound if self.at_most else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass(frozen=True)
class Row:
    """What is compared. ``build`` sets both sides up on a ground; ``show`` words one side's value.

    ``turns``: how many times over a round is repeated; more than once for what takes milliseconds.
    """

    name: str
    ours: str
    theirs: str
    aim: Aim | None
    show: Callable[[float], str]
    build: Callable[..., Sides]
    turns: int = 1


@dataclass(frozen=True)
class Measured:
    """The ratio of every round, and the values of both sides."""

    row: Row
    ours: list[float]
    theirs: list[float]

    @property
    def ratios(self) -> list[float]:
        """Ours : theirs, round by round."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median."""
        return median(self.ratios)


def measure(row: Row, ground: object, rounds: int) -> Measured:
    """Measure both sides by turns, after one turn that does not count. Raises ``NotMeasured``."""
    sides = row.build(ground)
    ours, theirs = [], []
    for _ in range(1 + rounds * row.turns):
        theirs.append(sides.theirs())
        ours.append(sides.ours())
    return Measured(row, ours[1:], theirs[1:])
