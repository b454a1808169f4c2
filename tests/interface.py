"""What docs/interface.md promises, read from its tables: the tests hold the code against it."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs/interface.md").read_text()


def section(heading: str) -> str:
    """Return the text under a heading, up to the next of any level."""
    return re.split(r"^#{2,3} ", PAGE.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables under a heading, without their heads."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = {number for number, row in enumerate(table) if set("".join(row)) <= set("-| ")}
    return [row for number, row in enumerate(table) if number not in heads and number + 1 not in heads]


def words(text: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


METRICS = {words(name)[0]: set(words(labels)) for name, labels in rows("8. Metrics")}
"""Labels by name, without the prefix."""

RECORD = [words(name)[0] for name, _ in rows("6. The record")]
"""The names of a record, in their order."""
