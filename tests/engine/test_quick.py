"""What a small message asks before anything is looked up or made for it (row LIM-05): nothing, or what is known."""

import pytest

from gateway.engine.mark import SEAL
from gateway.engine.transaction import Client, Direction, FrontEnd, Transaction, Verdict
from gateway.engine.wants import AnyOpened, OpenedUnder, Withdrawals
from gateway.mail.envelope import Envelope, Recipient
from gateway.policy.rule import ReplyRule
from gateway.policy.wants import CertificatesOf
from gateway.story import Want
from tests.authority import Authority
from tests.engine.world import AT, HELPDESK, World

STRANGER = "somebody@example.net"


@pytest.fixture
def world(authority: Authority) -> World:
    return World(authority)


def transaction(*fields: str, author: str = STRANGER) -> Transaction:
    content = "\r\n".join([f"From: <{author}>", "To: alice@example.com", *fields, "", "x", ""]).encode()
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
def test_lim_05_mail_of_nobodys_group_asks_one_thing_that_is_known(world: World, fields: tuple[str, ...]) -> None:
    outcome = world.process(transaction(*fields))
    assert world.asked == [AnyOpened()]
    assert outcome.verdict is Verdict.RELAY
    assert b"X-SMIME-Gateway" not in outcome.deliveries[0].content


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (transaction(author=HELPDESK), CertificatesOf),
        (transaction(f"{SEAL}: v1 abcd"), Withdrawals),
        (transaction("X-SMIME-Gateway-Id: 0123"), OpenedUnder),
    ],
)
def test_lim_05_all_else_asks_before_anything_is_made(
    world: World, given: Transaction, wanted: type[Want[object]]
) -> None:
    world.opened_mail.append((frozenset({"1@x"}), None, ReplyRule.REQUIRE))
    world.process(given)
    assert wanted in {type(want) for want in world.asked}
