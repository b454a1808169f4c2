"""``kill -9`` under load: what was acknowledged is delivered, and little is delivered twice.

Several sessions send numbered messages and try again until they hear 250; some have a hidden recipient and leave as
two copies. The sink commits first and answers a little later, so that there is always something between the two. At
random moments the daemon is killed, process group and all, and started again; or one worker is, and is replaced.

``SMIME_GATEWAY_SOAK=1`` runs it for longer (``make soak``).
"""

import os
import queue
import random
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.client import letter, send
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import Daemon, poll
from tests.e2e.sink import Sink

SOAK = bool(os.environ.get("SMIME_GATEWAY_SOAK"))
SESSIONS, KILLS, PAUSE = (16, 60, 2.0) if SOAK else (8, 3, 0.7)
"""How many clients, how often the daemon is killed, and after how many seconds at most."""


class Client(threading.Thread):
    """Sends message after message, each until it is acknowledged; every third has a hidden recipient."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.stop = stop
        self.acknowledged: dict[str, tuple[str, ...]] = {}
        self.attempts = 0
        self.wrong: queue.SimpleQueue[str] = queue.SimpleQueue()

    def run(self) -> None:
        while not self.stop.is_set():
            recipients = (ALICE, BOB) if len(self.acknowledged) % 3 == 0 else (ALICE,)
            sent = letter(to=ALICE, body="x" * 70 + "\r\n" + "some more text\r\n" * 100)
            while not self._attempt(sent.content, recipients):
                # The daemon is away for a second: do not spin meanwhile.
                time.sleep(0.02)
            self.acknowledged[sent.id] = recipients

    def _attempt(self, content: bytes, recipients: tuple[str, ...]) -> bool:
        self.attempts += 1
        try:
            client = smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example.org", timeout=30)
            try:
                answer = send(client, content, *recipients)
            finally:
                client.close()
        except (OSError, smtplib.SMTPException):
            return False
        if answer.code >= 500 or answer.refused:
            self.wrong.put(f"{answer.code} {answer.text} {answer.refused}")
        return answer.code == 250 and not answer.refused


@pytest.fixture
def slow() -> Iterator[Sink]:
    sink = Sink().start()
    sink.delays["."] = 0.01
    yield sink
    sink.stop()


def kill_all(daemon: Daemon, chance: random.Random) -> None:
    daemon.kill()
    daemon.start()


def kill_one(daemon: Daemon, chance: random.Random) -> None:
    before = daemon.workers
    victim = chance.choice(before)
    os.kill(victim, signal.SIGKILL)
    poll(lambda: len(daemon.workers) == len(before) and victim not in daemon.workers, message="it was not replaced")


@pytest.mark.timeout(3600 if SOAK else 120)
@pytest.mark.parametrize("kill", [kill_all, kill_one])
def test_rel_01_killed_under_load(kill: Callable[[Daemon, random.Random], None], slow: Sink, people: People) -> None:
    """lost == 0; duplicates <= transactions in flight x kills."""
    seed = int(os.environ.get("SMIME_GATEWAY_SEED", "0")) or random.randrange(1, 1 << 32)
    chance = random.Random(seed)
    stop = threading.Event()
    with Daemon({"outbound": slow.port}) as daemon:
        people.introduce(daemon)
        daemon.start()
        clients = [Client(daemon.doors["outbound"], stop) for _ in range(SESSIONS)]
        for client in clients:
            client.start()
        for _ in range(KILLS):
            slow.wait(lambda _: True, len(slow.mails) + 5 * SESSIONS)
            time.sleep(chance.uniform(0, PAUSE))
            kill(daemon, chance)
        stop.set()
        for client in clients:
            client.join(60)
        assert not any(client.is_alive() for client in clients), f"a client never came through: {daemon.log[-2000:]}"
        assert daemon.stop() == 0
    check(slow, clients, seed)


def check(sink: Sink, clients: list[Client], seed: int) -> None:
    """Hold what was acknowledged against what arrived."""
    acknowledged = {name: to for client in clients for name, to in client.acknowledged.items()}
    copies: Counter[tuple[str, str]] = Counter()
    for mail in sink.mails:
        name = (mail.field("message-id") or b"").decode()
        copies.update((name, to) for to in mail.recipients)
        assert b"smime-type=enveloped-data" in mail.content, f"not encrypted (seed {seed})"
        assert len(mail.recipients) == 1
    owed = {(name, to) for name, recipients in acknowledged.items() for to in recipients}
    lost = owed - set(copies)
    duplicates = sum(copies.values()) - len(copies)
    attempts = sum(client.attempts for client in clients)
    print(f"\n{len(acknowledged)} messages, {attempts} attempts, {KILLS} kills, {len(lost)} lost, {duplicates} twice")
    assert not lost, f"seed {seed}"
    assert duplicates <= SESSIONS * KILLS, f"seed {seed}"
    assert not [client.wrong.get() for client in clients if not client.wrong.empty()], f"a 5xx (seed {seed})"
    assert set(copies) == owed
    assert len(acknowledged) > SESSIONS * KILLS, "there was no load to speak of"
