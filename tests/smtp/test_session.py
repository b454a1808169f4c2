"""The dialogue with the client: each trap of aiosmtpd closed, and the mirror of the next hop."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from gateway.engine.transaction import Direction, Outcome, Transaction, Verdict
from gateway.reply import EnhancedCode, reply
from gateway.smtp.door import Limits
from tests.smtp.fakes import INSTANCE, KEYWORDS, QUICK, Hop, Rule, relay, run, world

MAIL = b"From: a@example.org\r\nSubject: x\r\n\r\nText\r\n"


def test_smt_11_ehlo_offers_what_the_next_hop_offers() -> None:
    """SMT-11: the intersection; SIZE and PIPELINING are ours; outbound leaves room for growth."""

    async def story() -> None:
        async with world(Hop(keywords=(*KEYWORDS, "CHUNKING", "BINARYMIME", "REQUIRETLS", "VRFY", ""))) as w:
            client = await w.client(greet=False)
            assert await client.reply() == f"220 gw.example.org ESMTP smime-gateway {INSTANCE}"
            assert set(await client.ehlo()) == {
                "250-gw.example.org",
                "250-SIZE 7000000",
                "250-PIPELINING",
                "250-8BITMIME",
                "250-SMTPUTF8",
                "250-DSN",
                "250-ENHANCEDSTATUSCODES",
                "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
            }
        async with world(Hop(keywords=("", "SIZE 0")), direction=Direction.INBOUND) as w:
            own = "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
            offered = await (await w.client()).ehlo()
            assert offered == ["250-gw.example.org", "250-SIZE 50000000", "250-PIPELINING", own]

    run(story())


@pytest.mark.parametrize("keyword", ["8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"])
def test_smt_11_each_keyword_off(keyword: str) -> None:
    """SMT-11."""

    async def story() -> None:
        async with world(Hop(keywords=[word for word in KEYWORDS if word != keyword])) as w:
            assert not any(keyword in line for line in await (await w.client()).ehlo())

    run(story())


def test_smt_11_utf8_without_the_next_hop() -> None:
    """SMT-11: 550 5.6.7, no transliteration; an address beyond ASCII needs the parameter."""

    async def story() -> None:
        async with world(Hop(keywords=("DSN",))) as w:
            client = await w.client()
            assert (await client.say("MAIL FROM:<ä@example.org> SMTPUTF8")).startswith("550 5.6.7")
            assert (await client.say("MAIL FROM:<ä@example.org>")).startswith("550 5.6.7")
            assert (await client.envelope("ä@example.net"))[1].startswith("550 5.6.7")
        async with world() as w:
            client = await w.client()
            await client.envelope("ö@example.net", sender="ä@example.org", mail=" SMTPUTF8")
            assert (await client.data(MAIL)).startswith("250")
            assert w.hop.messages[0].mail == "MAIL FROM:<ä@example.org> SMTPUTF8"
            assert w.hop.taken() == ["ö@example.net"]

    run(story())


def test_parameters_reach_the_next_hop_unchanged_but_for_size() -> None:
    async def story() -> None:
        outbound = (Direction.OUTBOUND, "", "success,DELAY")
        for direction, size, notify in (outbound, (Direction.INBOUND, " SIZE=77", "NEVER")):
            async with world(direction=direction) as w:
                client = await w.client()
                await client.say("MAIL FROM:<A.b@example.org> RET=hdrs ENVID=Ab+2B SIZE=77 BODY=8BITMIME")
                await client.say("RCPT TO:<C@Example.net> NOTIFY=success,DELAY ORCPT=rfc822;C+40x")
                assert (await client.data(MAIL)).startswith("250 2.0.0 Ok: queued as Q1")
                mail = "MAIL FROM:<A.b@example.org> RET=hdrs ENVID=Ab+2B BODY=8BITMIME"
                assert sorted(w.hop.messages[0].mail.split()) == sorted((mail + size).split())
                assert f"RCPT TO:<C@Example.net> NOTIFY={notify} ORCPT=rfc822;C+40x" in w.hop.log
                envelope = w.reports[0].transaction.envelope
                assert envelope.parameters == ("RET=hdrs", "ENVID=Ab+2B", "SIZE=77", "BODY=8BITMIME")

    run(story())


def test_smt_10_null_sender_passes() -> None:
    """SMT-10."""

    async def story() -> None:
        async with world() as w:
            assert (await (await w.client()).mail(MAIL, sender="")).startswith("250")
            assert w.hop.messages[0].mail == "MAIL FROM:<>"
            assert w.reports[0].transaction.envelope.sender == ""

    run(story())


def test_replies_of_the_next_hop_are_passed_on_per_recipient() -> None:
    rules = [
        Rule("RCPT", "452 4.2.2 box full", "full@"),
        Rule("RCPT", "550-5.1.1 no\r\n550 5.1.1 such user", "gone@"),
        Rule("RCPT", "421 4.3.2 leaving", "late@"),
    ]

    async def story() -> None:
        async with world(Hop(rules=rules)) as w:
            client = await w.client()
            names = ("b@example.net", "full@example.net", "gone@example.net")
            assert await client.envelope(*names) == [
                "250 2.1.0 Sender fine",
                "250 2.1.5 <b@example.net> fine",
                "452 4.2.2 box full",
                "550-5.1.1 no\n550 5.1.1 such user",
            ]
            assert await client.data(MAIL) == "250 2.0.0 Ok: queued as Q1"
            assert w.hop.taken() == ["b@example.net"]
            assert w.reports[0].transaction.envelope.addresses == ("b@example.net",)
            assert (await client.envelope("late@example.net"))[1] == "451 4.3.2 leaving"

    run(story())


@pytest.mark.parametrize("answer", ["450 4.7.1 greylisted", "554 5.7.1 no", "250 2.0.0 Ok: odd   text"])
def test_final_reply_is_passed_on_verbatim(answer: str) -> None:
    async def story() -> None:
        async with world(Hop(rules=[Rule("dot", answer)])) as w:
            assert await (await w.client()).mail(MAIL) == answer
            assert str(w.reports[0].reply) == answer
            assert str(w.reports[0].receipts[0].reply) == answer

    run(story())


def test_a_refused_sender_refuses_its_recipients() -> None:
    async def story() -> None:
        async with world(Hop(rules=[Rule("MAIL", "550 5.7.1 not you", "mallory")])) as w:
            client = await w.client()
            await client.send(b"MAIL FROM:<mallory@x.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
            assert await client.reply() == "550 5.7.1 not you"
            assert (await client.reply()).startswith("503 5.5.1")
            assert (await client.reply()).startswith("503 5.5.1")
            assert (await client.mail(MAIL)).startswith("250")

    run(story())


def dialogue() -> bytes:
    return (
        b"EHLO c.example.org\r\nXFORWARD NAME=n ADDR=192.0.2.1 IDENT=Q7\r\n"
        b"MAIL FROM:<a@example.org> RET=HDRS\r\nRCPT TO:<full@example.net>\r\nRCPT TO:<b@example.net>\r\n"
        b"RCPT TO:<bad\r\nRCPT TO:<c@example.net>\r\nDATA\r\n"
        b"Subject: x\r\n\r\n..dot\r\n\x00\xff" + b"y" * 2000 + b"\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<d@example.net>\r\nRSET\r\nNOOP\r\nBOGUS\r\nRCPT TO:<e@example.net>\r\n"
        b"MAIL FROM:<a@example.org>\r\nRCPT TO:<d@example.net>\r\nDATA\r\n.\r\nQUIT\r\n"
    )


async def play(pieces: list[bytes], flush: Callable[[], None] | None = None) -> tuple[bytes, list[object]]:
    hop = Hop(rules=[Rule("RCPT", "452 4.2.2 full", "full@")])
    async with world(hop) as w:
        client = await w.client(greet=False)
        for piece in pieces:
            await client.send(piece)
            await asyncio.sleep(0.002 if len(pieces) == 2 else 0)
        return await client.rest(), [(m.mail, m.recipients, m.content, m.xforward) for m in hop.messages]


def test_every_cut_of_a_dialogue_gives_the_same() -> None:
    """Every split into two TCP segments answers and delivers the same as the unsplit dialogue."""

    async def story() -> None:
        stream = dialogue()
        whole = await play([stream])
        assert len(whole[1]) == 2
        assert whole[0].count(b"\r\n") == 28
        cuts = [cut for cut in range(1, len(stream)) if b"yyyy" not in stream[cut - 4 : cut + 4]]
        for start in range(0, len(cuts), 25):
            results = await asyncio.gather(*(play([stream[:c], stream[c:]]) for c in cuts[start : start + 25]))
            for cut, result in zip(cuts[start:], results, strict=False):
                assert result == whole, f"cut at {cut}"

    run(story(), 90)


def test_byte_by_byte_dialogue() -> None:
    async def story() -> None:
        stream = dialogue().replace(b"y" * 1990, b"")
        assert await play([stream[n : n + 1] for n in range(len(stream))]) == await play([stream])

    run(story())


def test_commands_at_hand_go_on_together() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.mail(MAIL)
            w.hop.pipelined = 0
            names = "".join(f"RCPT TO:<u{n}@example.net>\r\n" for n in range(80))
            await client.send(f"MAIL FROM:<a@example.org>\r\n{names}DATA\r\n".encode())
            replies = [await client.reply() for _ in range(82)]
            assert replies[1:81] == [f"250 2.1.5 <u{n}@example.net> fine" for n in range(80)]
            assert replies[81].startswith("354")
            assert w.hop.pipelined > 60
            await client.send(MAIL + b".\r\n")
            assert (await client.reply()).startswith("250")
            assert len(w.hop.messages[1].recipients) == 80

    run(story())


def test_next_hop_without_pipelining_is_not_pipelined() -> None:
    async def story() -> None:
        async with world(Hop(keywords=["XFORWARD NAME ADDR"])) as w:
            client = await w.client()
            await client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nRCPT TO:<c@example.net>\r\n")
            assert [(await client.reply())[:3] for _ in range(3)] == ["250"] * 3
            assert (await client.data(MAIL)).startswith("250")
            assert w.hop.pipelined == 0

    run(story())


def test_long_lines_nul_and_eight_bit_are_relayed() -> None:
    content = b"Subject: x\r\n\r\n" + b"y" * 100_000 + b"\r\n\x00\xff\xfe\r\n..\r\n"

    async def story() -> None:
        async with world() as w:
            assert (await (await w.client()).mail(content)).startswith("250")
            assert w.hop.messages[0].content == content.replace(b"\r\n..", b"\r\n.")

    run(story())


def test_empty_content() -> None:
    async def story() -> None:
        async with world() as w:
            assert (await (await w.client()).mail(b"")).startswith("250")
            assert w.hop.messages[0].content == b""

    run(story())


@pytest.mark.parametrize(
    "line",
    [b"NOOP\n", b"NO\x00OP\r\n", b"NOOP a\rb\r\n", b"MAIL FROM:<a@b.c>\n", b"N\xffOP\r\n", b"NOOP \x01\r\n", b"\r\n"],
)
def test_malformed_command_lines(line: bytes) -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.send(line)
            assert (await client.reply()).startswith("500 5.5.2")
            assert (await client.say("NOOP")).startswith("250")
            assert not any(entry.startswith("MAIL") for entry in w.hop.log)

    run(story())


def test_long_parameters_are_no_long_lines() -> None:
    """aiosmtpd's limits live on the class: one session's EHLO changed another's."""

    async def story() -> None:
        async with world() as w:
            one, other = await w.client(), await w.client()
            for client in (one, other, one):
                await client.ehlo()
                orcpt = "rfc822;" + "x" * 800
                await client.say("MAIL FROM:<a@example.org> ENVID=" + "y" * 100)
                assert (await client.say(f"RCPT TO:<b@example.net> ORCPT={orcpt}")).startswith("250")
                await client.say("RSET")
            assert (await one.say("NOOP " + "x" * 5000)).startswith("500 5.5.2")
            assert (await one.say("NOOP")).startswith("250")
            await one.send(b"x" * 20_000)
            assert (await one.reply()).startswith("500 5.5.2")
            assert await one.rest() == b""

    run(story())


