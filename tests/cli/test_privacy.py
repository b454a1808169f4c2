"""``privacy``: what is asked before somebody's records go."""

from pathlib import Path

import pytest

from tests.authority import Authority
from tests.cli.running import Command


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def test_export_and_erase(command: Command, authority: Authority) -> None:
    command("import", command.put("alice.pem", authority.leaf("alice@example.com", kind="p256").pem()))
    shown = command("privacy", "export", "alice@example.com")
    assert (shown.code, len(shown.json["imported"]), shown.json["records"]) == (0, 1, [])
    refused = command("privacy", "erase", "alice@example.com")
    assert refused.code == 64
    assert "--yes" in refused.err
    done = command("privacy", "erase", "--yes", "alice@example.com")
    assert done.code == 0
    assert "was imported and stays: cert delete" in done.out
    assert command("privacy", "erase", "--yes", "no address").code == 65


def test_the_audit_log_does_not_say_of_whom(command: Command) -> None:
    command("privacy", "erase", "--yes", "alice@example.com")
    told = command("audit", "list", "--json")
    assert "erase-person" in told.out
    assert "alice" not in told.out
