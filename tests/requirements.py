"""The rows of docs/requirements.md and the tests that cite them. ``python -m tests.requirements`` writes the column."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/requirements.md"
KINDS = "CRT|DEC|HDR|KEY|LIM|NET|OUT|REL|SIG|SMT|TST|WEB"
CITED = re.compile(rf"\b(?:{KINDS})-[0-9]{{2}}\b")
ROW = re.compile(rf"^\| ((?:{KINDS})-[0-9]{{2}}) \| (.*) \| (.*) \|$")
NOT_BUILT = "not built: "


def citations(folder: Path) -> dict[str, list[str]]:
    """Return for each row the Python files below ``folder`` that cite it, as paths from there."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("*.py")):
        for row in set(CITED.findall(path.read_text())):
            found[row].append(str(path.relative_to(folder)))
    return dict(found)


def column(files: list[str]) -> str:
    """Return what a row says of its tests."""
    return " ".join(f"`{name.removesuffix('.py')}`" for name in files)


def rewritten(page: str) -> str:
    """Return the page with the tests that cite each row today."""
    cited = citations(ROOT / "tests")
    lines = []
    for line in page.splitlines():
        row = ROW.match(line)
        lines.append(f"| {row[1]} | {row[2]} | {column(cited.get(row[1], []))} |" if row else line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
