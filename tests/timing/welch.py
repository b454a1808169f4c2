"""Whether two ways take the same time, as far as anybody can tell who measures them from outside: Welch's t.

Both ways are measured in turn, in an order drawn anew for each pair, so that what else the machine does hits both
alike. The slowest of each are left out: they say more about the machine than about the ways. |t| over 4.5 is a
difference (the threshold of ISO/IEC 17825 and of dudect).
"""

import random
from collections.abc import Callable
from math import sqrt
from statistics import fmean, median, variance
from time import perf_counter_ns

THRESHOLD = 4.5
KEPT = 0.9
"""The share of each side that counts, the fastest."""

Samples = tuple[list[int], list[int]]


def measured(ways: tuple[Callable[[int], object], Callable[[int], object]], pairs: int) -> Samples:
    """Return the nanoseconds that both ways took, each called with the number of the pair."""
    taken: Samples = ([], [])
    order = [0, 1]
    for pair in range(pairs):
        random.shuffle(order)
        for way in order:
            began = perf_counter_ns()
            ways[way](pair)
            taken[way].append(perf_counter_ns() - began)
    return taken


def statistic(samples: Samples) -> float:
    """Return Welch's t of the two sides."""
    one, other = (sorted(side)[: int(len(side) * KEPT)] for side in samples)
    spread = variance(one) / len(one) + variance(other) / len(other)
    return (fmean(one) - fmean(other)) / sqrt(spread)


def told(samples: Samples) -> str:
    """Return what was measured, in words."""
    one, other = (median(side) / 1000 for side in samples)
    return f"{len(samples[0])} pairs, medians {one:.1f} and {other:.1f} µs, t = {statistic(samples):+.2f}"
