"""What came within a day as bars: an hour a bar, in it one piece for each result.

The pieces differ in their pattern, not in colour alone, so that the chart is read in grey, too. Numbers stand in the
pieces' titles and in the table below. The drawing is stretched to the width there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.admin.overview import Result

HEIGHT = 100
SLOT, WIDTH = 10, 8
"""Of a bar, with and without the gap, in the units of the drawing."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a bar: where it stands, how high it is, and of what it is how many."""

    x: int
    y: float
    height: float
    result: Result
    count: int
    hour: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """The drawing. ``top``: what its full height stands for."""

    width: int
    top: int
    pieces: tuple[Piece, ...]
    total: int


def chart(hours: Sequence[tuple[datetime, Mapping[Result, int]]], top: int) -> Chart:
    """Return the bars of these hours; ``top``: what the full height stands for."""
    pieces = tuple(piece for place, hour in enumerate(hours) for piece in _bar(place, *hour, top))
    return Chart(len(hours) * SLOT, top, pieces, sum(piece.count for piece in pieces))


def ceiling(most: int) -> int:
    """Return a round number that is no less than ``most``, an even one, so that its half is one, too."""
    scale = 1
    while scale * 10 < most:
        scale *= 10
    return max(next(step * scale for step in (1, 2, 4, 6, 8, 10) if step * scale >= most), 2)


def _bar(place: int, hour: datetime, counts: Mapping[Result, int], top: int) -> Iterator[Piece]:
    bottom = float(HEIGHT)
    for result in Result:
        count = counts[result]
        if count:
            # What is there is seen, however little it is beside the rest.
            height = max(HEIGHT * count / top, 1.0)
            bottom -= height
            yield Piece(place * SLOT + (SLOT - WIDTH) // 2, round(bottom, 2), round(height, 2), result, count, hour)
