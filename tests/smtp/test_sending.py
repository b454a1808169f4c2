"""Mail that no client waits for: to all recipients or to none, and without a word back."""

from datetime import UTC, datetime

import pytest

from gateway.engine.transaction import Client, Delivery, Direction, FrontEnd, Transaction
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import Reply
from gateway.smtp.connection import DOT
from gateway.smtp.copy import send_unreported
from gateway.smtp.door import NextHop
from gateway.smtp.next_hop import Pool
from tests.smtp.fakes import INSTANCE, QUICK, Hop, Rule, listening, run

CONTENT = b"Subject: x\r\n\r\n.dot\r\n"
CLIENT = Client("192.0.2.7", helo="mx.example.net")
TO = (Recipient("a@example.org", ("NOTIFY=SUCCESS", "ORCPT=rfc822;x@y")), Recipient("b@example.org"))
MAIL = Delivery(TO, CONTENT)


async def sent(hop: Hop, delivery: Delivery = MAIL, *parameters: str) -> Reply:
    envelope = Envelope("c@example.com", TO, parameters)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    transaction = Transaction("r1", Direction.INBOUND, FrontEnd.SMTP, "in", CLIENT, envelope, CONTENT, at)
    async with listening(hop):
        pool = Pool(NextHop("127.0.0.1", hop.port), QUICK, "gw.example.org", INSTANCE)
        try:
            receipt = await send_unreported(transaction, delivery, pool, lambda: DOT)
        finally:
            pool.close()
    assert receipt.next_hop == f"127.0.0.1:{hop.port}"
    assert receipt.reply is not None
    return receipt.reply


def test_nobody_is_told_and_a_bounce_holds_no_content() -> None:
    async def story() -> None:
        hop = Hop()
        answer = await sent(hop, MAIL, "BODY=8BITMIME", "RET=FULL", "ENVID=x", "SMTPUTF8")
        assert str(answer) == "250 2.0.0 Ok: queued as Q1"
        (message,) = hop.messages
        assert message.content == CONTENT
        assert message.mail == "MAIL FROM:<c@example.com> SMTPUTF8 RET=HDRS"
        assert [line for line in hop.log if line.startswith("RCPT")] == [
            "RCPT TO:<a@example.org> NOTIFY=NEVER",
            "RCPT TO:<b@example.org> NOTIFY=NEVER",
        ]
        assert "ADDR=192.0.2.7" in message.xforward[0]

    run(story())


@pytest.mark.parametrize(("keywords", "sender"), [(("DSN",), "c@example.com"), ((), "")])
@pytest.mark.parametrize("key_used", [True, False])
def test_who_cannot_be_told_not_to_report_has_nobody_to_report_to(
    keywords: tuple[str, ...], sender: str, key_used: bool
) -> None:
    async def story() -> None:
        hop = Hop(keywords=keywords)
        await sent(hop, Delivery(TO, CONTENT, key_used=key_used))
        assert f"MAIL FROM:<{sender if key_used else 'c@example.com'}>" in hop.messages[0].mail

    run(story())


def test_eight_bits_are_declared() -> None:
    async def story() -> None:
        hop = Hop()
        await sent(hop, Delivery(TO, b"\r\n\xe4\r\n"))
        assert "BODY=8BITMIME" in hop.messages[0].mail

    run(story())


def test_opened_mail_is_recoded_where_eight_bits_are_not_taken() -> None:
    async def story() -> None:
        for keywords, expected in (((), b"\r\nae\r\n"), (("8BITMIME",), b"\r\n\xe4\r\n")):
            hop = Hop(keywords=keywords)
            await sent(hop, Delivery(TO, b"\r\n\xe4\r\n", recode=lambda content: content.replace(b"\xe4", b"ae")))
            assert hop.messages[0].content == expected

    run(story())


def test_only_what_is_offered_is_said() -> None:
    async def story() -> None:
        hop = Hop(keywords=())
        await sent(hop, Delivery(TO, b"\r\n\xe4\r\n"), "ENVID=x")
        assert hop.messages[0].mail == "MAIL FROM:<c@example.com>"
        assert "RCPT TO:<a@example.org>" in hop.log

    run(story())


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ([Rule("RCPT", "550 5.1.1 no", "b@")], 550),
        ([Rule("RCPT", "550 5.1.1 no", "a@"), Rule("RCPT", "450 4.2.0 later", "b@")], 450),
        ([Rule("MAIL", "452 4.3.1 full")], 452),
        ([Rule("DATA", "451 4.3.0 later")], 451),
        ([Rule("dot", "554 5.6.0 no")], 554),
    ],
)
def test_all_or_none(rules: list[Rule], code: int) -> None:
    async def story() -> None:
        hop = Hop(rules=rules)
        assert (await sent(hop)).code == code
        assert hop.messages == []

    run(story())


@pytest.mark.parametrize("stage", ["RCPT", "dot"])
def test_a_next_hop_that_breaks_off_is_away_and_the_log_says_how(stage: str, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule(stage, "close")])
        assert str(await sent(hop)) == "451 4.4.1 The next hop is not available (record r1)"
        assert hop.messages == []
        assert f"r1: 127.0.0.1:{hop.port} closed the connection" in caplog.text


def test_content_that_is_refused_does_not_go_again_as_it_came() -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule("dot", "554 5.6.0 no", times=1)])
        as_it_came = Delivery(TO, b"\r\nsealed\r\n", key_used=True)
        answer = await sent(hop, Delivery(TO, CONTENT, key_used=True, as_it_came=lambda: as_it_came))
        assert answer.code == 554
        assert hop.messages == []

    run(story())
