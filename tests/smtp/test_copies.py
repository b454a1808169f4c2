"""Several copies of one message: prepared together, committed one by one, never twice (rows REL-03, REL-05)."""

import weakref
from dataclasses import replace
from functools import partial

import pytest

from gateway.engine.transaction import Delivery, Outcome, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.envelope import Recipient
from gateway.reply import Reply
from gateway.smtp.door import Limits
from tests.smtp.fakes import QUICK, DictLedger, Hop, Rule, relay, run, split, world

MAIL = b"From: a@example.org\r\nSubject: x\r\n\r\nText\r\n"
NAMES = tuple(f"u{n}@example.net" for n in range(4))


def test_rel_03_every_copy_is_a_transaction_of_its_own() -> None:
    """REL-03: all at the final dot before the first is committed; the client hears of all."""

    async def story() -> None:
        async with world(process=split) as w:
            client = await w.client()
            await client.say("XFORWARD NAME=n IDENT=4Q")
            await client.envelope(*NAMES, mail=" RET=FULL SIZE=9")
            answer = await client.data(MAIL)
            assert answer.startswith("250 2.0.0 Ok: 4 copies taken:") and "queued as Q3" in answer
            assert w.hop.taken() == list(NAMES)
            for name, message in zip(NAMES, w.hop.messages, strict=True):
                assert message.content == b"X-Copy: " + name.encode() + b"\r\n" + MAIL
                assert message.mail == "MAIL FROM:<a@example.org> RET=FULL"
                assert message.xforward == ["XFORWARD NAME=n IDENT=4Q"]
            assert [str(receipt.reply)[:3] for receipt in w.reports[0].receipts] == ["250"] * 4
            assert (await client.mail(MAIL)).startswith("250")
            assert w.ledger.rows == {}

    run(story())


class Sealing:
    """A processor whose copies are made late; counts how many exist at once."""

    def __init__(self, faults: tuple[str, ...] = ()) -> None:
        self.alive = self.most = self.made = 0
        self.faults = faults

    async def __call__(self, transaction: Transaction) -> Outcome:
        ready = (await split(transaction)).deliveries
        late = (replace(each, content=b"", seal=partial(self.seal, each)) for each in ready)
        return Outcome(Verdict.RELAY, deliveries=tuple(late))

    def seal(self, delivery: Delivery) -> bytearray:
        if delivery.recipients[0].address in self.faults:
            raise Fault("it does not read back")
        content = Counted(delivery.content)
        self.alive, self.made = self.alive + 1, self.made + 1
        self.most = max(self.most, self.alive)
        weakref.finalize(content, self.gone)
        return content

    def gone(self) -> None:
        self.alive -= 1


class Counted(bytearray):
    """Octets whose end can be seen."""


def test_rel_03_copies_are_made_as_their_batch_is_prepared() -> None:
    """REL-03: of many copies no more are in memory than are prepared at once; the record has their sizes."""

    async def story() -> None:
        sealing = Sealing()
        limits = Limits(copies=3)
        names = tuple(f"u{n}@example.net" for n in range(20))
        async with world(process=sealing, limits=limits) as w:
            answer = await (await w.client()).mail(MAIL, *names)
            assert answer.startswith("250")
            assert w.hop.taken() == list(names)
            assert sealing.made == len(names)
            assert 1 < sealing.most <= limits.copies + 1
            assert [r.size for r in w.reports[0].receipts] == [len(message.content) for message in w.hop.messages]

    run(story())


@pytest.mark.parametrize("failing", [0, 3, 7])
def test_rel_03_a_copy_that_cannot_be_made_defers(failing: int) -> None:
    """REL-03: nobody has a copy twice, and the client keeps the message."""

    async def story() -> None:
        names = tuple(f"u{n}@example.net" for n in range(8))
        sealing = Sealing(faults=(names[failing],))
        async with world(process=sealing, limits=Limits(copies=3)) as w:
            client = await w.client()
            assert (await client.mail(MAIL, *names)).startswith("451")
            sealing.faults = ()
            assert (await client.mail(MAIL, *names)).startswith("250")
            assert sorted(w.hop.taken()) == sorted(names)

    run(story())


@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("code", ["450 4.2.0 later", "550 5.1.1 never"])
@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
def test_rel_03_failure_before_the_first_commit(stage: str, code: str, failing: int) -> None:
    """REL-03: the next hop's own reply, and nobody has a copy; the retry gives each exactly one."""

    async def story() -> None:
        hop = Hop()
        async with world(hop, process=split) as w:
            client = await w.client()
            await client.envelope(*NAMES)
            hop.rules.append(Rule(stage, code, f"u{failing}@", times=1))
            assert await client.data(MAIL) == code
            assert hop.messages == []
            assert sum(receipt.reply is None for receipt in w.reports[0].receipts) == 3
            assert (await client.mail(MAIL, *NAMES)).startswith("250")
            assert sorted(hop.taken()) == sorted(NAMES)

    run(story())


