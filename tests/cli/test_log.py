"""``log``: recent messages as lines and as JSON, filtered, and followed."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.store import StoreOptions, open_store
from tests.cli.running import Command
from tests.store.journal.records import record


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """A journal with three messages, the last one of now."""
    made = Command(tmp_path, capsys)
    store = open_store(StoreOptions(made.state), durable=True)
    store.journal.write(
        [
            record("r1", queue_id="4ABC", message_id="<m1@example.org>"),
            record("r2", direction="inbound", recipients=("carol@example.net",), retry_of="r1", deliveries=()),
            record("r3", verdict="reject", reply="550 5.7.3 no", received_at=datetime.now(UTC)),
        ]
    )
    store.close()
    return made


def ids(command: Command, *arguments: str) -> list[str]:
    result = command("log", "--json", *arguments)
    assert result.code == 0
    return [json.loads(line)["id"] for line in result.lines]


def test_one_line_per_message_newest_last(command: Command) -> None:
    result = command("log")
    assert result.code == 0
    assert len(result.lines) == 3
    assert result.lines[0].startswith("2026-03-04T05:06:07.089000Z 4ABC: outbound relay id=r1 ")
    assert 'reply="550 5.7.3 no"' in result.lines[2]


def test_json_is_one_record_per_line(command: Command) -> None:
    assert ids(command) == ["r1", "r2", "r3"]
    first = json.loads(command("log", "--json").lines[0])
    assert (first["from"], first["queue_id"], first["signature"]) == (
        "Support@Example.org",
        "4ABC",
        {"status": "signed", "reason": None, "detail": None, "signers": []},
    )


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--direction", "inbound"], ["r2"]),
        (["--status", "reject"], ["r3"]),
        (["--status", "signed", "--limit", "2"], ["r1", "r3"]),
        (["--address", "Carol@example.net"], ["r2"]),
        (["--address", "@example.net"], ["r2"]),
        (["--since", "1h"], ["r3"]),
        (["--since", "2026-03-04T06:06:07.089+01:00"], ["r1", "r2", "r3"]),
        (["--since", "2026-03-05"], ["r3"]),
        (["--limit", "1"], ["r3"]),
        (["--address", "nobody@example.org"], []),
        (["--id", "r1"], ["r1", "r2"]),
        (["--id", "R2", "--direction", "inbound"], ["r2"]),
        (["--id", "f00"], []),
        (["--message-id", "m1@example.org"], ["r1"]),
        (["--message-id", "<m1@example.org>"], ["r1"]),
        (["--queue-id", "4ABC"], ["r1"]),
        (["--queue-id", "4ABD"], []),
    ],
)
def test_filters(command: Command, arguments: list[str], found: list[str]) -> None:
    assert ids(command, *arguments) == found


def test_an_unknown_status_is_64_and_the_known_ones_are_told(command: Command) -> None:
    result = command("log", "--status", "bogus")
    assert result.code == 64
    for word in ("signed", "not-encrypted", "decrypted", "policy", "defer"):
        assert f"'{word}'" in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--direction", "sideways"],
        ["--since", "yesterday"],
        ["--limit", "0"],
        ["--limit", "x"],
        ["extra"],
        ["--address", "nobody"],
        ["--address", "@"],
        ["--address", "*@example.org"],
        ["--address", "a@b@c d"],
        ["--address", "@exa mple.org"],
        ["show"],
    ],
)
def test_wrong_usage_is_64(command: Command, arguments: list[str]) -> None:
    assert command("log", *arguments).code == 64


def test_an_id_that_several_mails_share_is_65(command: Command) -> None:
    result = command("log", "--id", "r")
    assert (result.code, result.out) == (65, "")
    assert "several ids begin with r" in result.err


def test_a_record_is_shown_in_full_with_those_of_the_same_mail(command: Command) -> None:
    result = command("log", "show", "r1")
    assert result.code == 0
    for line in (
        "queue id: 4ABC",
        "message id: <m1@example.org>",
        "recipients: alice@example.com, bob@example.com",
        "encryption:",
        "  status: not-encrypted",
        "  reason: no-certificate",
        "deliveries:",
        "  encrypted: no",
        "records of this mail: r1, r2",
    ):
        assert line in result.lines
    assert command("log", "show", "r1", "--json").json["queue_id"] == "4ABC"
    assert "records of this mail" not in command("log", "show", "r3").out
    unknown = command("log", "show", "f00")
    assert (unknown.code, unknown.out) == (65, "")
    assert "no record has an id that begins with f00" in unknown.err


def test_on_a_terminal_a_table_and_long_lines_where_asked_for(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    for name, value in (("TERM", "dumb"), ("LINES", "50"), ("COLUMNS", "200")):
        monkeypatch.setenv(name, value)
    head, first, second, third = command("log").lines
    assert head.split() == ["time", "(UTC)", "id", "way", "result", "from", "->", "to"]
    assert first.split()[2:6] == ["r1", "out", "relay,", "signed,"]
    assert "not-encrypted (no-certificate)   Support@Example.org -> alice@example.com, bob@example.com" in first
    assert second.split()[2:5] == ["r2", "in", "judged"]
    assert third.split()[2:5] == ["r3", "out", "reject,"]
    assert command("log", "--long").lines[0].startswith("2026-03-04T05:06:07.089000Z 4ABC: outbound relay id=r1 ")
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, command("log").lines)) <= 80


@pytest.mark.usefixtures("interruptible")
def test_follow_shows_new_messages_until_interrupted(command: Command) -> None:
    file = command.folder / "gateway.yaml"
    arguments = [sys.executable, "-m", "gateway", "-c", str(file), "log", "--follow", "--json", "--limit", "1"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == "r3"
        store = open_store(StoreOptions(command.state), durable=True)
        store.journal.write([record("r4", received_at=datetime.now(UTC) + timedelta(seconds=1))])
        assert json.loads(process.stdout.readline())["id"] == "r4"
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr.read() == b""
