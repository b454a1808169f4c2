"""Modules and functions that a reader can hold in his head; complexity and parameters are ruff's (pyproject.toml)."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINES_OF_A_MODULE, LINES_OF_A_FUNCTION = 350, 50

WAIVED: dict[str, str] = {}
"""What may be longer, and why. A line that is not needed any more has to go."""


def too_large(path: Path) -> Iterator[str]:
    name, text = str(path.relative_to(ROOT)), path.read_text()
    if len(text.splitlines()) > LINES_OF_A_MODULE:
        yield name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > LINES_OF_A_FUNCTION:
                yield f"{name} {node.name}"


def test_nothing_is_too_large_but_what_is_waived() -> None:
    found = {
        name
        for folder in ("gateway", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for name in too_large(path)
    }
    assert found == set(WAIVED)