@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("code", ["450 4.2.0 later", "close", "hang"])
def test_rel_03_temporary_failure_at_a_final_dot(code: str, failing: int) -> None:
    """REL-03: 451, and after the client's retry each recipient has exactly one copy."""

    async def story() -> None:
        hop = Hop(rules=[Rule("dot", code, f"u{failing}@", times=1)])
        async with world(hop, process=split) as w:
            client = await w.client()
            answer = await client.mail(MAIL, *NAMES)
            assert answer.startswith("45")
            assert sorted(hop.taken()) == ([] if failing == 0 else sorted(set(NAMES) - {NAMES[failing]}))
            assert (await client.mail(b"Received: again\r\n" + MAIL, *NAMES)).startswith("250")
            assert sorted(hop.taken()) == sorted(NAMES)
            await client.say("NOOP")
            assert w.ledger.rows == {}
            assert (await client.mail(MAIL, *NAMES)).startswith("250")
            assert sorted(hop.taken()) == sorted(NAMES * 2), "sent again on purpose: two mails"

    run(story())


@pytest.mark.parametrize("failing", range(4))
def test_rel_03_permanent_failure_at_a_final_dot(failing: int) -> None:
    """REL-03: before the first commit nobody has it; later the others have it and the reply names who has not."""

    async def story() -> None:
        hop = Hop(rules=[Rule("dot", "554 5.7.1 spam", f"u{failing}@")])
        async with world(hop, process=split) as w:
            answer = await (await w.client()).mail(MAIL, *NAMES)
            if failing == 0:
                assert answer == "554 5.7.1 spam"
                assert hop.messages == []
            else:
                assert answer == f"554 5.7.1 spam (refused for: u{failing}@example.net)"
                assert sorted(hop.taken()) == sorted(set(NAMES) - {NAMES[failing]})

    run(story())


@pytest.mark.parametrize("failing", range(4))
@pytest.mark.parametrize("how", ["commit+close", "commit+reset", "commit+half-close", "commit+hang"])
def test_rel_05_lost_reply_to_a_final_dot(how: str, failing: int) -> None:
    """REL-05: 451; two copies only for the recipient whose reply was lost."""

    async def story() -> None:
        hop = Hop(rules=[Rule("dot", how, f"u{failing}@", times=1)])
        async with world(hop, process=split) as w:
            client = await w.client()
            assert (await client.mail(MAIL, *NAMES)).startswith("451")
            assert (await client.mail(MAIL, *NAMES)).startswith("250")
            assert sorted(hop.taken()) == sorted((*NAMES, NAMES[failing]))

    run(story())


def test_rel_03_4xx_beside_5xx_is_tried_again() -> None:
    """REL-03: a 4xx anywhere wins, for the 5xx will still be there."""

    async def story() -> None:
        hop = Hop()
        async with world(hop, process=split) as w:
            client = await w.client()
            await client.envelope(*NAMES)
            hop.rules += [Rule("RCPT", "550 5.1.1 never", "u1@"), Rule("RCPT", "450 4.2.0 later", "u3@")]
            assert await client.data(MAIL) == "450 4.2.0 later"
            assert hop.messages == []

    run(story())


@pytest.mark.parametrize("failing", range(4))
def test_rel_03_batches(failing: int) -> None:
    """REL-03: at most ``copies`` transactions at once, in batches, and still none twice."""

    async def story() -> None:
        hop = Hop()
        async with world(hop, process=split, limits=Limits(copies=2, timeouts=QUICK)) as w:
            client = await w.client()
            await client.envelope(*NAMES)
            hop.rules.append(Rule("DATA", "450 4.2.0 later", f"u{failing}@", times=1))
            assert (await client.data(MAIL)).startswith("45")
            first = [] if failing < 2 else sorted(set(NAMES) - {NAMES[failing]})
            assert sorted(hop.taken()) == first
            assert (await client.mail(MAIL, *NAMES)).startswith("250")
            assert sorted(hop.taken()) == sorted(NAMES)
            assert hop.open <= 3

    run(story())


