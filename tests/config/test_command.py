"""``config check``, ``config show`` and ``config schema``."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from gateway.cli.config import config_group
from gateway.config import ConfigError, effective, parse, schema
from gateway.wiring import Wiring


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text("hostname: gw.example.org\ngroups:\n  - {name: a, addresses: [a@example.org]}\n")
    return path


def run(file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(config_group, arguments, obj=Wiring(file))


def test_check_of_a_good_file(file: Path) -> None:
    result = run(file, "check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{file}: valid\n", "")


def test_check_prints_warnings_and_is_content(file: Path) -> None:
    file.write_text(file.read_text() + "defaults: {sign: never}\n")
    result = run(file, "check")
    assert result.exit_code == 0
    assert result.stderr.startswith("warning: defaults: encrypts without signing")


def test_check_prints_every_problem_on_a_line_of_its_own(file: Path) -> None:
    file.write_text("colour: red\nlimits: {copies: 0}\nmilters: 5\n")
    result = run(file, "check")
    assert (result.exit_code, result.stdout) == (78, "")
    lines = result.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["colour", "limits.copies", "milters"]
    assert lines[0].endswith("(line 1)")


def test_check_as_json(file: Path) -> None:
    good = json.loads(run(file, "check", "--json").stdout)
    assert good == {"valid": True, "file": str(file), "problems": [], "warnings": []}
    file.write_text("colour: red\n")
    result = run(file, "check", "--json")
    assert result.exit_code == 78
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["key"], problem["line"]) == ("colour", 1)
    assert problem["problem"].startswith("unknown key")


def test_show_prints_what_is_in_force(file: Path) -> None:
    shown = yaml.safe_load(run(file, "show").stdout)
    assert shown == effective(parse(file.read_text()))
    assert shown["groups"][0]["sign"] == "if-possible"
    assert json.loads(run(file, "show", "--json").stdout) == shown


def test_show_masks_secrets(file: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n")
    password.chmod(0o600)
    door = {"name": "o", "direction": "outbound", "listen": "127.0.0.1:1025", "next_hop": "127.0.0.1:1026"}
    door["next_hop_auth"] = {"user": "u", "password_file": str(password)}  # type: ignore[assignment]
    values = {"database": "postgresql+psycopg://u:s3cret@host/name", "listeners": [door]}
    file.write_text(yaml.safe_dump(values))
    for arguments in (("show",), ("show", "--json")):
        result = run(file, *arguments)
        assert result.exit_code == 0
        assert "s3cret" not in result.output
        assert "postgresql+psycopg://u:***@host/name" in result.output


def test_show_of_a_bad_file_is_the_error_of_every_command(file: Path) -> None:
    file.write_text("colour: red\n")
    assert isinstance(run(file, "show").exception, ConfigError)


def test_schema_needs_no_file(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path / "gone.yaml", "schema").stdout) == schema()
