"""The shipped files: the example says what is so, the manual names every key, the unit is closed."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.config import ConfigError, Options, effective, load, parse
from gateway.config.document import Document
from gateway.config.planned import PLANNED, PLANNED_OF_A_GROUP
from gateway.processes import child_handle

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "gateway.yaml"
MANUAL = ROOT / "docs" / "configuration.md"
DEPENDENCIES = ROOT / "docs" / "dependencies.md"
STANDARDS = ROOT / "docs" / "standards.md"
UNIT = ROOT / "systemd" / "smime-gateway.service"


def keys(model: type[BaseModel] = Options, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every key a file can hold, ``listeners[].tls.mode``, with its default; sections are no keys of their own."""
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        many = "[]" if "tuple" in str(field.annotation) and sections else ""
        if sections:
            yield from keys(sections[0], f"{path}{name}{many}.")
        else:
            yield f"{path}{name}", "required" if field.is_required() else field.default


def with_examples() -> str:
    """The example with the lines switched on that are switched off, in the place of the ones that are on."""
    lines: list[str] = []
    for line in EXAMPLE.read_text().splitlines():
        off = re.match(r"( *)#([a-z_]+:|  )", line)
        if off and off[2] != "  ":
            on = next(index for index in reversed(range(len(lines))) if lines[index].startswith(off[1] + off[2]))
            del lines[on]
        lines.append(line.replace("#", "", 1) if off else line)
    return "\n".join(lines)


def test_the_example_is_the_defaults_key_by_key() -> None:
    written = Document(EXAMPLE.read_text())
    assert written.problems == []
    assert isinstance(written.values, dict)
    shown = effective(parse(""))
    assert list(written.values) == list(shown)
    for name, value in shown.items():
        expected = None if name in ("hostname", "authserv_id") else value
        assert written.values[name] == expected, name


def test_the_example_loads() -> None:
    assert load(EXAMPLE) == parse("")


def test_the_example_holds_every_key() -> None:
    def found(values: Any, path: str = "") -> Iterator[str]:
        if isinstance(values, dict):
            for name, value in values.items():
                yield from found(value, f"{path}.{name}" if path else name)
        elif isinstance(values, list) and values and isinstance(values[0], dict):
            for value in values:
                yield from found(value, path + "[]")
        else:
            yield path

    missing = {key for key, _ in keys()} - set(found(Document(with_examples()).values))
    assert missing == set()


def test_what_the_example_shows_switched_off_is_right() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(with_examples())
    found = {problem.key: problem.text.split(";")[0] for problem in caught.value.problems}
    assert found.pop("listeners[0].next_hop_auth.password_file").endswith("next-hop.password does not exist")
    assert found.pop("admin.tls.certificate").endswith("console.pem does not exist")
    assert found.pop("admin.tls.key").endswith("console.key does not exist")
    for index in (0, 2):
        assert found.pop(f"discovery.sources[{index}].ca").endswith("directory-ca.pem does not exist")
    planned = {".".join(path) for path in PLANNED} | {f"groups[0].{name}" for name in PLANNED_OF_A_GROUP}
    assert {key for key in found if not any(key.startswith(path) for path in planned)} == set()
    assert set(found.values()) == {"not in this version"}


@pytest.mark.parametrize(("key", "default"), list(keys()), ids=lambda value: value if isinstance(value, str) else "")
def test_the_manual_has_a_row_for_every_key(key: str, default: Any) -> None:
    row = re.search(rf"^\| `{re.escape(key)}` \| (.+?) \| (.+?) \| (.+) \|$", MANUAL.read_text(), re.MULTILINE)
    assert row, f"docs/configuration.md has no row for {key}"
    written = default if isinstance(default, str) else json.dumps(default)
    assert row[2] == ("required" if default == "required" else f"`{written}`")


def test_the_manual_has_no_key_that_does_not_exist() -> None:
    rows = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", MANUAL.read_text(), re.MULTILINE))
    assert rows == {key for key, _ in keys()}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = sum(project["optional-dependencies"].values(), project["dependencies"])
    row = re.compile(r"^\| (\S+)(?: \(`\w+`\))? \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
    ours = DEPENDENCIES.read_text().partition("## Mail readers")[0]
    given = set(row.findall(ours)) - {"package", "---"}
    assert given == {re.split(r"[=<>~!; ]", item)[0] for item in wanted}


def test_the_list_of_standards_names_places_that_exist() -> None:
    places = set(re.findall(r"`(gateway/[a-z0-9_/.]+)`", STANDARDS.read_text()))
    assert places
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_key_09_the_unit_is_closed() -> None:
    """KEY-09: systemd's own measure of exposure stays below 1.5."""
    if shutil.which("systemd-analyze") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", str(UNIT)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-200:]
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    assert level
    assert float(level[1]) < 1.5


def test_the_unit_stops_later_than_the_default_drain() -> None:
    stop = re.search(r"^TimeoutStopSec=([0-9]+)s$", UNIT.read_text(), re.MULTILINE)
    assert stop
    assert int(stop[1]) > parse("").drain.total_seconds()


def test_the_unit_waits_longer_than_the_supervisor() -> None:
    """A process that hangs is replaced by the supervisor first; only a supervisor that hangs is systemd's."""
    watchdog = re.search(r"^WatchdogSec=([0-9]+)min$", UNIT.read_text(), re.MULTILINE)
    assert watchdog
    assert int(watchdog[1]) * 60 > child_handle.SILENCE + child_handle.LAST_WORDS


def test_the_unit_does_not_start_again_on_a_bad_configuration() -> None:
    assert "RestartPreventExitStatus=77 78" in UNIT.read_text()