def test_retry_for_fewer_recipients_and_in_one_copy() -> None:
    """A retry may be one delivery, to fewer recipients, under fresh trace fields: the ledger is asked all the same."""
    modes = [split, relay, relay]

    async def by_turns(transaction: Transaction) -> Outcome:
        return await modes.pop(0)(transaction)

    async def story() -> None:
        hop = Hop(rules=[Rule("dot", "450 4.2.0 later", "u3@", times=1)])
        async with world(hop, process=by_turns) as w:
            client = await w.client()
            assert (await client.mail(MAIL, *NAMES)).startswith("451")
            assert (await client.mail(b"Return-Path: <x>\r\n" + MAIL, *NAMES[:2])).startswith("250")
            assert sorted(hop.taken()) == sorted(NAMES[:3])
            assert (await client.mail(MAIL, *NAMES[2:])).startswith("250")
            assert sorted(hop.taken()) == sorted((*NAMES, NAMES[2])), "the 250 before dropped the page"

    run(story())


def test_one_copy_of_a_message_never_seen_asks_no_ledger() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            for _ in range(3):
                assert (await client.mail(MAIL, *NAMES)).startswith("250")
            assert w.ledger.calls == []

    run(story())


@pytest.mark.parametrize("more", [0, 1])
def test_other_recipients_than_those_of_the_open_transaction(more: int, caplog: pytest.LogCaptureFixture) -> None:
    """One more gets a transaction of their own; one fewer is a bug that must not end in 250."""
    journal = Recipient("journal@example.org")

    async def other(transaction: Transaction) -> Outcome:
        recipients = (*transaction.envelope.recipients, journal) if more else transaction.envelope.recipients[1:]
        return Outcome(Verdict.RELAY, deliveries=(Delivery(recipients, transaction.content),))

    async def story() -> None:
        async with world(process=other) as w:
            answer = await (await w.client()).mail(MAIL, *NAMES)
            assert answer[:3] == ("250" if more else "451")
            assert w.hop.taken() == ([*NAMES, "journal@example.org"] if more else [])

    run(story())


class BrokenLedger(DictLedger):
    def __init__(self, call: str) -> None:
        super().__init__()
        self.call = call

    def __getattribute__(self, name: str) -> object:
        if name in ("claim", "taken", "release", "forget", "waiting") and name == object.__getattribute__(self, "call"):

            def broken(*_: object) -> None:
                raise Fault("the store cannot be reached")

            return broken
        return object.__getattribute__(self, name)


@pytest.mark.parametrize(
    ("call", "code", "copies"), [("claim", "451 4.3.0", 0), ("taken", "250", 4), ("forget", "250", 4)]
)
def test_ledger_out_of_order(call: str, code: str, copies: int) -> None:
    """Before the first commit that defers; afterwards what was delivered is delivered."""

    async def story() -> None:
        async with world(process=split, ledger=BrokenLedger(call)) as w:
            client = await w.client()
            assert (await client.mail(MAIL, *NAMES)).startswith(code)
            assert len(w.hop.taken()) == copies
            assert (await client.say("NOOP")).startswith("250")

    run(story())


def test_one_copy_goes_on_where_the_ledger_cannot_be_asked() -> None:
    async def story() -> None:
        async with world(ledger=BrokenLedger("waiting")) as w:
            assert (await (await w.client()).mail(MAIL, *NAMES)).startswith("250")
            assert w.hop.taken() == [*NAMES]

    run(story())


def test_rel_03_no_final_dot_of_what_another_gateway_may_have_taken_over() -> None:
    """REL-03: neither of several copies nor of one that the ledger was asked about; what is in no ledger goes on."""
    steady = [True]

    async def by_turns(transaction: Transaction) -> Outcome:
        return await (split if b"split" in transaction.content else relay)(transaction)

    async def story() -> None:
        async with world(process=by_turns, holds=lambda since: steady[0]) as w:
            client = await w.client()
            steady[0] = False
            assert (await client.mail(MAIL + b"split\r\n", *NAMES)).startswith("451 4.3.0")
            assert w.hop.taken() == []
            assert (await client.mail(MAIL, *NAMES)).startswith("250")
            w.ledger.rows[b"another", "", ""] = {}
            w.door._service.books.left()
            assert (await client.mail(MAIL, *NAMES)).startswith("451 4.3.0")
            assert w.hop.taken() == [*NAMES]
            steady[0] = True
            for mail in (MAIL, MAIL + b"split\r\n"):
                assert (await client.mail(mail, *NAMES)).startswith("250")

    run(story())


def test_rel_03_a_gateway_that_falls_silent_between_two_copies_stops_there() -> None:
    left = [2]

    def holds(since: float) -> bool:
        left[0] -= 1
        return left[0] >= 0

    async def story() -> None:
        async with world(process=split, holds=holds) as w:
            client = await w.client()
            assert (await client.mail(MAIL, *NAMES)).startswith("451")
            assert len(w.hop.taken()) == 2
            left[0] = 99
            assert (await client.mail(MAIL, *NAMES)).startswith("250")
            assert sorted(w.hop.taken()) == sorted(NAMES), "the others are made, and none twice"

    run(story())


