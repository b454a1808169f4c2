"""The root of the command line: what reaches standard error, and what does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.command import config_first, run
from tests.authority import Authority, tlv
from tests.cli.running import Command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [("cert", "list"), ("check", "a@b.c", "d@e.f"), ("config", "show")])
def test_every_command_prints_each_problem_of_the_configuration_on_its_own_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("colour: red\nlimits: {copies: 0}\nmilters: 5\n")
    assert run(["-c", str(file), *arguments]) == 78
    shown = capsys.readouterr().err
    assert [line.split(":")[0] for line in shown.splitlines()] == ["colour", "limits.copies", "milters"]
    run(["-c", str(file), "config", "check"])
    assert shown == capsys.readouterr().err


def test_a_failure_of_another_kind_names_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = Command(tmp_path, capsys)("cert", "show", "0" * 16)
    assert result.code == 65
    assert result.err.startswith("smime-gateway: ")


def _odd(authority: Authority) -> bytes:
    """A certificate with a negative serial number and a country of nine letters, neither of which it may have."""
    der = authority.leaf("alice@example.com", kind="p256", serial=0x7F112233).der
    common_name, country = (bytes((6, 3, 0x55, 4, attribute)) + tlv(0x0C, b"Test Leaf") for attribute in (3, 6))
    odd = der.replace(tlv(2, b"\x7f\x11\x22\x33"), tlv(2, b"\xff\x11\x22\x33"))
    assert odd != der
    assert common_name in odd
    return odd.replace(common_name, country)


def test_warnings_about_odd_certificates_do_not_reach_the_operator(tmp_path: Path, authority: Authority) -> None:
    """A process of its own, for the test runner keeps warnings to itself."""
    (tmp_path / "odd.crt").write_bytes(_odd(authority))
    (tmp_path / "gateway.yaml").write_text(f"state: {tmp_path / 'state'}\nhostname: gw.example.org\n")
    command = [sys.executable, "-m", "gateway", "-c", tmp_path / "gateway.yaml"]
    for arguments in (("import", tmp_path / "odd.crt"), ("cert", "list")):
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"alice@example.com" in done.stdout


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["check", "a", "b", "-c", "f"], ["-c", "f", "check", "a", "b"]),
        (["check", "--config", "f", "a"], ["--config", "f", "check", "a"]),
        (["check", "--config=f", "a"], ["--config=f", "check", "a"]),
        (["check", "--", "-c", "a"], ["check", "--", "-c", "a"]),
        (["check", "a", "-c"], ["check", "a", "-c"]),
    ],
)
def test_the_configuration_may_be_named_anywhere(given: list[str], expected: list[str]) -> None:
    assert config_first(given) == expected


def test_an_unreadable_configuration_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-c", str(tmp_path), "config", "check"]) == 78
    assert "Traceback" not in capsys.readouterr().err
