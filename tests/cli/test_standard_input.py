"""``-`` is standard input, and a terminal is asked for a passphrase without echo."""

import io
import sys
from pathlib import Path

import pytest

from tests.authority import Authority, Issued
from tests.cli.running import Command, on_terminal


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com")


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_certificate_from_standard_input(command: Command, alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, alice.pem())
    run = command("import", "-")
    assert run.code == 0
    assert run.out.startswith("standard input: certificate ")


def test_a_passphrase_from_standard_input(command: Command, alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, b"secret\n")
    run = command("import", "--passphrase-file", "-", command.put("alice", alice.pem(), alice.key_pem(b"secret")))
    assert run.code == 0
    assert "key" in run.out
    assert "secret" not in run.out + run.err


def test_standard_input_is_read_once(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, b"secret\n")
    assert command("import", "--passphrase-file", "-", "-").code == 64
    assert command("import", "-", "-").code == 64


def test_an_empty_standard_input_is_named(command: Command, alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, b"")
    run = command("import", "--passphrase-file", "-", command.put("alice", alice.pem()))
    assert run.code == 65
    assert "standard input is no passphrase file" in run.err


def test_a_message_from_standard_input(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = ("--direction", "outbound", "--sender", "a@example.org", "--recipient", "b@example.net")
    given(monkeypatch, b"From: a@example.org\r\nTo: b@example.net\r\n\r\nhello\r\n")
    run = command("message", "process", *ends, "-")
    assert run.code == 0
    assert run.out.endswith("\r\n\r\nhello\r\n")
    assert command("message", "process", *ends, "--output", command.folder / "out", "-", "-").code == 64


def test_a_terminal_is_asked_until_the_passphrase_is_right(command: Command, alice: Issued) -> None:
    file = command.put("alice", alice.pem(), alice.key_pem(b"secret"))
    code, out, shown = on_terminal(command, "import", file, answers=b"wrong\nsecret\n")
    assert code == 0, shown
    assert out.count("added") == 2
    assert shown.count(b"passphrase of") == 2
    assert b"secret" not in shown
    assert b"wrong" not in shown


def test_nothing_typed_is_no_passphrase(command: Command, alice: Issued) -> None:
    file = command.put("alice", alice.pem(), alice.key_pem(b"secret"))
    code, out, _ = on_terminal(command, "import", file, answers=b"\n")
    assert code == 65
    assert "refused bad-passphrase" in out


def test_a_key_leaves_under_a_passphrase_that_is_typed_twice(command: Command, alice: Issued) -> None:
    command("import", command.put("alice", alice.pem(), alice.key_pem()))
    name = alice.certificate.fingerprint
    code, out, shown = on_terminal(command, "key", "export", name, answers=b"mine\nmine\n")
    assert code == 0, shown
    assert out.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert b"mine" not in shown
