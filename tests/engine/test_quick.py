"""What may run where nobody can wait (row LIM-05): it asks no port, makes nothing, and is small."""

from dataclasses import replace

import pytest

from gateway.engine.engine import Engine
from gateway.engine.mark import SEAL
from gateway.engine.outbound import QUICK
from gateway.engine.transaction import Client, Direction, FrontEnd, Transaction, Verdict
from gateway.mail.envelope import Envelope, Recipient
from gateway.policy.rule import ReplyRule
from tests.authority import Authority
from tests.engine.world import AT, HELPDESK, World

STRANGER = "somebody@example.net"


class Silent(World):
    """A world whose ports must not be asked."""

    def _asked(self, *_: object) -> None:
        raise AssertionError("a port was asked")

    find = chain = key = answered = sent_on = _asked  # type: ignore[assignment]


@pytest.fixture
def engine(authority: Authority) -> Engine:
    return Silent(authority).engine


def transaction(*fields: str, author: str = STRANGER, size: int = 0) -> Transaction:
    content = "\r\n".join([f"From: <{author}>", "To: alice@example.com", *fields, "", "x" * size, ""]).encode()
    envelope = Envelope(author, (Recipient("alice@example.com"),))
    client = Client("127.0.0.1")
    return Transaction("0123", Direction.OUTBOUND, FrontEnd.SMTP, "outbound", client, envelope, content, AT)


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("X-SMIME-Gateway-Encrypt: never",),
        ("X-SMIME-Gateway-Signature: pass; forged",),
        (f"In-Reply-To: <{'1' * 20}@example.com>",),
        ("Content-Type: multipart/signed; protocol=application/pkcs7-signature; boundary=b",),
    ],
)
def test_lim_05_mail_of_nobodys_group_is_quick_and_asks_no_port(engine: Engine, fields: tuple[str, ...]) -> None:
    given = transaction(*fields)
    assert engine.is_quick(given)
    outcome = engine.process(given)
    assert outcome.verdict is Verdict.RELAY
    assert b"X-SMIME-Gateway" not in outcome.deliveries[0].content


def test_lim_05_once_mail_was_opened_all_may_be_that(authority: Authority) -> None:
    world = World(authority)
    world.remember({"1@x"}, None, ReplyRule.REQUIRE, AT)
    assert not world.engine.is_quick(transaction())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (transaction(author=HELPDESK), "a group's: certificates are looked up"),
        (transaction(size=QUICK), "large"),
        (transaction(f"{SEAL}: v1 abcd"), "a seal: the whole message is hashed"),
        (replace(transaction(), direction=Direction.INBOUND), "may have to be opened"),
        (replace(transaction(), content=b"From: a@example.net, b@example.net\r\n\r\n"), "no author"),
        (replace(transaction(), content=b"From\x00: a@example.net\r\n\r\n"), "no header"),
    ],
)
def test_lim_05_all_else_is_not(engine: Engine, given: Transaction, why: str) -> None:
    assert not engine.is_quick(given), why
