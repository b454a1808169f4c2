"""Whose mail it is, through a running gateway: an address that leads elsewhere is nobody's, a From has one author."""

from collections.abc import Iterator

import pytest

from tests.authority import Issued
from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import SUPPORT, Daemon
from tests.e2e.sink import Mail, Sink
from tests.letters import SECRET, encrypted, head, signed

ROUTES = ["mallory%evil.example@example.org", "evil.example!mallory@example.org", '"mallory@evil.example"@example.org']
GROUPS = [{"name": "all", "addresses": ["@example.org"], "sign": "required", "encrypt": "required"}]


@pytest.fixture(scope="module")
def strict(sink: Sink, people: People) -> Iterator[Daemon]:
    """A gateway whose group is a whole domain."""
    with Daemon({"outbound": sink.port, "inbound": sink.port}, groups=GROUPS, workers=1) as daemon:
        people.introduce(daemon)
        yield daemon.start()


@pytest.fixture(scope="module")
def customer(people: People) -> Issued:
    return people.authority.leaf(ALICE, kind="p256", issuer=people.authority.root)


def receive(daemon: Daemon, sink: Sink, id_: str, content: bytes, to: str = SUPPORT) -> Mail:
    assert submit(daemon.doors["inbound"], content, to, sender=ALICE).code == 250
    (mail,) = sink.wait(lambda mail: f"<{id_}@customer.example>".encode() in mail.content)
    return mail


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_is_no_colleague_and_opens_nothing(strict: Daemon, sink: Sink, people: People, route: str) -> None:
    answer = submit(strict.doors["outbound"], letter(to=SUPPORT).content, route)
    assert (answer.code, route in answer.text) == (550, True)
    id_ = f"route-{ROUTES.index(route)}"
    content = encrypted(head(message_id=f"<{id_}@customer.example>"), people.issued[SUPPORT])
    mail = receive(strict, sink, id_, content, route)
    assert mail.field("x-smime-gateway-encryption") == b"failed; reason=not-addressed"
    assert SECRET not in mail.content
    assert strict.record(f"<{id_}@customer.example>")["encryption"]["reason"] == "not-addressed"


def test_a_second_author_never_passes(strict: Daemon, sink: Sink, customer: Issued) -> None:
    for id_, author, status in (
        ("alone", f'"x via mallory@evil.example" <{ALICE}>', b"pass"),
        ("two", f"=?utf-8?q?mallory=40evil.example?= <{ALICE}>", b"policy; reason=from-ambiguous"),
    ):
        top = head(message_id=f"<{id_}@customer.example>").replace(b"Alice <alice@customer.example>", author.encode())
        mail = receive(strict, sink, id_, top + signed(customer))
        assert (mail.field("x-smime-gateway-signature") or b"").startswith(status)
    record = strict.record("<two@customer.example>")
    assert record["signature"]["detail"] == "From: another address stands in an encoded word"
    assert record["from"] is None


def test_an_old_mail_sent_again_is_told(strict: Daemon, sink: Sink, customer: Issued) -> None:
    date = "Date: Mon, 01 Jan 2024 10:00:00 +0000"
    top = head(date, "Reply-To: mallory@evil.example", message_id="<old@customer.example>")
    mail = receive(
        strict, sink, "old", top.replace(b"alice@customer.example>", f"{ALICE}>".encode()) + signed(customer)
    )
    words = (mail.field("x-smime-gateway-signature") or b"").split(b"; ")
    assert words[-2:] == [b"reply-to=other", b"date=differs"]
    assert strict.record("<old@customer.example>")["notes"] == ["reply-to", "signing-time"]
