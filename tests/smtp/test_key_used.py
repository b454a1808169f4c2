"""Mail that a private key was used for: its sender gets back nothing that depends on what came of it."""

from dataclasses import replace

import pytest

from gateway.engine.transaction import Delivery, Direction, Octets, Outcome, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.envelope import FAILURE
from gateway.smtp.door import Limits
from tests.smtp.fakes import KEYWORDS, QUICK, Hop, Process, Rule, World, run, world

MAIL = b"From: a@example.org\r\nSubject: x\r\n\r\nciphertext\r\n"
OPENED = b"From: a@example.org\r\nSubject: x\r\n\r\nsesame\r\n"
HELPDESK, OTHER = "support@example.org", "sales@example.org"
NEVER = f"RCPT TO:<{HELPDESK}> NOTIFY=NEVER"


def opening(content: Octets = OPENED, *, fault: bool = False, recoded: bool = False) -> Process:
    """An engine that opens mail for the helpdesk, or fails to: ``content`` is what it makes of it."""

    async def process(transaction: Transaction) -> Outcome:
        everybody = transaction.envelope.recipients
        readers = tuple(to.limited_to(()) for to in everybody if to.address == HELPDESK)
        others = tuple(to.limited_to((FAILURE,)) for to in everybody if to.address != HELPDESK)
        closed = Delivery(readers, b"X-Result: failed\r\n" + transaction.content, key_used=True)

        def as_it_came() -> Delivery:
            if fault:
                raise Fault("the store is gone")
            return closed

        first = replace(closed, content=content, opened=content is not MAIL, as_it_came=as_it_came)
        if recoded:
            first = replace(first, recode=lambda octets: octets.replace("ü".encode(), b"ue"))
        rest = replace(closed, recipients=others, key_used=False)
        return Outcome(Verdict.RELAY, deliveries=(first, rest) if others else (first,))

    return process


FACES = (opening(), opening(MAIL))
"""An envelope that opens, and one that does not."""


async def send(w: World, *recipients: str, mail: str = "", rcpt: str = "") -> str:
    client = await w.client()
    await client.say(f"MAIL FROM:<a@example.net>{mail}")
    for recipient in recipients or (HELPDESK,):
        await client.say(f"RCPT TO:<{recipient}>{rcpt}")
    answer = await client.data(MAIL)
    await client.say("NOOP")  # the books are closed after the reply
    return answer


def commands(hop: Hop) -> list[str]:
    return [line for line in hop.log if not line.startswith(("EHLO", "XFORWARD", "NOOP"))]


@pytest.mark.parametrize("process", FACES)
def test_it_goes_in_a_transaction_opened_anew_and_the_client_hears_our_words(process: Process) -> None:
    async def story() -> None:
        async with world(process=process, direction=Direction.INBOUND) as w:
            answer = await send(w, mail=" SIZE=50 RET=FULL ENVID=q", rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;s@x")
            assert answer == f"250 2.0.0 Ok {w.reports[0].transaction.id}"
            assert commands(w.hop) == [
                "MAIL FROM:<a@example.net> SIZE=50 RET=FULL ENVID=q",
                f"RCPT TO:<{HELPDESK}> NOTIFY=FAILURE ORCPT=rfc822;s@x",
                "RSET",
                "MAIL FROM:<a@example.net> ENVID=q RET=HDRS BODY=8BITMIME",
                f"{NEVER} ORCPT=rfc822;s@x",
                "DATA",
            ]
            assert str(w.reports[0].receipts[0].reply) == "250 2.0.0 Ok: queued as Q1"
            assert w.ledger.calls == []

    run(story())


@pytest.mark.parametrize("process", FACES)
def test_the_others_get_a_transaction_of_their_own(process: Process) -> None:
    async def story() -> None:
        async with world(process=process, direction=Direction.INBOUND) as w:
            answer = await send(w, OTHER, HELPDESK)
            assert answer == f"250 2.0.0 Ok {w.reports[0].transaction.id}"
            assert [dot.recipients for dot in w.hop.dots] == [[HELPDESK], [OTHER]]
            assert NEVER in w.hop.log
            assert f"RCPT TO:<{OTHER}> NOTIFY=FAILURE" in w.hop.log
            assert w.ledger.rows == {}

    run(story())


@pytest.mark.parametrize("process", FACES)
def test_without_dsn_nobody_is_there_to_be_told(process: Process) -> None:
    async def story() -> None:
        async with world(Hop(keywords=("PIPELINING",)), process=process, direction=Direction.INBOUND) as w:
            assert (await send(w, HELPDESK, OTHER)).startswith("250 2.0.0 Ok ")
            senders = {dot.recipients[0]: dot.mail for dot in w.hop.dots}
            assert senders == {HELPDESK: "MAIL FROM:<>", OTHER: "MAIL FROM:<a@example.net>"}
            assert not any("NOTIFY" in line for line in w.hop.log)

    run(story())


@pytest.mark.parametrize("process", FACES)
def test_refused_content_goes_once_more_as_it_came(process: Process) -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule("dot", "554 5.7.1 I saw a sesame", times=1)])
        async with world(hop, process=process, direction=Direction.INBOUND) as w:
            assert await send(w) == f"250 2.0.0 Ok {w.reports[0].transaction.id}"
            (message,) = hop.messages
            assert message.content == b"X-Result: failed\r\n" + MAIL
            assert [line for line in commands(hop) if line.startswith("RCPT")][1:] == [NEVER, NEVER]
            first, last = w.reports[0].receipts
            assert str(first.reply) == "554 5.7.1 I saw a sesame"
            assert str(last.reply) == "250 2.0.0 Ok: queued as Q1"
            assert first.delivery.content != last.delivery.content

    run(story())