def test_order_of_commands() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client(greet=False)
            await client.reply()
            for line in ("MAIL FROM:<a@b.c>", "RCPT TO:<a@b.c>", "DATA", "XFORWARD NAME=x"):
                assert (await client.say(line)).startswith("503 5.5.1"), line
            assert (await client.say("EHLO")).startswith("501")
            await client.ehlo()
            assert (await client.say("RCPT TO:<a@b.c>")).startswith("503 5.5.1")
            assert (await client.say("DATA")).startswith("503 5.5.1")
            await client.say("MAIL FROM:<a@b.c>")
            assert (await client.say("MAIL FROM:<a@b.c>")).startswith("503 5.5.1")
            assert (await client.say("XFORWARD NAME=x")).startswith("503 5.5.1")
            assert (await client.say("DATA")).startswith("554 5.5.1")
            assert (await client.say("DATA now")).startswith("501 5.5.4")
            assert (await client.say("VRFY x")).startswith("252")
            assert (await client.say("EXPN x")).startswith("502")
            assert (await client.say("AUTH PLAIN AAAA")).startswith("502")
            assert (await client.say("STARTTLS")).startswith("502")
            assert (await client.say("HELP")).startswith("214")
            assert (await client.say("BDAT 5")).startswith("500")
            assert (await client.say("QUIT")).startswith("221")
            assert await client.rest() == b""

    run(story())


