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

WIDE = 400
"""Columns where no terminal limits them: a program that reads a table finds every row on one line."""
SHORT = 16
"""Digits of a fingerprint that are shown, and that are enough to name it."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """Print one JSON value."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their headings; on a terminal long cells are folded, between words only.

    So ids and addresses stay whole on the narrowest.
    """
    lines = [tuple(columns), *(tuple(map(visible, row)) for row in rows)]
    table = Table(box=None, pad_edge=False)
    for cells in zip(*lines, strict=True):
        table.add_column(cells[0], min_width=max(map(cell_len, " ".join(cells).split())))
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    Console(width=None if sys.stdout.isatty() else WIDE, highlight=False).print(table, crop=False)


def visible(text: str) -> str:
    """Return ``text`` with what is not printable escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def day(at: datetime) -> str:
    """Return the day of a time, for tables."""
    return f"{at:%Y-%m-%d}"


def moment(at: datetime) -> str:
    """Return a time (aware, UTC) as RFC 3339."""
    return at.isoformat().replace("+00:00", "Z")
