"""Smuggling: only CRLF.CRLF ends a message, and no bare CR or LF gets through (rows SMT-01, SMT-02)."""

import asyncio

import pytest

from gateway.engine.transaction import Delivery, Outcome, Transaction, Verdict
from tests.smtp.fakes import run, world

FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n.\r\r\n",
    b"\r\n\x00.\r\n\n",
    b"\r\r\n.\r\n\r",
]
FORGED = b"MAIL FROM:<evil@x.org>\r\nRCPT TO:<victim@x.org>\r\nDATA\r\nforged\r\n"


@pytest.mark.parametrize("end", FALSE_ENDS)
def test_smt_01_a_false_end_is_refused_and_nothing_is_forwarded(end: bytes) -> None:
    """SMT-01: 550 5.6.11 and the session ends; the next hop sees no message at all."""

    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            await client.send(b"Subject: x\r\n\r\nfirst" + end + FORGED + b"\r\n.\r\n")
            assert (await client.reply()).startswith("550 5.6.11")
            await client.rest()
            assert w.hop.messages == []
            assert not any("evil" in line for line in w.hop.log)
            assert [report.outcome.verdict for report in w.reports] == [Verdict.REJECT]
            assert w.reports[0].transaction.content == b""
            assert (await (await w.client()).mail(b"fine\r\n")).startswith("250")

    run(story())


def test_smt_01_a_dotted_line_ends_nothing() -> None:
    """SMT-01: what looks like commands inside a message stays content, byte for byte."""
    content = b"Subject: x\r\n\r\n..\r\n" + FORGED + b"QUIT\r\n"

    async def story() -> None:
        async with world() as w:
            assert (await (await w.client()).mail(content)).startswith("250")
            assert len(w.hop.messages) == 1
            assert w.hop.messages[0].content == content.replace(b"\r\n..", b"\r\n.")

    run(story())


@pytest.mark.parametrize("end", FALSE_ENDS)
@pytest.mark.parametrize("copies", [1, 2])
def test_smt_02_content_made_here_is_checked_before_the_final_dot(end: bytes, copies: int) -> None:
    """SMT-02: a bare CR or LF in content of our own making never reaches a final dot; the client may try again."""

    async def careless(transaction: Transaction) -> Outcome:
        bad = Delivery(transaction.envelope.recipients, b"decrypted" + end + FORGED)
        return Outcome(Verdict.RELAY, deliveries=(bad,) * copies)

    async def story() -> None:
        async with world(process=careless) as w:
            assert (await (await w.client()).mail(b"x\r\n")).startswith("451 4.3.0")
            await asyncio.sleep(0.01)
            assert w.hop.messages == []
            assert not any("evil" in line for line in w.hop.log)

    run(story())


def test_smt_02_dots_of_content_made_here_are_stuffed() -> None:
    """SMT-02."""
    content = b".\r\n..\r\n.a\r\n\r\n.\x00\r\n."

    async def dotted(transaction: Transaction) -> Outcome:
        return Outcome(Verdict.RELAY, deliveries=(Delivery(transaction.envelope.recipients, bytearray(content)),))

    async def story() -> None:
        async with world(process=dotted) as w:
            assert (await (await w.client()).mail(b"x\r\n")).startswith("250")
            assert w.hop.messages[0].content == content + b"\r\n"

    run(story())


def test_smt_04_nothing_malformed_reaches_the_next_hop() -> None:
    """SMT-04: no command of ours holds more than one line or an address we would not repeat."""
    hostile = [
        b"MAIL FROM:<a@b.c\x00>",
        b"MAIL FROM:<a\rRSET\r@b.c>",
        b"MAIL FROM:<a\nRSET\n@b.c>",
        b"MAIL FROM:<a@b.c> ENVID=x\ty",
        b"MAIL FROM:<\xff@b.c>",
        b"RCPT TO:<a@b.c\x7f>",
        b'RCPT TO:<"a\x01"@b.c>',
        b"RCPT TO:<a@b.c> ORCPT=\x1b",
        b"RCPT TO:<@relay:a@b.c>",
    ]

    async def story() -> None:
        async with world() as w:
            for line in hostile:
                client = await w.client()
                if line.startswith(b"RCPT"):
                    await client.envelope()
                await client.send(line + b"\r\nNOOP\r\n")
                assert (await client.reply())[0] == "5", line
                client.close()
            allowed = ("EHLO gw.example.org", "XFORWARD ", "MAIL FROM:<a@example.org>", "RSET", "QUIT")
            assert all(line.startswith(allowed) and line.isprintable() for line in w.hop.log)

    run(story())
