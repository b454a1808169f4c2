"""The table as a picture: how near every row comes to its aim. A small SVG, written by hand.

One bar for a row, on a logarithmic scale from a tenth of the aim to ten times it; to the right is better whichever way
the aim points. The bar is the median of the rounds, the thin line goes from the lowest to the highest. Rows without an
aim have no bar.
"""

from collections.abc import Sequence
from html import escape
from math import log10

from benchmarks.ratio import Aim, Measured

LEFT, MIDDLE, WIDTH, HEIGHT = 170, 430, 780, 20
SPAN = 250.0
"""Pixels from the aim to ten times it."""
REACHED, MISSED, INK = "#2e7d32", "#c62828", "#333333"


def picture(measured: Sequence[Measured], caption: str) -> str:
    """Return the picture as SVG; ``caption`` says when and where."""
    rows = [(each, each.row.aim) for each in measured if each.row.aim is not None]
    bottom = 50 + HEIGHT * len(rows)
    lines = [_line(_place(times), 40, bottom, times == 1) for times in (0.1, 0.5, 1, 2, 10)]
    labels = [_text(_place(times), 34, f"{times:g} ×", "middle") for times in (0.1, 0.5, 2, 10)]
    bars = [_bar(50 + HEIGHT * number, each, aim) for number, (each, aim) in enumerate(rows)]
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 30}" width="{WIDTH}"'
            f' font-family="sans-serif" font-size="12" fill="{INK}">',
            f"<title>{escape(caption)}</title>",
            '<rect width="100%" height="100%" fill="white"/>',
            _text(MIDDLE, 34, "aim", "middle"),
            *lines,
            *labels,
            *bars,
            _text(LEFT, bottom + 20, caption, "start"),
            "</svg>\n",
        )
    )


def _bar(top: int, each: Measured, aim: Aim) -> str:
    middle = top + HEIGHT / 2
    ends = sorted(_place(_reached(ratio, aim)) for ratio in each.ratios)
    end = _place(_reached(each.ratio, aim))
    left, right = sorted((float(MIDDLE), end))
    colour = REACHED if aim.reached(each.ratio) else MISSED
    beside = max(ends[-1], MIDDLE) + 8
    return "".join(
        (
            _text(LEFT - 8, middle + 4, each.row.name, "end"),
            f'<rect x="{left:.1f}" y="{top + 4}" width="{right - left:.1f}" height="{HEIGHT - 8}" fill="{colour}"/>',
            f'<path d="M{ends[0]:.1f} {middle}H{ends[-1]:.1f}" stroke="{INK}"/>',
            _text(beside, middle + 4, f"{each.ratio:.2f} ({aim})", "start"),
        )
    )


def _reached(ratio: float, aim: Aim) -> float:
    """Return how many times the aim a ratio is worth: 1 is the aim, more is better.

    A cost may come out at nothing, or below, where it is the difference of two that are measured.
    """
    ratio = max(ratio, aim.bound / 1000)
    return aim.bound / ratio if aim.at_most else ratio / aim.bound


def _place(times: float) -> float:
    return MIDDLE + SPAN * max(-1.0, min(1.0, log10(times)))


def _line(x: float, top: int, bottom: int, strong: bool) -> str:
    return f'<path d="M{x:.1f} {top}V{bottom}" stroke="{INK if strong else "#cccccc"}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