@pytest.mark.parametrize("size", [0, 3_000_000])
@pytest.mark.parametrize(
    ("answer", "told"), [("554 5.7.1 I saw a sesame", "250 2.0.0 Ok "), ("451 4.7.1 sesame", "451 4.3.0 Temporary")]
)
def test_a_refusal_in_the_middle_of_the_content_is_one_of_it(answer: str, told: str, size: int) -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule("content", answer, times=1)])
        process = opening(OPENED + (b"x" * 98 + b"\r\n") * (size // 100))
        async with world(hop, process=process, direction=Direction.INBOUND) as w:
            said = await send(w)
            assert said.startswith(told) and "sesame" not in said
            assert [message.content for message in hop.messages] == (
                [b"X-Result: failed\r\n" + MAIL] if told[0] == "2" else []
            )

    run(story())


def test_such_a_refusal_does_not_commit_before_the_others_are_ready() -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule("content", "554 5.7.1 no", HELPDESK, times=1), Rule("DATA", "450 4.2.0 later", OTHER)])
        async with world(hop, process=opening(), direction=Direction.INBOUND) as w:
            assert await send(w, HELPDESK, OTHER) == "450 4.2.0 later"
            assert hop.messages == []

    run(story())


@pytest.mark.parametrize("process", FACES)
@pytest.mark.parametrize(
    ("answers", "told", "dots"),
    [
        (["554 5.7.1 a", "554 5.7.1 b"], "554 5.7.1 b", 2),
        (["554 5.7.1 a", "451 4.7.1 b"], "451 4.3.0", 2),
        (["451 4.7.1 a"], "451 4.3.0", 1),
        (["close"], "451 4.3.0", 1),
        (["421 4.3.2 a"], "451 4.3.0", 1),
        (["354 a"], "451 4.3.0", 1),
    ],
)
def test_what_is_said_to_content_is_not_passed_on(process: Process, answers: list[str], told: str, dots: int) -> None:
    """But for a refusal of the message as it came: that tells of nothing but what the sender knows."""

    async def story() -> None:
        hop = Hop(rules=[Rule("dot", answer, times=1) for answer in answers])
        async with world(hop, process=process, direction=Direction.INBOUND) as w:
            answer = await send(w)
            record_id = w.reports[0].transaction.id
            assert answer == (told if told[0] == "5" else answer) and answer.startswith(told)
            assert told[0] == "5" or f"record {record_id}" in answer
            assert len(hop.dots) == dots
            assert hop.messages == []
            assert len(w.reports[0].receipts) == dots

    run(story())


@pytest.mark.parametrize("process", FACES)
@pytest.mark.parametrize("code", ["450 4.2.0 later", "550 5.1.1 nobody"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
def test_what_is_said_before_content_passes(process: Process, stage: str, code: str) -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule(stage, code, "" if stage == "MAIL" else HELPDESK)])
        async with world(hop, process=process, direction=Direction.INBOUND) as w:
            client = await w.client()
            hop.rules, rules = [], hop.rules
            await client.envelope(HELPDESK)
            hop.rules = rules
            assert await client.data(MAIL) == code
            assert hop.dots == []

    run(story())