def test_rset_resets_the_next_hop() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.envelope("b@example.net")
            assert (await client.say("RSET")).startswith("250")
            assert w.hop.log[-1] == "RSET"
            assert (await client.mail(MAIL, "c@example.net")).startswith("250")
            assert w.hop.taken() == ["c@example.net"]
            assert w.hop.connections == 1

    run(story())


def test_helo_without_extensions() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client(greet=False)
            await client.reply()
            assert await client.say("HELO old.example.org") == "250 gw.example.org"
            assert (await client.mail(MAIL)).startswith("250")
            assert w.reports[0].transaction.client.protocol == "SMTP"

    run(story())


def test_a_bug_defers_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An exception is 451 with a record id, never its text and never 5xx; the next hop's transaction is given up."""

    async def buggy(transaction: Transaction) -> Outcome:
        raise ValueError("secret text")

    async def story() -> None:
        async with world(process=buggy) as w:
            client = await w.client()
            answer = await client.mail(MAIL)
            assert answer.startswith("451 4.3.0") and "id1" in answer and "secret" not in answer
            assert w.hop.messages == []
            assert w.reports[0].outcome.verdict is Verdict.DEFER
            assert (await client.say("NOOP")).startswith("250")

    run(story())
    assert "secret text" in caplog.text


def test_a_bug_in_a_command_defers(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret text")

    monkeypatch.setattr("gateway.smtp.server.declared_size", broken)

    async def story() -> None:
        async with world() as w:
            client = await w.client()
            assert (
                await client.say("MAIL FROM:<a@b.c>") == "451 4.3.0 Temporary trouble in the gateway, please try again"
            )

    run(story())
    assert "secret text" in caplog.text


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.DEFER])
def test_refusals_of_the_engine(verdict: Verdict) -> None:
    async def refuse(transaction: Transaction) -> Outcome:
        return Outcome(verdict, reply(550, EnhancedCode.NO_CONVERSION, "no certificate for b@example.net"))

    async def story() -> None:
        async with world(process=refuse) as w:
            client = await w.client()
            assert await client.mail(MAIL) == "550 5.7.3 no certificate for b@example.net"
            assert w.hop.messages == []
            assert w.hop.log[-1] == "RSET"
            assert w.reports[0].outcome.verdict is verdict
            assert w.hop.connections == 1

    run(story())


