"""The activity log as an operator reads it: every message has its record, whatever became of it."""

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest

from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, BOB
from tests.e2e.daemon import PLAIN, STRICT, Daemon, poll
from tests.e2e.sink import Sink

LATER = "later@log.example.com"
NEVER = "never@log.example.com"


def shown(daemon: Daemon, *arguments: str) -> list[dict[str, Any]]:
    """The records that ``log --json`` prints."""
    return [json.loads(line) for line in daemon.run("log", "--json", *arguments).splitlines()]


@pytest.fixture(scope="module")
def story(direct: Daemon, sink: Sink) -> dict[str, str]:
    """One message of each fate; its Message-ID by name."""
    sink.dots |= {LATER: "451 4.7.1 Not now", NEVER: "554 5.7.1 Not this"}
    ids = {}
    for name, sender, recipients in (
        ("sealed", "support@example.org", (ALICE, BOB)),
        ("plain", PLAIN, (ALICE,)),
        ("refused", STRICT, ("nobody@log.example.com",)),
        ("deferred", "support@example.org", (LATER,)),
        ("rejected", "support@example.org", (NEVER,)),
    ):
        sent = letter("X-Secret: tulip", sender=sender, to=recipients[0], body="the secret word is tulip\r\n")
        submit(direct.doors["outbound"], sent.content, *recipients, sender=sender)
        ids[name] = sent.id
    return ids


def test_every_message_has_its_record(direct: Daemon, story: dict[str, str]) -> None:
    found = {record["message_id"]: record for record in shown(direct, "--limit", "1000")}
    verdicts = {name: found[message_id]["verdict"] for name, message_id in story.items()}
    assert verdicts == {
        "sealed": "relay",
        "plain": "relay",
        "refused": "reject",
        "deferred": "defer",
        "rejected": "reject",
    }
    assert [delivery["recipients"] for delivery in found[story["sealed"]]["deliveries"]] == [[ALICE], [BOB]]
    assert found[story["deferred"]]["reply"] == "451 4.7.1 Not now"
    assert found[story["plain"]]["signature"]["reason"] == "policy-never"


def test_filters(direct: Daemon, story: dict[str, str]) -> None:
    (record,) = shown(direct, "--address", LATER, "--status", "defer", "--direction", "outbound", "--since", "1h")
    assert record["message_id"] == story["deferred"]


def test_text_is_one_line_each_and_tells_no_secret(direct: Daemon, story: dict[str, str]) -> None:
    text = direct.run("log", "--address", "@log.example.com")
    assert all(story[name] in text for name in ("refused", "deferred", "rejected"))
    assert len(text.splitlines()) == 3
    assert "550 5.7.3" in text
    assert "tulip" not in text + direct.log
    assert "Printer" not in text + direct.log


def test_a_record_that_cannot_be_written_is_in_the_log(direct: Daemon, sink: Sink) -> None:
    """The next hop has the message, so the 250 stands; the log says what the journal could not take."""
    sent = letter()
    with closing(sqlite3.connect(direct.folder / "state" / "store.db", isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")
        assert submit(direct.doors["outbound"], sent.content).code == 250
        assert len(sink.by_id(sent.id)) == 1
        poll(lambda: any("not written" in line and sent.id in line for line in direct.log.splitlines()))
    assert sent.id not in {record["message_id"] for record in shown(direct, "--limit", "1000")}


@pytest.mark.usefixtures("interruptible")
def test_follow(direct: Daemon, story: dict[str, str]) -> None:
    command = direct.command("log", "--follow", "--json", "--address", "@follow.example.com")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
        try:
            assert follower.stdout is not None
            for number in range(3):
                sent = letter()
                submit(direct.doors["outbound"], sent.content, f"r{number}@follow.example.com")
                assert json.loads(follower.stdout.readline())["message_id"] == sent.id
        finally:
            follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 0
