"""Imports go down only, and the pure floors touch neither clock nor network: the architecture, checked."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gateway"

FLOORS: dict[str, float] = {
    "errors": 0, "reply": 0, "reason": 0, "story": 0, "backoff": 0,
    "asn1": 0.9, "mail": 1, "pki": 1, "cms": 1.1, "smime": 1.2,
    "policy": 2, "engine": 2.1,
    "smtp": 3, "store": 3, "milter": 3, "lookup": 3,
    "config": 4, "log": 4, "clock": 4, "metrics": 4, "wiring": 4.1, "discovery": 4.1, "gather": 4.15,
    "admin": 4.2, "mailflow": 4.3, "web": 4.35, "processes": 4.4, "cli": 4.5,
    "__main__": 5, "__init__": -1,
}  # fmt: skip
NEIGHBOURS = {("pki", "mail"), ("errors", "reason"), ("reply", "reason")}
"""Rooms of one floor that may see each other, in this direction."""
PURE = {"errors", "reply", "reason", "story", "backoff", "asn1", "mail", "pki", "cms", "smime", "policy"}
IMPURE_MODULES = {"asyncio", "socket", "ssl", "os", "time", "random", "logging", "secrets", "subprocess", "threading"}
RANDOMNESS = {"os", "secrets"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def test_the_scan_sees_modules() -> None:
    assert len(modules()) > 20


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    here = room(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] != "gateway" or len(parts) < 2 or parts[1] == here or parts[1] == "__version__":
            continue
        there = parts[1]
        down = FLOORS[there] < FLOORS[here] or (here, there) in NEIGHBOURS
        assert down, f"{path.relative_to(ROOT)} imports {name}: not below it"


@pytest.mark.parametrize("name", sorted(p.parent.name for p in ROOT.glob("*/__init__.py") if p.parent.name != "cli"))
def test_a_rooms_page_names_its_modules(name: str) -> None:
    """Each module stands in its room's docstring, in double backticks; those of ``cli`` are called like commands."""
    page = ast.get_docstring(ast.parse((ROOT / name / "__init__.py").read_text())) or ""
    named = {word.partition(".")[0] for word in re.findall(r"``([\w.]+)``", page)}
    table = re.search(r"^=+  =+\n(.*?)\n=+  =+$", page, re.DOTALL | re.MULTILINE)
    rows = re.findall(r"^(``.*?``)  ", table[1], re.MULTILINE) if table else []
    there = {p.stem for p in (ROOT / name).glob("*.py")} | {p.parent.name for p in (ROOT / name).glob("*/__init__.py")}
    assert there - named - {"__init__", "migrations"} == set()
    assert {word for row in rows for word in re.findall(r"``(\w+)``", row)} - there == set()


@pytest.mark.parametrize("path", [p for p in modules() if room(p) in PURE], ids=lambda p: str(p.relative_to(ROOT)))
def test_pure_floors_are_pure(path: Path) -> None:
    allowed = RANDOMNESS if room(path) == "cms" else set()
    found = {name.split(".")[0] for name in imported(path)} & (IMPURE_MODULES - allowed)
    assert not found, f"{path.relative_to(ROOT)} imports {found}"


@pytest.mark.parametrize("path", [p for p in modules() if room(p) != "milter"], ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_milter_imports_the_extra(path: Path) -> None:
    """pymilter is GPL and optional."""
    assert not {name.split(".")[0] for name in imported(path)} & {"milter", "Milter"}
