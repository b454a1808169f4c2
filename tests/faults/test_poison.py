"""Poison: a message that kills or hangs whatever handles it is given up after three strikes (rows REL-11, DEC-10).

What it does to a process is in ``poisoned/sitecustomize.py``, which the daemon's Python loads; beside it, innocent
messages are under way, and all of them arrive.
"""

import smtplib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Answer, Letter, letter, submit
from tests.e2e.conftest import People
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.sink import Mail, Sink
from tests.letters import head

PATIENCE = 60.0
CUSTOMER = "alice@customer.example"
FORGED = "X-SMIME-Gateway-Signature: pass; signer=ceo@example.org"
STRIKE = "processing ended the process; strike"


@pytest.fixture
def daemon(
    hop: Sink, people: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Daemon]:
    with Daemon({"outbound": hop.port, "inbound": hop.port}, workers=1) as daemon:
        people.introduce(daemon)
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("poisoned")))
        monkeypatch.setenv("POISON_TAKEN", str(tmp_path / "taken"))
        # Who hangs is not waited for; who is only slow, because the machine is, must not seem to hang.
        monkeypatch.setenv("POISON_SECONDS", "1" if "hang" in request.node.name else "60")
        yield daemon.start()


def arriving(words: str, name: str) -> Letter:
    message_id = f"<{name}@customer.example>"
    content = head(FORGED, message_id=message_id) + b"Content-Type: text/plain\r\n\r\nHi. " + words.encode() + b"\r\n"
    return Letter(message_id, content)


def attempt(daemon: Daemon, sent: Letter, door: str = "inbound") -> Answer | None:
    """Send it once; None: the connection broke."""
    sender, to = (CUSTOMER, SUPPORT) if door == "inbound" else (SUPPORT, "alice@example.com")
    try:
        return submit(daemon.doors[door], sent.content, to, sender=sender)
    except (OSError, smtplib.SMTPException):
        return None


def insist(daemon: Daemon, sent: Letter, door: str = "inbound") -> Answer:
    """Send it until it is accepted, or refused for good."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = attempt(daemon, sent, door)
        if answer is not None and (answer.code == 250 or answer.code >= 500):
            return answer
        time.sleep(0.1)
    pytest.fail(f"it is deferred for ever: {daemon.log[-3000:]}")


def copies(hop: Sink, sent: Letter) -> list[Mail]:
    return hop.found(lambda mail: mail.field("message-id") == sent.id.encode())


def deaths(daemon: Daemon) -> int:
    return daemon.log.count("it is replaced in")


@pytest.mark.parametrize(("how", "beside"), [("abort", 2), ("hang", 0)])
def test_rel_11_inbound_poison_is_delivered_as_it_came(daemon: Daemon, hop: Sink, how: str, beside: int) -> None:
    """DEC-10: one worker dies once; innocents beside it arrive; what was forged is gone."""
    poison = arriving(f"poison: {how}", how)
    innocents = [arriving("poison: slow", f"innocent-{how}-{number}") for number in range(beside)]
    answers: dict[str, Answer] = {}
    threads = [
        threading.Thread(target=lambda sent=sent: answers.update({sent.id: insist(daemon, sent)}))
        for sent in (poison, *innocents)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert {sent.id: answers[sent.id].code for sent in (poison, *innocents)} == dict.fromkeys(answers, 250)
    (mail,) = copies(hop, poison)
    assert (mail.field("x-smime-gateway-signature") or b"") == b"neutral; reason=internal"
    assert b"ceo@example.org" not in mail.content
    assert mail.content.endswith(poison.content.partition(FORGED.encode() + b"\r\n")[2])
    for sent in innocents:
        (mail,) = copies(hop, sent)
        assert mail.field("x-smime-gateway-signature") == b"none"
    assert deaths(daemon) == 1
    assert "messages under way" in daemon.log
    assert [f"{STRIKE} {number} of 3" in daemon.log for number in (1, 2, 3)] == [False, True, True]
    assert "poison: processed no more" in daemon.log
    seen = insist(daemon, poison)
    assert seen.code == 250, "the same again is known"
    assert daemon.log.count(STRIKE) == 2


def test_rel_11_outbound_poison_is_refused_with_a_record(daemon: Daemon, hop: Sink) -> None:
    poison = letter(body="poison: abort\r\n")
    answer = insist(daemon, poison, "outbound")
    assert (answer.code, answer.text[:15]) == (554, "5.3.0 internal:")
    assert copies(hop, poison) == []
    assert deaths(daemon) == 1
    (record,) = [line for line in daemon.run("log", "--json").splitlines() if '"reject"' in line]
    assert '"reason": "internal"' in record
    innocent = letter()
    assert insist(daemon, innocent, "outbound").code == 250
    assert len(copies(hop, innocent)) == 1


def test_rel_11_a_message_that_crashed_by_chance_is_acquitted(daemon: Daemon, hop: Sink) -> None:
    """The second time it comes through: alone, and then as any other."""
    unlucky = letter(body="poison: once\r\n")
    assert insist(daemon, unlucky, "outbound").code == 250
    (mail,) = copies(hop, unlucky)
    assert (mail.field("content-type") or b"").startswith(b"application/pkcs7-mime")
    assert deaths(daemon) == 1
    assert STRIKE not in daemon.log
    assert not list(daemon.folder.glob("*/suspects/*"))


def test_dec_10_a_store_that_is_away_is_no_strike(daemon: Daemon, hop: Sink) -> None:
    """What is tried alone needs the store; that it cannot be had says nothing about the message."""
    unlucky = letter(body="poison: once\r\n")
    database = daemon.folder / "state" / "store.db"
    assert attempt(daemon, unlucky, "outbound") is None
    poll(lambda: deaths(daemon) == 1 and daemon.workers)
    poll(lambda: attempt(daemon, letter(sender="plain@example.org"), "outbound"))
    database.rename(database.with_suffix(".away"))
    database.write_bytes(b"rubbish" * 20_000)
    database.chmod(0o600)
    answer = attempt(daemon, unlucky, "outbound")
    assert answer is not None
    assert (answer.code, answer.text[:5]) == (451, "4.3.0")
    assert STRIKE not in daemon.log
    database.with_suffix(".away").rename(database)


def test_dec_10_a_hanging_suspect_holds_up_nobody(daemon: Daemon, hop: Sink) -> None:
    """Mail of nobody's group is processed on the event loop, but not while it is suspected."""
    poison = letter(sender="nobody@example.org", body="poison: hang\r\n")
    assert attempt(daemon, poison, "outbound") is None
    poll(lambda: deaths(daemon) == 1 and daemon.workers)
    poll(lambda: attempt(daemon, letter(), "outbound"))
    waiting = threading.Thread(target=attempt, args=(daemon, poison, "outbound"))
    waiting.start()
    while waiting.is_alive():
        innocent = attempt(daemon, letter(sender="nobody@example.org"), "outbound")
        assert innocent is not None
        assert innocent.code == 250
    assert f"{STRIKE} 2 of 3" in daemon.log
    assert deaths(daemon) == 1
