"""Three gateways behind HAProxy, one PostgreSQL: its primary is killed under load, and the standby takes over.

Nothing that was acknowledged is lost, nothing leaves unprotected, and everything goes on by itself; what one gateway
imports the others use, before and after. ``SMIME_GATEWAY_SOAK=1`` runs it for longer (``make soak``).
"""

import base64
import json
import os
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.client import letter, send, submit
from tests.e2e.cluster import Balancer, Cluster
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import STRICT, Daemon, poll
from tests.e2e.sink import Sink

SOAK = bool(os.environ.get("SMIME_GATEWAY_SOAK"))
SESSIONS = 6
BEFORE, AWAY, AFTER = (60, 40.0, 200) if SOAK else (8, 3.0, 8)
"""Messages of each client before the primary dies, seconds without one, messages afterwards."""


class Client(threading.Thread):
    """Sends message after message through HAProxy, each until it is acknowledged; every other one has a hidden
    recipient, and leaves as two copies. ``unanswered``: attempts whose end it never heard."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._enough = stop
        self.acknowledged: dict[str, tuple[str, ...]] = {}
        self.unanswered = self.deferred = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self._enough.is_set():
            recipients = (ALICE, BOB) if len(self.acknowledged) % 2 else (ALICE,)
            sent = letter(to=ALICE, sender=STRICT)
            while not self._attempt(sent.content, recipients):
                time.sleep(0.1)
            self.acknowledged[sent.id] = recipients

    def _attempt(self, content: bytes, recipients: tuple[str, ...]) -> bool:
        try:
            client = smtplib.SMTP("127.0.0.1", self._port, local_hostname="client.example.org", timeout=90)
            try:
                answer = send(client, content, *recipients, sender=STRICT)
            finally:
                client.close()
        except (OSError, smtplib.SMTPException):
            self.unanswered += 1
            return False
        if answer.code >= 500 or answer.refused:
            self.wrong.append(f"{answer.code} {answer.text} {answer.refused}")
        self.deferred += answer.code != 250
        return answer.code == 250


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def target() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def gateways(cluster: Cluster, target: Sink, people: People, tmp_path: Path) -> Iterator[list[Daemon]]:
    """Three, each with two workers, one store and one key-encryption key."""
    key = tmp_path / "kek"
    key.touch(mode=0o600)
    key.write_bytes(base64.b64encode(os.urandom(32)) + b"\n")
    shared = {
        "database": cluster.url,
        "key_encryption_key": f"file:{key}",
        "authserv_id": "smime.example.org",
        "database_pool": 3,
    }
    with ExitStack() as stack:
        daemons = [stack.enter_context(Daemon({"outbound": target.port}, **shared)) for _ in range(3)]
        daemons[0].import_(*people.files())
        yield [daemon.start() for daemon in daemons]


def used_by_all(gateways: list[Daemon], people: People, target: Sink, address: str) -> float:
    """Import a certificate at the first gateway; return after how many seconds the last encrypted to it."""
    certificate = people.authority.leaf(address, kind="p256").pem()
    for gateway in gateways:
        sent = letter(to=address, sender=STRICT)
        assert submit(gateway.doors["outbound"], sent.content, address, sender=STRICT).code == 550
    gateways[0].import_(certificate)
    began = time.monotonic()
    for gateway in gateways:
        sent = letter(to=address, sender=STRICT)

        def taken(door: int = gateway.doors["outbound"], content: bytes = sent.content) -> bool:
            return submit(door, content, address, sender=STRICT).code == 250

        poll(taken, message=f"not known there: {gateway.log[-2000:]}")
    return time.monotonic() - began


def states(gateway: Daemon) -> Counter[str]:
    return Counter(each["state"] for each in json.loads(gateway.run("gateway", "list", "--json")))


@pytest.mark.apart
@pytest.mark.timeout(900 if SOAK else 240)
def test_rel_04_the_primary_is_killed_under_load(
    cluster: Cluster, gateways: list[Daemon], target: Sink, people: People
) -> None:
    """REL-04: lost == 0; duplicates <= attempts whose reply was lost."""
    poll(lambda: states(gateways[1]) == Counter(beating=3), message="they do not see each other")
    soon = used_by_all(gateways, people, target, "before@new.example")
    stop = threading.Event()
    with Balancer({"outbound": [gateway.doors["outbound"] for gateway in gateways]}) as balancer:
        clients = [Client(balancer.ports["outbound"], stop) for _ in range(SESSIONS)]
        for client in clients:
            client.start()
        reach(clients, BEFORE)
        cluster.kill_primary()
        time.sleep(AWAY)
        cluster.promote()
        began = time.monotonic()
        reach(clients, AFTER + max(len(client.acknowledged) for client in clients))
        again = time.monotonic() - began
        stop.set()
        for client in clients:
            client.join(120)
    assert not any(client.is_alive() for client in clients), gateways[0].log[-3000:]
    later = used_by_all(gateways, people, target, "after@new.example")
    poll(lambda: states(gateways[2]) == Counter(beating=3), message="they do not beat again")
    check(target, clients)
    print(
        f"an import reached the last gateway in {soon:.2f} s, later in {later:.2f} s; all went on within {again:.1f} s"
    )
    for gateway in gateways:
        assert "is replaced" not in gateway.log, "a process had to be replaced"
        assert gateway.stop() == 0


def reach(clients: list[Client], count: int) -> None:
    poll(
        lambda: all(len(client.acknowledged) >= count for client in clients),
        seconds=180,
        message=f"it does not go on: {[len(client.acknowledged) for client in clients]}",
    )


def check(sink: Sink, clients: list[Client]) -> None:
    """Hold what was acknowledged against what arrived."""
    acknowledged = {name: to for client in clients for name, to in client.acknowledged.items()}
    copies: Counter[tuple[str, str]] = Counter()
    for mail in sink.mails:
        assert b"smime-type=enveloped-data" in mail.content, "not encrypted"
        copies.update(((mail.field("message-id") or b"").decode(), to) for to in mail.recipients)
    owed = {(name, to) for name, recipients in acknowledged.items() for to in recipients}
    lost = owed - set(copies)
    twice = sum(copies[one] - 1 for one in owed & set(copies))
    unanswered, deferred = sum(c.unanswered for c in clients), sum(c.deferred for c in clients)
    print(
        f"\n{len(acknowledged)} messages, {deferred} deferred, {unanswered} unanswered, {len(lost)} lost, {twice} twice"
    )
    assert not lost
    assert twice <= unanswered
    assert not [text for client in clients for text in client.wrong]
    assert deferred, "nobody noticed that there was no primary"
