"""Encrypted mail comes in; what a helpdesk makes of it does not leave in clear (row DEC-13)."""

import json
import time
from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.request import urlopen

import pytest

from tests.e2e.client import Answer, submit
from tests.e2e.conftest import People
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.sink import Mail, Sink
from tests.letters import SECRET, encrypted, head

ALICE, THIRD = "alice@customer.example", "third@example.net"
GROUPS = [
    {"name": "support", "addresses": [SUPPORT], "sign": "never", "replies_to_encrypted": "require"},
    {"name": "sales", "addresses": ["sales@example.org"], "sign": "never", "replies_to_encrypted": "ignore"},
]
OURS = "@smime.gw.example.org>"
_numbers = count(1)


@pytest.fixture(scope="module")
def far() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def gateway(far: Sink, people: People) -> Iterator[Daemon]:
    hops = {"outbound": far.port, "inbound": far.port}
    with Daemon(hops, groups=GROUPS, inbound={"domains": ["example.org"]}) as daemon:
        daemon.import_(people.secret(SUPPORT))
        yield daemon.start()


def arrive(gateway: Daemon, far: Sink, people: People, *ids: str) -> Mail:
    """Send an encrypted mail with these Message-ID lines in; return what was delivered."""
    mark = f"X-Number: {next(_numbers)}."
    content = encrypted(head(mark, *ids, message_id=""), people.issued[SUPPORT])
    assert submit(gateway.doors["inbound"], content, SUPPORT, sender=ALICE).code == 250
    (mail,) = far.wait(lambda mail: mark.encode() in mail.content)
    assert SECRET in mail.content
    return mail


def leave(gateway: Daemon, content: bytes, sender: str = SUPPORT) -> Answer:
    return submit(gateway.doors["outbound"], content, THIRD, sender=sender)


def answer(*fields: str, author: str = SUPPORT) -> bytes:
    lines = [f"From: {author}", f"To: {THIRD}", "Subject: Re: x", *fields, "", "> "]
    return "\r\n".join(lines).encode() + SECRET + b"\r\n"


def refused(answer: Answer) -> bool:
    return (answer.code, answer.text[:24]) == (550, "5.7.3 reply-to-encrypted")


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        (["Message-ID: <usual@x>"], "<usual@x>"),
        ([], None),
        (["Message-ID: <b l@x>"], "<b l@x>"),
        (["Message-ID: (c) <comment@x>"], "<comment@x>"),
        (["Message-ID: <first@x>", "Message-ID: <last@x>"], "<last@x>"),
        (["Message-ID: nobrackets@x"], "nobrackets@x"),
        (["Message-ID: < sp@x >"], "<sp@x>"),
        ([f"Message-ID: <{'a' * 900}@x>"], f"<{'a' * 900}@x>"),
    ],
)
def test_an_answer_is_refused_however_it_names_the_mail(
    gateway: Daemon, far: Sink, people: People, ids: list[str], named: str | None
) -> None:
    mail = arrive(gateway, far, people, *ids)
    delivered = (mail.field("message-id") or b"").decode()
    assert delivered == "<usual@x>" or delivered.endswith(OURS)
    for name in (delivered, named or delivered):
        for field in ("In-Reply-To", "References"):
            assert refused(leave(gateway, answer(f"{field}: {name}", "X-SMIME-Gateway-Encrypt: never")))
        assert refused(leave(gateway, answer(f"References: {name}", author="sales@example.org")))
    assert leave(gateway, answer("In-Reply-To: <other@x>")).code == 250


def test_a_plain_mail_sent_ahead_changes_nothing(gateway: Daemon, far: Sink, people: People) -> None:
    plain = head(message_id="<ahead@x>") + b"\r\nhello\r\n"
    assert submit(gateway.doors["inbound"], plain, SUPPORT, sender=ALICE).code == 250
    gateway.record("<ahead@x>")
    time.sleep(1.5)  # until it stands in the journal
    arrive(gateway, far, people, "Message-ID: <ahead@x>")
    assert refused(leave(gateway, answer("In-Reply-To: <ahead@x>")))


