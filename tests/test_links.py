"""Links between the pages of the documentation lead to a file and a heading; the map names what there is."""

import pydoc
import re
from pathlib import Path

import pytest

from tests.test_floors import FLOORS, modules, room

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for place in ("", "docs/**/", ".github/**/", "tests/") for page in ROOT.glob(f"{place}*.md"))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        there = page.parent / name if name else page
        assert there.exists(), f"{page.name}: no file for {link}"
        assert not anchor or anchor in anchors(there), f"{page.name}: no heading for {link}"


def test_the_map_names_what_there_is() -> None:
    """Every ``room.module`` in docs/architecture.md is one, and every room has its row."""
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| ([0-4]) \| (.*?) \|", text, re.MULTILINE)
    rooms = {name: int(floor) for floor, names in rows for name in re.findall(r"`(.+?)`", names)}
    assert rooms == {name: round(FLOORS[name]) for name in map(room, modules()) if not name.startswith("__")}
    named = {name for name in re.findall(r"`([a-z_0-9]+\.[A-Za-z_.0-9]+)`", text) if name.partition(".")[0] in rooms}
    assert len(named) > 30
    assert {name for name in named if pydoc.locate(f"gateway.{name}") is None} == set()


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "requirements.md"], ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths from the root of the repository, in backticks; a pattern fits something."""
    folders = "|".join(("gateway", "tests", "docs", "config", "fixtures", "benchmarks", "systemd"))
    named = re.findall(rf"`((?:{folders})/[\w./*-]+)`", page.read_text())
    assert [name for name in named if not any(ROOT.glob(name.rstrip("/")))] == []