def test_a_record_that_cannot_be_written_does_not_undo_the_delivery(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world() as w:

            async def broken(*_: object) -> None:
                raise OSError("disk full")

            w.door._service.report = broken
            assert (await (await w.client()).mail(MAIL)).startswith("250")

    run(story())
    assert "record could not be written" in caplog.text


def test_half_close_after_the_final_dot_is_answered() -> None:
    """A client that closes its half after the final dot gets its reply; its mail is neither lost nor cut."""

    async def story() -> None:
        async with world(Hop(delay=0.2)) as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            await client.send(MAIL + b".\r\n")
            client.writer.write_eof()
            assert await client.rest() == b"250 2.0.0 Ok: queued as Q1\r\n"
            assert len(w.hop.messages) == 1
            assert w.ledger.calls == []

    run(story())


def test_half_close_behind_a_whole_pipelined_session() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client(greet=False)
            await client.send(b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n")
            client.writer.write_eof()
            lines = (await client.rest()).decode().splitlines()
            assert [line[:3] for line in lines if line[3:4] == " "] == ["220", "250", "250", "250", "354", "250", "221"]

    run(story())


def test_client_gone_after_the_final_dot() -> None:
    """REL-05: the message is delivered all the same, and its retry makes no second copy."""

    async def slow(transaction: Transaction) -> Outcome:
        await asyncio.sleep(0.2)
        return await relay(transaction)

    async def story() -> None:
        async with world(process=slow) as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            await client.send(MAIL + b".\r\n")
            await asyncio.sleep(0.05)
            client.reset()
            while not w.ledger.rows:
                await asyncio.sleep(0.01)
            assert w.hop.taken() == ["b@example.net"]
            again = await w.client()
            assert (await again.mail(b"Received: by retry\r\n" + MAIL)).startswith("250 2.0.0 Ok: taken in an earlier")
            assert w.hop.taken() == ["b@example.net"]
            assert (await again.mail(MAIL)).startswith("250 2.0.0 Ok: queued")
            assert w.hop.taken() == ["b@example.net"] * 2

    run(story())


@pytest.mark.parametrize("way", ["close", "half-close", "reset"])
def test_client_vanishing_in_data_is_dropped(way: str) -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            await client.send(MAIL + b".\r")
            if way == "half-close":
                client.writer.write_eof()
                assert await client.rest() == b""
            elif way == "reset":
                client.reset()
            else:
                client.writer.close()
            while w.door.sessions or w.hop.open:
                await asyncio.sleep(0.01)
            assert w.hop.messages == []
            assert w.reports == []

    run(story())


def test_nothing_is_left_behind_when_clients_vanish(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world() as w:
            for steps in range(5):
                client = await w.client(greet=False)
                for line in ("EHLO x", "MAIL FROM:<a@b.c>", "RCPT TO:<d@e.f>", "DATA")[:steps]:
                    await client.say(line)
                client.close()
            while w.door.sessions:
                await asyncio.sleep(0.01)
            assert (await (await w.client()).mail(MAIL)).startswith("250")

    with caplog.at_level(logging.WARNING):
        run(story())
    assert caplog.text == ""


def test_xforward_of_the_client_is_passed_on_per_transaction() -> None:
    async def story() -> None:
        async with world(Hop(keywords=("XFORWARD NAME ADDR IDENT",))) as w:
            client = await w.client()
            assert (await client.say("XFORWARD NAME=n.example ADDR=192.0.2.9 PROTO=ESMTP")).startswith("250")
            assert (await client.say("XFORWARD IDENT=4XYZ")).startswith("250")
            assert (await client.mail(MAIL)).startswith("250")
            assert w.hop.messages[0].xforward == ["XFORWARD NAME=n.example ADDR=192.0.2.9 IDENT=4XYZ"]
            told = w.reports[0].transaction.client
            assert (told.queue_id, told.address) == ("4XYZ", "127.0.0.1")
            assert (await client.say("XFORWARD COLOUR=red")).startswith("501")
            assert (await client.mail(MAIL)).startswith("250")
            assert w.hop.messages[1].xforward == ["XFORWARD NAME=[UNAVAILABLE] ADDR=127.0.0.1"]

    run(story())


def test_xforward_refused_by_the_next_hop_does_not_stop_mail() -> None:
    async def story() -> None:
        async with world(Hop(rules=[Rule("XFORWARD", "550 5.7.0 not you")])) as w:
            assert (await (await w.client()).mail(MAIL)).startswith("250")

    run(story())


def test_own_view_of_the_client_where_it_sent_none() -> None:
    async def story() -> None:
        async with world() as w:
            assert (await (await w.client()).mail(MAIL)).startswith("250")
            assert w.hop.messages[0].xforward == [
                "XFORWARD NAME=[UNAVAILABLE] ADDR=127.0.0.1 PROTO=ESMTP HELO=client.example.org"
            ]

    run(story())


def test_no_xforward_where_the_next_hop_takes_none() -> None:
    """We take it all the same: the record wants to know."""

    async def story() -> None:
        async with world(Hop(keywords=("DSN",))) as w:
            client = await w.client()
            assert (await client.say("XFORWARD NAME=n ADDR=IPV6:2001:db8::1 IDENT=[UNAVAILABLE]")).startswith("250")
            assert (await client.mail(MAIL)).startswith("250")
            assert not any(line.startswith("XFORWARD") for line in w.hop.log)
            told = w.reports[0].transaction.client
            assert (told.origin, told.address, told.queue_id) == ("2001:db8::1", "127.0.0.1", None)

    run(story())


def test_smt_09_too_many_received_fields() -> None:
    """SMT-09: 554 5.4.6, recorded, nothing forwarded."""

    async def story() -> None:
        async with world() as w:
            answer = await (await w.client()).mail(b"Received: x\r\n" * 101 + MAIL)
            assert answer.startswith("554 5.4.6")
            assert w.hop.messages == []
            assert w.reports[0].outcome.verdict is Verdict.REJECT

    run(story())


def test_two_doors_do_not_share_anything() -> None:
    async def story() -> None:
        async with world(limits=Limits(message_size=1000, timeouts=QUICK)) as small, world() as large:
            await (await small.client()).mail(MAIL)
            assert "250-SIZE 1000" in await (await small.client()).ehlo()
            assert "250-SIZE 7000000" in await (await large.client()).ehlo()
            assert large.hop.messages == []

    run(story())
