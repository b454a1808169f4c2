"""HUP: a new configuration is taken over by all processes, a bad one by none, and no mail notices (row REL-07).

``SMIME_GATEWAY_SOAK=1`` reloads a thousand times (``make soak``).
"""

import hashlib
import json
import os
import random
import signal
import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.client import Rough, letter, send, submit
from tests.e2e.daemon import GROUPS, PLAIN, Daemon, poll
from tests.e2e.sink import Sink

RELOADS = 1000 if os.environ.get("SMIME_GATEWAY_SOAK") else 15
SESSIONS = 12
"""Enough for the kernel to give every worker some."""
DONE, KEPT = "reload: done", "reload: the configuration that was running stays"


class Reloading:
    """A daemon, its configuration as it was written first, and how to change it."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.path = daemon.folder / "gateway.yaml"
        self.first: dict[str, Any] = yaml.safe_load(self.path.read_text())
        self._read = 0

    def reload(self, text: str, expected: str) -> str:
        """Write a configuration, send HUP, wait until the log says ``expected``; return what was logged meanwhile."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.path)
        os.kill(self.daemon.pid, signal.SIGHUP)
        logged = ""

        def heard() -> bool:
            nonlocal logged
            logged += self._news()
            return expected in logged

        poll(heard, message=f"no word of {expected!r}")
        return logged

    def text(self, **changed: Any) -> str:
        """The first configuration with some keys changed."""
        return yaml.safe_dump(self.first | changed)

    def _news(self) -> str:
        with (self.daemon.folder / "log").open("rb") as log:
            log.seek(self._read)
            news = log.read()
            self._read = log.tell()
        return news.decode()


@pytest.fixture(scope="module")
def own_sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def running(own_sink: Sink) -> Iterator[Reloading]:
    with Daemon({"outbound": own_sink.port}) as daemon:
        yield Reloading(daemon.start())


@pytest.fixture
def reloading(running: Reloading) -> Reloading:
    """The one daemon of this module, under its first configuration again."""
    running.reload(running.text(), DONE)
    return running


@pytest.fixture
def sessions(reloading: Reloading) -> Iterator[list[smtplib.SMTP]]:
    """Open sessions, spread over all workers."""
    with ExitStack() as stack:
        port = reloading.daemon.doors["outbound"]
        yield [stack.enter_context(smtplib.SMTP("127.0.0.1", port, timeout=30)) for _ in range(SESSIONS)]


def strict(daemon_groups: list[dict[str, Any]] = GROUPS) -> list[dict[str, Any]]:
    """The groups, but the plain one must sign, for which it has no certificate."""
    return [group | {"sign": "required"} if group["name"] == "plain" else group for group in daemon_groups]