def test_smt_08_a_message_that_grew_too_large() -> None:
    """SMT-08: the size after growth is checked against the next hop; both sizes are told, nothing is delivered."""

    async def grow(transaction: Transaction) -> Outcome:
        content = transaction.content + b"x" * 500 + b"\r\n"
        return Outcome(
            Verdict.RELAY, deliveries=tuple(Delivery((to,), content) for to in transaction.envelope.recipients)
        )

    async def story() -> None:
        for names in (NAMES, NAMES[:1]):
            async with world(Hop(keywords=("SIZE 400",)), process=grow) as w:
                answer = await (await w.client()).mail(MAIL, *names)
                assert answer.startswith("552 5.3.4") and "41 bytes" in answer and "543 bytes" in answer
                assert w.hop.messages == []

    run(story())


async def open_up(transaction: Transaction) -> Outcome:
    """What an engine does that found an envelope: other content, and a mark on it."""
    content = MAIL + "Grüße\r\n".encode()
    return Outcome(Verdict.RELAY, deliveries=(Delivery(transaction.envelope.recipients, content, opened=True),))


@pytest.mark.parametrize(
    ("offered", "given", "expected"),
    [
        (("DSN", "8BITMIME"), " RET=FULL ENVID=Ab1", {"RET=HDRS", "ENVID=Ab1", "BODY=8BITMIME"}),
        (("DSN", "8BITMIME"), "", {"RET=HDRS", "BODY=8BITMIME"}),
        (("8BITMIME",), "", {"BODY=8BITMIME"}),
        ((), "", set()),
    ],
)
def test_a_bounce_of_opened_mail_does_not_quote_it(offered: tuple[str, ...], given: str, expected: set[str]) -> None:
    """Opened content leaves with RET=HDRS where the next hop knows it, and with BODY=8BITMIME where it needs that."""

    async def story() -> None:
        hop = Hop(keywords=("PIPELINING", *offered))
        async with world(hop, process=open_up) as w:
            client = await w.client()
            await client.envelope(NAMES[0], mail=given)
            assert (await client.data(MAIL)).startswith("250")
            (message,) = hop.messages
            assert set(message.mail.split()[2:]) == expected
            assert message.content.endswith("Grüße\r\n".encode())

    run(story())


@pytest.mark.parametrize("others", [(), NAMES[1:3]])
@pytest.mark.parametrize("keywords", [("DSN",), ("DSN", "8BITMIME")])
def test_opened_mail_is_recoded_for_a_next_hop_without_8bitmime(
    others: tuple[str, ...], keywords: tuple[str, ...]
) -> None:
    """RFC 6152 §3: only what was opened, only where it must be, in whatever number of copies."""
    eight = MAIL + "Grüße\r\n".encode()

    async def open_up(transaction: Transaction) -> Outcome:
        readers = transaction.envelope.recipients[:1]
        opened = Delivery(readers, eight, opened=True, recode=lambda content: content.replace("ü".encode(), b"ue"))
        rest = tuple(Delivery((to,), eight) for to in transaction.envelope.recipients[1:])
        return Outcome(Verdict.RELAY, deliveries=(opened, *rest))

    async def story() -> None:
        hop = Hop(keywords=("PIPELINING", *keywords))
        async with world(hop, process=open_up) as w:
            assert (await (await w.client()).mail(MAIL, NAMES[0], *others)).startswith("250")
            found = {message.recipients[0]: message for message in hop.messages}
            narrow = "8BITMIME" not in keywords
            assert found[NAMES[0]].content == (eight.replace("ü".encode(), b"ue") if narrow else eight)
            assert ("BODY=8BITMIME" in found[NAMES[0]].mail) is not narrow
            assert all(found[name].content == eight for name in others)
            sizes = [len(receipt.delivery.content) for receipt in w.reports[0].receipts]
            assert sizes == [len(message.content) for message in hop.messages]

    run(story())


def test_what_is_withheld_goes_to_nobody() -> None:
    async def withheld(transaction: Transaction) -> Outcome:
        return Outcome(Verdict.RELAY, Reply(250, ("2.0.0 kept",)))

    async def story() -> None:
        hop = Hop()
        async with world(hop, process=withheld) as w:
            client = await w.client()
            assert await client.mail(MAIL, *NAMES) == "250 2.0.0 kept"
            assert hop.messages == []
            assert w.reports[-1].receipts == ()

    run(story())
