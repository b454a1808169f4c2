"""``kill -9`` at a milter door under load, with a real Postfix in front (row SMT-12).

Clients send through Postfix until they hear 250, and local programs through sendmail(1), where Postfix tries again by
itself. At random moments a milter process is killed, or a door with all it has, or the whole gateway. What Postfix
acknowledged arrives, once, encrypted: nothing is lost, and nothing passes because nobody looked at it.

``SMIME_GATEWAY_SOAK=1`` runs it for longer (``make soak``).
"""

import os
import random
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import letter, send
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.milters import MilterPostfix
from tests.e2e.sink import Sink

pytestmark = pytest.mark.postfix

SOAK = bool(os.environ.get("SMIME_GATEWAY_SOAK"))
SESSIONS, KILLS, PAUSE = (8, 40, 1.0) if SOAK else (4, 3, 0.3)
"""How many clients, how often something is killed, and after how many seconds at most."""


class Client(threading.Thread):
    """Sends message after message, each until Postfix says 250; every tenth through sendmail(1), once."""

    def __init__(self, mta: MilterPostfix, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.mta, self.stop = mta, stop
        self.acknowledged: list[str] = []
        self.deferred = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.stop.is_set():
            sent = letter(to=ALICE, body="some text\r\n" * 100)
            if len(self.acknowledged) % 10 == 5:
                self.mta.sendmail(sent.content.replace(b"\r\n", b"\n"), ALICE, sender=SUPPORT)
            else:
                while not self._attempt(sent.content):
                    time.sleep(0.05)
            self.acknowledged.append(sent.id)

    def _attempt(self, content: bytes) -> bool:
        with smtplib.SMTP("127.0.0.1", self.mta.submission, local_hostname="client.example.org", timeout=60) as client:
            answer = send(client, content, ALICE)
        if answer.code >= 500:
            self.wrong.append(f"{answer.code} {answer.text}")
        self.deferred += answer.code != 250
        return answer.code == 250


@pytest.fixture
def far() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


def kill_something(daemon: Daemon, chance: random.Random) -> str:
    door = chance.choice(daemon.children("milter"))
    children = [int(pid) for pid in Path(f"/proc/{door}/task/{door}/children").read_text().split()]
    match chance.choice(["process", "process", "door", "gateway"]):
        case "process" if children:
            os.kill(chance.choice(children), signal.SIGKILL)
            return "process"
        case "gateway":
            daemon.kill()
            daemon.start()
            return "gateway"
    for pid in (door, *children):
        os.kill(pid, signal.SIGKILL)
    poll(lambda: len(daemon.children("milter")) == 2, message="the door was not replaced")
    return "door"


@pytest.mark.timeout(3600 if SOAK else 120)
def test_smt_12_killed_under_load(far: Sink, people: People) -> None:
    seed = int(os.environ.get("SMIME_GATEWAY_SEED", "0")) or random.randrange(1, 1 << 32)
    chance = random.Random(seed)
    stop = threading.Event()
    with MilterPostfix(far.port) as mta, Daemon({"inbound": far.port}, milters=mta.milters) as daemon:
        people.introduce(daemon)
        daemon.start()
        mta.start()
        clients = [Client(mta, stop) for _ in range(SESSIONS)]
        for client in clients:
            client.start()
        killed: Counter[str] = Counter()
        for _ in range(KILLS):
            far.wait(lambda _: True, len(far.mails) + 3 * SESSIONS)
            time.sleep(chance.uniform(0, PAUSE))
            killed[kill_something(daemon, chance)] += 1
        far.wait(lambda _: True, len(far.mails) + SESSIONS)
        stop.set()
        for client in clients:
            client.join(60)
        assert not any(client.is_alive() for client in clients), f"a client never came through: {daemon.log[-2000:]}"
        acknowledged = {name for client in clients for name in client.acknowledged}
        poll(
            lambda: acknowledged <= set(arrived(far)), message=f"lost: {len(acknowledged - set(arrived(far)))}, {seed}"
        )
    copies = Counter(arrived(far))
    deferred = sum(client.deferred for client in clients)
    print(f"\n{len(acknowledged)} messages, {deferred} deferred, killed: {dict(killed)}, none lost")
    assert not [text for client in clients for text in client.wrong], f"a 5xx (seed {seed})"
    assert all(b"smime-type=enveloped-data" in mail.content for mail in far.mails), f"not looked at (seed {seed})"
    assert set(copies) == acknowledged, f"what nobody sent (seed {seed})"
    assert set(copies.values()) == {1}, f"twice (seed {seed})"


def arrived(sink: Sink) -> list[str]:
    return [(mail.field("message-id") or b"").decode() for mail in list(sink.mails)]