BAD: dict[str, tuple[Callable[[Reloading], str], str]] = {
    "syntax": (lambda it: it.text() + "\ngroups: [", "not YAML"),
    "unknown-key": (lambda it: it.text(grops=[]), "grops: unknown key; did you mean groups?"),
    "missing-key": (lambda it: it.text(groups=[{"addresses": ["a@example.org"]}]), "groups[0].name: missing"),
    "cidr": (
        lambda it: it.text(groups=[GROUPS[0] | {"submitters": {"clients": ["10.0.0.1/8"]}}]),
        "groups[0].submitters.clients[0]",
    ),
    "missing-file": (
        lambda it: it.text(listeners=[it.first["listeners"][0] | {"auth": "file:/nowhere/users"}]),
        "/nowhere/users does not exist",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_rel_07_a_bad_file_keeps_the_old(kind: str, reloading: Reloading) -> None:
    """The log names each problem by its key, as ``config check`` does; mail goes on under the old configuration."""
    make, problem = BAD[kind]
    logged = reloading.reload(make(reloading), KEPT)
    assert problem in logged
    assert problem.split(":")[0] in checked(reloading.daemon)
    assert submit(reloading.daemon.doors["outbound"], letter(sender=PLAIN).content, sender=PLAIN).code == 250


def test_the_audit_log_knows_what_runs(reloading: Reloading) -> None:
    """KEY-08: the start and each reload, with the digest of the configuration; a file that is bad has no row."""

    def loaded() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(reloading.daemon.run("audit", "list", "--json"))
        return [row for row in rows if row["effects"][0]["kind"] == "configuration"]

    before = poll(loaded)
    assert before[0]["verb"] == "start"
    reloading.reload(reloading.text(groups=strict()), DONE)
    digest = hashlib.sha256(reloading.daemon.run("config", "show", "--json").encode()).hexdigest()
    poll(lambda: loaded()[-1]["effects"][0]["name"] == digest)
    assert (loaded()[-1]["verb"], loaded()[-1]["actor"]["kind"]) == ("reload", "system")
    count = len(loaded())
    reloading.reload(reloading.text(grops=[]), KEPT)
    reloading.reload(reloading.text(), DONE)
    poll(lambda: loaded()[-1]["effects"] == before[0]["effects"])
    assert len(loaded()) == count + 1
    assert "hold" in reloading.daemon.run("audit", "verify")


def checked(daemon: Daemon) -> str:
    """What ``config check`` says of a file that is bad."""
    return daemon.run("config", "check", "--json", code=78)


def test_rel_07_policy_changes_in_every_worker(reloading: Reloading, sessions: list[smtplib.SMTP]) -> None:
    """Sessions that were open before go on, and their next message falls under the new rules, whoever serves them."""
    for groups, code in ((GROUPS, 250), (strict(), 550), (GROUPS, 250)):
        reloading.reload(reloading.text(groups=groups), DONE)
        answers = [send(session, letter(sender=PLAIN).content, sender=PLAIN).code for session in sessions]
        assert answers == [code] * SESSIONS


def test_rel_07_a_message_under_way_is_brought_to_its_end(reloading: Reloading, own_sink: Sink) -> None:
    """A transaction that waits for the next hop's last word gets it, a session inside DATA goes on."""
    port = reloading.daemon.doors["outbound"]
    waiting, inside = letter(sender=PLAIN), letter(sender=PLAIN)
    own_sink.hold()
    with Rough(port) as first, Rough(port) as second:
        first.open("alice@example.com", sender=PLAIN)
        first.send(waiting.content + b".\r\n")
        own_sink.by_id(waiting.id)
        second.open("alice@example.com", sender=PLAIN)
        second.send(inside.content[:100])
        reloading.reload(reloading.text(groups=strict(), hostname="other.example.org"), DONE)
        own_sink.release()
        assert first.reply().startswith("250")
        second.send(inside.content[100:] + b".\r\n")
        assert second.reply().startswith("550 5.7.3")
    with Rough(port) as third:
        assert third.reply().startswith("220 other.example.org")


def test_what_needs_a_restart_is_named_and_the_rest_is_taken(reloading: Reloading) -> None:
    listener = reloading.first["listeners"][0]
    changed = reloading.text(
        workers=1,
        state="/nowhere",
        listeners=[listener | {"next_hop": "127.0.0.1:9"}],
        groups=strict(),
    )
    logged = reloading.reload(changed, DONE)
    named = {line.split(": ")[1] for line in messages(logged) if "needs restart" in line}
    assert named == {"workers", "state", "listeners"}
    assert len(reloading.daemon.workers) == 2
    port = reloading.daemon.doors["outbound"]
    assert submit(port, letter(sender=PLAIN).content, sender=PLAIN).code == 550
    reloading.reload(reloading.text(), DONE)
    assert submit(port, letter(sender=PLAIN).content, sender=PLAIN).code == 250


def messages(logged: str) -> list[str]:
    """The texts of the log's lines."""
    return [yaml.safe_load(line)["message"] for line in logged.splitlines() if '"message":' in line]


def test_a_successor_begins_with_the_newest(reloading: Reloading) -> None:
    reloading.reload(reloading.text(groups=strict()), DONE)
    before = reloading.daemon.workers
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    poll(lambda: len(set(reloading.daemon.workers) - set(before)) == 2, message="nobody took their place")
    port = reloading.daemon.doors["outbound"]

    def refused() -> bool:
        try:
            return submit(port, letter(sender=PLAIN).content, sender=PLAIN).code == 550
        except OSError:
            return False

    poll(refused, message="the old rules are back")


def test_the_log_changes_its_form(reloading: Reloading) -> None:
    reloading.reload(reloading.text(log={"format": "text"}), DONE)
    sent = letter(sender=PLAIN)
    submit(reloading.daemon.doors["outbound"], sent.content, sender=PLAIN)
    poll(lambda: f"message-id={sent.id}" in reloading.daemon.log, message="no line in the new form")


def test_rel_13_reloads_leave_nothing_behind(reloading: Reloading) -> None:
    """REL-13: reloads do not cost descriptors; some few come and go with threads and idle connections."""
    processes = [reloading.daemon.pid, *reloading.daemon.workers]
    counts = []
    for _ in range(2):
        for number in range(12):
            reloading.reload(reloading.text(hostname=f"gw{number}.example.org"), DONE)
        counts.append([descriptors(pid) for pid in processes])
    assert all(after <= before + 6 for before, after in zip(*counts, strict=True))


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Sender(threading.Thread):
    """Sends message after message in sessions of ten; what it hears is counted."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._stopping = stop
        self.acknowledged: list[str] = []
        self.refused = 0
        self.wrong: list[str] = []

    @property
    def answers(self) -> int:
        """How many messages were answered, rightly or wrongly."""
        return len(self.acknowledged) + self.refused + len(self.wrong)

    def run(self) -> None:
        while not self._stopping.is_set() and not self.wrong:
            try:
                with smtplib.SMTP("127.0.0.1", self._port, timeout=30) as session:
                    for _ in range(10):
                        self._send(session)
            except (OSError, smtplib.SMTPException) as error:
                self.wrong.append(repr(error))

    def _send(self, session: smtplib.SMTP) -> None:
        sent = letter(sender=PLAIN)
        answer = send(session, sent.content, sender=PLAIN)
        if answer.code == 250:
            self.acknowledged.append(sent.id)
        elif answer.code == 550 and "5.7.3" in answer.text:
            self.refused += 1
        else:
            self.wrong.append(f"{answer.code} {answer.text}")


@pytest.mark.timeout(1800)
def test_rel_07_reload_under_load(reloading: Reloading, own_sink: Sink) -> None:
    """Good and bad files by turns while mail flows: every reply is one of the two policies', nothing is cut or lost."""
    before, stop = len(own_sink.mails), threading.Event()
    senders = [Sender(reloading.daemon.doors["outbound"], stop) for _ in range(4)]
    for sender in senders:
        sender.start()
    chance = random.Random(7)
    try:
        for number in range(RELOADS):
            if number % 3 == 2:
                reloading.reload(chance.choice([make for make, _ in BAD.values()])(reloading), KEPT)
            else:
                reloading.reload(reloading.text(groups=strict() if number % 2 else GROUPS), DONE)
            answered = sum(sender.answers for sender in senders)
            poll(lambda answered=answered: sum(s.answers for s in senders) >= answered + 8, message="mail stands still")  # type: ignore[misc]
    finally:
        stop.set()
    for sender in senders:
        sender.join(60)
    assert [sender.wrong for sender in senders] == [[]] * len(senders)
    acknowledged = {message_id for sender in senders for message_id in sender.acknowledged}
    delivered = [mail.field("message-id") for mail in own_sink.mails[before:]]
    assert acknowledged
    assert sum(sender.refused for sender in senders)
    assert sorted(delivered) == sorted(message_id.encode() for message_id in acknowledged)
