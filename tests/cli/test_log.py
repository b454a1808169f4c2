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
from tests.store.records import record


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """A journal with three messages, the last one of now."""
    made = Command(tmp_path, capsys)
    store = open_store(StoreOptions(made.state), durable=True)
    store.journal.write(
        [
            record("r1", queue_id="4ABC"),
            record("r2", direction="inbound", recipients=("carol@example.net",)),
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
        {"status": "signed"},
    )


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--direction", "inbound"], ["r2"]),
        (["--status", "reject"], ["r3"]),
        (["--status", "signed", "--limit", "2"], ["r2", "r3"]),
        (["--address", "Carol@example.net"], ["r2"]),
        (["--address", "@example.net"], ["r2"]),
        (["--since", "1h"], ["r3"]),
        (["--since", "2026-03-04T06:06:07.089+01:00"], ["r1", "r2", "r3"]),
        (["--since", "2026-03-05"], ["r3"]),
        (["--limit", "1"], ["r3"]),
        (["--address", "nobody@example.org"], []),
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
    "arguments", [["--direction", "sideways"], ["--since", "yesterday"], ["--limit", "0"], ["--limit", "x"], ["extra"]]
)
def test_wrong_usage_is_64(command: Command, arguments: list[str]) -> None:
    assert command("log", *arguments).code == 64


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
