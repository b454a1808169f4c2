"""How results are printed: JSON for programs, tables and lines for people. Foreign control characters never get out."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.admin.view import as_json
from gateway.log import visible as visible

WIDE = 400
"""Columns where no terminal limits them: a program that reads a table finds every row on one line."""
GAP = 2
"""Blanks between two columns."""
NARROWEST = 4
SHORT = 16
"""Digits of a fingerprint that are shown, and that are enough to name it."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """Print a view, or several, as JSON."""
    click.echo(json.dumps(as_json(value), indent=2, ensure_ascii=True))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their headings; on a terminal long cells are folded, and it is never wider than that.

    Cells fold between words as long as the words have room; then those of the widest columns are broken. The first
    column, the ids, stays whole, and columns with nothing in them are left out.
    """
    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else WIDE, highlight=False)
    lines = [tuple(columns), *(tuple(map(visible, row)) for row in rows)]
    told = [cells for cells in zip(*lines, strict=True) if not terminal or len(lines) == 1 or any(cells[1:])]
    table = Table(box=None, pad_edge=False)
    for cells, width in zip(told, _widths(told, console.width), strict=True):
        table.add_column(cells[0], width=width, overflow="fold")
    for line in list(zip(*told, strict=True))[1:]:
        table.add_row(*map(Text, line))
    console.print(table, crop=False)


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return how wide each column is: its longest word at least, its longest cell at most, as far as there is room."""
    widths = [max(map(cell_len, " ".join(cells).split())) for cells in columns]
    room -= GAP * (len(widths) - 1)
    while sum(widths) > room and max(widths[1:], default=0) > NARROWEST:
        widest = max(range(1, len(widths)), key=widths.__getitem__)
        widths[widest] -= 1
    for place, cells in enumerate(columns):
        widths[place] += max(0, min(max(map(cell_len, cells)) - widths[place], room - sum(widths)))
    return widths


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def day(at: datetime) -> str:
    """Return the day of a time, for tables."""
    return f"{at:%Y-%m-%d}"
