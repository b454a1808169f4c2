"""Mail that no client waits for: to all recipients or to none, and without a word back."""

import asyncio

import pytest

from gateway.engine.transaction import Client, Delivery
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import Reply
from gateway.smtp.door import NextHop
from gateway.smtp.next_hop import Pool
from gateway.smtp.sending import send
from tests.smtp.fakes import INSTANCE, QUICK, Hop, Rule, listening, run

CONTENT = b"Subject: x\r\n\r\n.dot\r\n"
CLIENT = Client("192.0.2.7", helo="mx.example.net")
TO = (Recipient("a@example.org", ("NOTIFY=SUCCESS", "ORCPT=rfc822;x@y")), Recipient("b@example.org"))


async def sent(hop: Hop, content: bytes = CONTENT, *parameters: str) -> Reply:
    async with listening(hop):
        pool = Pool(NextHop("127.0.0.1", hop.port), QUICK, "gw.example.org", INSTANCE)
        try:
            return await send(pool, CLIENT, Envelope("c@example.com", TO, parameters), Delivery(TO, content))
        finally:
            pool.close()


def test_nobody_is_told_and_a_bounce_holds_no_content() -> None:
    async def story() -> None:
        hop = Hop()
        answer = await sent(hop, CONTENT, "BODY=8BITMIME", "RET=FULL", "ENVID=x", "SMTPUTF8")
        assert str(answer) == "250 2.0.0 Ok: queued as Q1"
        (message,) = hop.messages
        assert message.content == CONTENT
        assert message.mail == f"MAIL FROM:<c@example.com> SIZE={len(CONTENT)} SMTPUTF8 RET=HDRS"
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
        async with listening(Hop(keywords=keywords)) as hop:
            pool = Pool(NextHop("127.0.0.1", hop.port), QUICK, "gw.example.org", INSTANCE)
            await send(pool, CLIENT, Envelope("c@example.com", TO), Delivery(TO, CONTENT, key_used=key_used))
            pool.close()
            assert f"MAIL FROM:<{sender if key_used else 'c@example.com'}>" in hop.messages[0].mail

    run(story())


def test_eight_bits_are_declared() -> None:
    async def story() -> None:
        hop = Hop()
        await sent(hop, b"\r\n\xe4\r\n")
        assert "BODY=8BITMIME" in hop.messages[0].mail

    run(story())


def test_opened_mail_is_recoded_where_eight_bits_are_not_taken() -> None:
    async def story() -> None:
        for keywords, expected in (((), b"\r\nae\r\n"), (("8BITMIME",), b"\r\n\xe4\r\n")):
            async with listening(Hop(keywords=keywords)) as hop:
                pool = Pool(NextHop("127.0.0.1", hop.port), QUICK, "gw.example.org", INSTANCE)
                delivery = Delivery(TO, b"\r\n\xe4\r\n", recode=lambda content: content.replace(b"\xe4", b"ae"))
                await send(pool, CLIENT, Envelope("c@example.com", TO), delivery)
                pool.close()
                assert hop.messages[0].content == expected

    run(story())


def test_only_what_is_offered_is_said() -> None:
    async def story() -> None:
        hop = Hop(keywords=())
        await sent(hop, b"\r\n\xe4\r\n", "SMTPUTF8")
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
def test_a_next_hop_that_breaks_off_is_a_fault(stage: str) -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule(stage, "close")])
        with pytest.raises(Fault):
            await sent(hop)
        await asyncio.sleep(0)
        assert hop.messages == []

    run(story())