@pytest.mark.parametrize("process", FACES)
def test_the_second_attempt_after_a_failure_in_part_makes_no_copy_twice(process: Process) -> None:
    async def story() -> None:
        hop = Hop(
            rules=[Rule("dot", "554 5.7.1 no", HELPDESK, times=1), Rule("dot", "451 4.2.0 later", OTHER, times=1)]
        )
        async with world(hop, process=process, direction=Direction.INBOUND) as w:
            assert (await send(w, HELPDESK, OTHER)).startswith("451 4.3.0")
            assert hop.taken() == [HELPDESK]
            assert (await send(w, HELPDESK, OTHER)) == f"250 2.0.0 Ok {w.reports[1].transaction.id}"
            assert hop.taken() == [HELPDESK, OTHER]
            assert w.ledger.rows == {}

    run(story())


@pytest.mark.parametrize("process", FACES)
def test_in_batches(process: Process) -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule("dot", "554 5.7.1 no", HELPDESK, times=1)])
        limits = Limits(copies=1, timeouts=QUICK)
        async with world(hop, process=process, direction=Direction.INBOUND, limits=limits) as w:
            assert (await send(w, HELPDESK, OTHER)).startswith("250 2.0.0 Ok ")
            assert [dot.recipients for dot in hop.dots] == [[HELPDESK], [HELPDESK], [OTHER]]

    run(story())


def test_what_became_too_large_goes_as_it_came_before_a_word_is_said_of_it() -> None:
    """Not 552, and as many transactions as an envelope has that does not open."""

    async def story() -> None:
        hop = Hop(keywords=(*(word for word in KEYWORDS if not word.startswith("SIZE")), "SIZE 1000"))
        async with world(hop, process=opening(OPENED + b"x" * 2000), direction=Direction.INBOUND) as w:
            assert (await send(w)).startswith("250 2.0.0 Ok ")
            (message,) = hop.dots
            assert message.content == b"X-Result: failed\r\n" + MAIL
            assert commands(hop).count("DATA") == 1
            first, last = w.reports[0].receipts
            assert str(first.reply).startswith("552 5.3.4") and str(last.reply).startswith("250")

    run(story())


def test_a_store_that_is_gone_when_it_is_needed_defers() -> None:
    async def story() -> None:
        hop = Hop(rules=[Rule("dot", "554 5.7.1 I saw a sesame", times=1)])
        async with world(hop, process=opening(fault=True), direction=Direction.INBOUND) as w:
            answer = await send(w)
            assert answer.startswith("451 4.3.0") and "sesame" not in answer
            assert hop.messages == []

    run(story())


@pytest.mark.parametrize("eight", [True, False])
def test_eight_bits_are_announced_whether_there_are_any_or_not(eight: bool) -> None:
    async def story() -> None:
        content = OPENED + "grün\r\n".encode()
        keywords = KEYWORDS if eight else tuple(word for word in KEYWORDS if word != "8BITMIME")
        for process in (opening(content, recoded=True), opening(MAIL)):
            hop = Hop(keywords=keywords)
            async with world(hop, process=process, direction=Direction.INBOUND) as w:
                assert (await send(w)).startswith("250")
                assert ("BODY=8BITMIME" in hop.messages[0].mail) is eight
                assert eight or hop.messages[0].content.isascii()

    run(story())


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("", "NOTIFY=FAILURE"),
        (" NOTIFY=SUCCESS,FAILURE,DELAY", "NOTIFY=FAILURE"),
        (" notify=delay,Failure", "NOTIFY=FAILURE"),
        (" NOTIFY=SUCCESS", "NOTIFY=NEVER"),
        (" NOTIFY=DELAY,SUCCESS", "NOTIFY=NEVER"),
        (" NOTIFY=NEVER", "NOTIFY=NEVER"),
    ],
)
def test_other_inbound_mail_is_not_told_that_it_arrived_or_is_late(given: str, sent: str) -> None:
    async def story() -> None:
        async with world(direction=Direction.INBOUND) as w:
            client = await w.client()
            await client.envelope(mail=" ENVID=q")
            await client.say(f"RCPT TO:<{OTHER}>{given}")
            assert await client.data(MAIL) == "250 2.0.0 Ok: queued as Q1"
            assert f"RCPT TO:<{OTHER}> {sent}" in w.hop.log
            assert w.hop.messages[0].mail == "MAIL FROM:<a@example.org> ENVID=q"

    run(story())


def test_an_inbound_door_leaves_room_for_our_fields() -> None:
    async def story() -> None:
        for size, announced in ((10_000_000, 9_983_616), (20_000, 10_000)):
            async with world(Hop(keywords=(f"SIZE {size}",)), direction=Direction.INBOUND) as w:
                client = await w.client(greet=False)
                await client.reply()
                assert f"250-SIZE {announced}" in await client.ehlo()
                refused = await client.say(f"MAIL FROM:<a@b.c> SIZE={announced + 1}")
                assert refused == f"552 5.3.4 Message too large; the limit is {announced} bytes"

    run(story())
