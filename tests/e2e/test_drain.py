"""TERM in the midst of many sessions: the mail acknowledged is the mail delivered (row REL-06)."""

import random
import smtplib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e.client import letter, send
from tests.e2e.daemon import PLAIN, Daemon
from tests.e2e.sink import Sink

SESSIONS = 200
BODY = "some text of a letter\r\n" * 200


@pytest.fixture
def sink_here() -> Iterator[Sink]:
    sink = Sink().start()
    sink.delays["."] = 0.02
    yield sink
    sink.stop()


class Session(threading.Thread):
    """One session that sends until it is sent away."""

    def __init__(self, port: int, here: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._here = here
        self.acknowledged: list[str] = []
        self.last = ""

    def run(self) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self._port, local_hostname="client.example.org", timeout=60) as client:
                self._here.release()
                while not self.last:
                    self._send(client)
        except (OSError, smtplib.SMTPException) as error:
            self.last = self.last or repr(error)

    def _send(self, client: smtplib.SMTP) -> None:
        sent = letter(sender=PLAIN, body=BODY)
        answer = send(client, sent.content, sender=PLAIN)
        if answer.code == 250:
            self.acknowledged.append(sent.id)
        else:
            self.last = f"{answer.code} {answer.text}"


@pytest.mark.parametrize("seed", range(3))
def test_rel_06_many_sessions(seed: int, sink_here: Sink) -> None:
    here = threading.Semaphore(0)
    with Daemon({"outbound": sink_here.port}, limits={"connections": 4 * SESSIONS}) as daemon:
        daemon.start()
        sessions = [Session(daemon.doors["outbound"], here) for _ in range(SESSIONS)]
        for session in sessions:
            session.start()
        for _ in sessions:
            assert here.acquire(timeout=60)
        time.sleep(random.Random(seed).random())
        assert daemon.stop() == 0
        for session in sessions:
            session.join(60)
    acknowledged = [message_id.encode() for session in sessions for message_id in session.acknowledged]
    assert sorted(mail.field("message-id") or b"" for mail in sink_here.mails) == sorted(acknowledged)
    # 421 where a command is answered; a client that is just sending one hears it, or finds the connection closed.
    assert {session.last[:3] for session in sessions} <= {"421", "SMT", "Con", "Bro"}
    assert any(session.last.startswith("421") for session in sessions)
