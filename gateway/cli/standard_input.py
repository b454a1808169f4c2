"""``-`` where a file is expected: standard input."""

import sys
from pathlib import Path
from typing import Any

import click

STANDARD_INPUT = Path("/dev/stdin")
"""What ``-`` becomes; a file of that name is ``./-``."""


class Source(click.Path):
    """A file or a folder to read, or ``-``."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        return STANDARD_INPUT if value == "-" else super().convert(value, param, ctx)


def shown(path: Path) -> str:
    """Return how messages name it."""
    return "standard input" if path == STANDARD_INPUT else str(path)


def read(path: Path, limit: int = -1) -> bytes:
    """Return what is in it, ``limit`` octets at most; -1: all. Raises ``OSError``."""
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read(limit)
    with path.open("rb") as file:
        return file.read(limit)


def once(*paths: Path | None) -> None:
    """See to it that nothing is to be read from standard input twice. Raises ``click.UsageError``."""
    if paths.count(STANDARD_INPUT) > 1:
        raise click.UsageError("- is standard input, which can be read once only")