def sent_on(form: str, mail: Mail) -> bytes:
    clear = head(message_id="<on@x>") + b"Content-Type: text/plain\r\n\r\n" + SECRET + b"\r\n"
    attached = b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + clear + b"\r\n--b--\r\n"
    mixed = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    forms = {
        "redirected": clear,
        "resent": f"Resent-From: {SUPPORT}\r\nResent-To: {THIRD}\r\n".encode() + clear,
        "delivered": mail.content,
        "delivered under another id": mail.content.replace(b"<on@x>", b"<new@x>"),
        "same id": clear.replace(b"Alice <alice@customer.example>", SUPPORT.encode()),
        "attached": answer().partition(b"\r\n\r\n")[0] + b"\r\nMIME-Version: 1.0\r\n" + mixed + attached,
    }
    return forms[form]


FORMS = ["redirected", "resent", "delivered", "delivered under another id", "same id", "attached"]


@pytest.fixture(scope="module")
def opened(gateway: Daemon, far: Sink, people: People) -> Mail:
    return arrive(gateway, far, people, "Message-ID: <on@x>")


@pytest.mark.parametrize("form", FORMS)
def test_opened_mail_is_not_sent_on(gateway: Daemon, opened: Mail, form: str) -> None:
    assert refused(leave(gateway, sent_on(form, opened)))
    assert refused(leave(gateway, sent_on(form, opened), sender=""))
    colleague = "journal@example.org"
    assert submit(gateway.doors["outbound"], sent_on(form, opened), colleague, sender=SUPPORT).code == 250


def held(gateway: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gateway.run("held", "list", "--json"))
    return found


def withheld(gateway: Daemon) -> float:
    with urlopen(f"http://127.0.0.1:{gateway.metrics}/metrics") as page:
        lines = page.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if 'errors_total{kind="withheld"}' in line)


def test_it_is_kept_where_a_refusal_would_return_it_to_a_stranger(gateway: Daemon, far: Sink, opened: Mail) -> None:
    before = len(far.found(lambda mail: THIRD in mail.recipients))
    answered = leave(gateway, sent_on("redirected", opened), sender=ALICE)
    assert (answered.code, "kept and not sent" in answered.text) == (250, True)
    (kept,) = held(gateway)
    assert (kept["reason"], kept["state"], kept["sender"]) == ("reply-to-encrypted", "withheld", ALICE)
    assert "not sent" in gateway.log
    poll(lambda: withheld(gateway) == 1)
    gateway.run("held", "retry", kept["id"], code=65)
    assert len(far.found(lambda mail: THIRD in mail.recipients)) == before


def test_a_seal_is_good_for_the_next_door_until_something_is_withdrawn(
    gateway: Daemon, far: Sink, people: People
) -> None:
    mail = arrive(gateway, far, people, "Message-ID: <seal@x>")
    mark = b"X-Number: " + (mail.field("x-number") or b"")

    def again(content: bytes) -> Mail:
        seen = len(far.found(lambda mail: mark in mail.content))
        assert submit(gateway.doors["inbound"], content, SUPPORT, sender=ALICE).code == 250
        return far.wait(lambda mail: mark in mail.content, seen + 1)[-1]

    traced = b"Received: by mail.example.org\r\n" + mail.content
    assert again(traced).content == traced
    for old, new in ((b"Subject: ", b"Subject: x"), (b"To: ", b"Reply-To: mallory@evil.example\r\nTo: ")):
        changed = again(mail.content.replace(b"\r\n" + old, b"\r\n" + new, 1))
        assert changed.field("x-smime-gateway-encryption") == b"none"
        assert changed.field("x-smime-gateway-id") != mail.field("x-smime-gateway-id")
    gateway.import_(people.authority.root.pem())
    assert again(traced).content == traced
    gateway.run("cert", "distrust", people.authority.root.certificate.fingerprint)
    poll(lambda: again(traced).field("x-smime-gateway-encryption") == b"none")
    notes = [record["notes"] for record in gateway.records("<seal@x>") if record["notes"]]
    assert notes[:2] == [["seal: Subject"], ["seal: Reply-To"]]
    assert notes[-1] == ["seal: expired"]
