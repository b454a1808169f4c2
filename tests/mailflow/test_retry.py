"""Held mail is tried again: a real store and engine, a scripted next hop, no clock to wait for."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.cms.algorithm import CIPHERS, TRANSPORTS
from gateway.cms.recipient import recipient_info
from gateway.config import Options, parse
from gateway.engine.record import Record
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import read_header
from gateway.mail.message_id import names
from gateway.mailflow.hold import Keeper
from gateway.mailflow.pipeline import Pipeline
from gateway.mailflow.retry import Retry
from gateway.reason import Reason
from gateway.reply import Reply
from gateway.smtp.door import NextHop
from gateway.smtp.next_hop import Pool
from gateway.store.held.entries import AFTER_THE_ORIGINAL
from gateway.store.held.message import HeldMessage, State, redelivery_message_id
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.journal.records import Query
from gateway.wiring import build_doors
from tests.authority import Authority, Issued
from tests.cms import foreign
from tests.inbound.content_key import OTHER, cbc, wrapped
from tests.inbound.made import p7m
from tests.letters import ENTITY, SECRET, encrypted, head, signed
from tests.smtp.fakes import INSTANCE, QUICK, Hop, Message, Rule, listening, run
from tests.stores import ready

SUPPORT, SALES, CUSTOMER = "support@example.org", "sales@example.org", "alice@customer.example"
ARRIVED = datetime(2026, 6, 1, 10, tzinfo=UTC)
GROUPS: list[dict[str, Any]] = [
    {"name": "support", "addresses": [SUPPORT]},
    {"name": "sales", "addresses": [SALES]},
]


class NotedDesk(Pipeline):
    """A pipeline whose records can be looked at."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)
        super().write(record)


class Rig:
    """One gateway without doors: what it held, delivered again and recorded."""

    def __init__(self, folder: Path, hop: Hop, hold: dict[str, Any], groups: list[dict[str, Any]]) -> None:
        self.hop = hop
        listener = {"name": "in", "direction": "inbound", "listen": "127.0.0.1:1", "next_hop": f"127.0.0.1:{hop.port}"}
        document = {
            "hostname": "gw.example.org",
            "state": str(ready(folder / "state")),
            "listeners": [listener],
            "groups": groups,
            "inbound": {"hold": hold},
        }
        self.options = options = parse(yaml.safe_dump(document))
        self.pipeline = NotedDesk(options)
        self.store, self.engine, self.records = self.pipeline.store, self.pipeline.engine, self.pipeline.records
        self.keeper = Keeper(options, self.store)
        self.threads = ThreadPoolExecutor(1)
        doors = build_doors(options)
        self.retry = Retry(options, self.pipeline, doors, self.threads, self.pool)

    def pool(self, hop: NextHop) -> Pool:
        return Pool(hop, QUICK, "gw.example.org", INSTANCE)

    def arrive(self, content: bytes, *recipients: str, door: str = "in", can_split: bool = True) -> str | None:
        """A message arrives and is kept where it should be; return the id under which it is held."""
        envelope = Envelope(CUSTOMER, tuple(Recipient(to) for to in recipients or (SUPPORT,)))
        generation = self.store.generation.current()
        transaction = Transaction(
            "a1", Direction.INBOUND, FrontEnd.SMTP, door, Client("192.0.2.7"), envelope, content, ARRIVED, can_split
        )
        outcome = self.pipeline.process(transaction)
        if outcome.hold is None:
            return None
        hold = replace(outcome.hold, judged_under=generation)
        return self.keeper.keep(transaction, hold, outcome.finding.message_id)

    def bring(self, *contents: bytes) -> None:
        for content in contents:
            assert {item.result for item in import_file(self.store, content, [], ImportOptions())} <= {"added", "known"}

    async def work(self) -> int:
        """Try until nothing is due; return the number of attempts."""
        count = 0
        while await self.retry.once():
            count += 1
        return count

    @property
    def held(self) -> list[HeldMessage]:
        return self.store.held.list()


@asynccontextmanager
async def rig(
    folder: Path, *rules: Rule, groups: list[dict[str, Any]] | None = None, **hold: Any
) -> AsyncIterator[Rig]:
    async with listening(Hop(rules=list(rules))) as hop:
        made = Rig(folder, hop, hold, groups or GROUPS)
        try:
            yield made
        finally:
            made.threads.shutdown()
            made.pipeline.close()


def values(message: Message, name: str) -> list[bytes]:
    header = read_header(message.content)
    return [header.value(field) for field in header.named(name)]


@pytest.fixture(scope="module")
def support(authority: Authority) -> Issued:
    return authority.leaf(SUPPORT)


@pytest.fixture(scope="module")
def sales(authority: Authority) -> Issued:
    return authority.leaf(SALES)


@pytest.fixture(scope="module")
def customer(authority: Authority) -> Issued:
    return authority.leaf(CUSTOMER, kind="p256")


def pair(leaf: Issued) -> bytes:
    return leaf.pem() + leaf.key_pem()


# what could not be read


def test_it_is_opened_and_delivered_when_its_key_has_come(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            held = it.arrive(encrypted(head(), support))
            assert held is not None
            assert await it.work() == 0
            it.bring(pair(support))
            assert await it.work() == 1
            assert it.held == []
            (message,) = it.hop.messages
            assert SECRET in message.content
            assert values(message, "message-id") == [redelivery_message_id(held, "gw.example.org").encode()]
            assert values(message, "in-reply-to") == [b"<7@customer.example>"]
            assert values(message, "x-smime-gateway-retry-of") == [b"a1"]
            assert message.mail.startswith(f"MAIL FROM:<{CUSTOMER}> ")
            (record,) = it.records
            assert (record.retry_of, record.held, record.verdict) == ("a1", held, "relay")
            assert values(message, "x-smime-gateway-id") == [record.id.encode()]
            assert record.message_id == redelivery_message_id(held, "gw.example.org")
            assert record.deliveries[0].reply == "250 2.0.0 Ok: queued as Q1"
            # Whoever gets it back by another way knows it.
            again = it.pipeline.judge(arrived_again(message, record.received_at))
            assert again.finding.pass_of == record.id
            # An answer may name it as it came first, or as it came again (DEC-13).
            for name in ("<7@customer.example>", record.message_id):
                assert it.store.replies.answered(names([name.encode()])) is not None

    run(story())


def arrived_again(message: Message, at: datetime) -> Transaction:
    envelope = Envelope(CUSTOMER, (Recipient(SUPPORT),))
    return Transaction("b2", Direction.INBOUND, FrontEnd.SMTP, "in", Client(), envelope, message.content, at)


def test_the_settings_of_the_message(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with (
            listening(Hop()) as elsewhere,
            rig(
                tmp_path,
                message_id="keep",
                sender=None,
                auto_submitted=True,
                next_hop=f"127.0.0.1:{elsewhere.port}",
            ) as it,
        ):
            it.arrive(encrypted(head(), support))
            it.bring(pair(support))
            await it.work()
            assert it.hop.messages == []
            (message,) = elsewhere.messages
            assert message.mail.startswith("MAIL FROM:<> ")
            assert values(message, "message-id") == [b"<7@customer.example>"]
            assert values(message, "in-reply-to") == []
            assert values(message, "auto-submitted") == [b"auto-generated"]

    run(story())


@pytest.mark.parametrize("allowed", ["open", "true"])
def test_a_legacy_cipher_waits_for_the_setting(tmp_path: Path, support: Issued, allowed: str) -> None:
    """Kept like mail without its key; the reload that allows it wakes it, no import does."""

    async def story() -> None:
        async with rig(tmp_path) as it:
            it.bring(pair(support))
            key = bytes(range(24))
            info = recipient_info(support.certificate, key, CIPHERS["aes-256-cbc"], TRANSPORTS["pkcs1v15"])
            held = it.arrive(head() + p7m(foreign.envelope(info, foreign.content("3des-cbc", key, ENTITY))))
            (kept,) = it.held
            assert (kept.id, kept.reason, kept.state) == (held, Reason.WEAK_ALGORITHM, State.WAITING)
            it.pipeline.renew(it.options)
            assert await it.work() == 0
            settings = it.options.model_dump(mode="json") | {"algorithms": {"accept_legacy": yaml.safe_load(allowed)}}
            it.pipeline.renew(parse(yaml.safe_dump(settings)))
            it.pipeline.renew(parse(yaml.safe_dump(settings)))
            assert await it.work() == 1
            (message,) = it.hop.messages
            assert SECRET in message.content
            assert it.held == []

    run(story())


def test_another_key_does_not_help(tmp_path: Path, support: Issued, sales: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            held = it.arrive(encrypted(head(), support))
            it.bring(pair(sales))
            assert await it.work() == 0
            it.store.held.retry()
            assert await it.work() == 1
            (message,) = it.held
            assert (message.id, message.state) == (held, State.WAITING)
            assert it.hop.messages == []
            (record,) = it.records
            assert (record.retry_of, record.verdict, record.deliveries) == ("a1", "relay", ())
            assert record.rule == "held: judged again, still waiting"
            assert record.message_id == "<7@customer.example>"
            it.bring(pair(support))
            await it.work()
            assert it.held == []

    run(story())


def test_each_recipient_waits_for_his_own_key(tmp_path: Path, support: Issued, sales: Issued) -> None:
    """DEC-12: only those get it for whom it was opened; the others' key may come yet."""

    async def story() -> None:
        async with rig(tmp_path, Rule("dot", "451 4.3.0 later", times=1), max_per_sender=1) as it:
            whole = it.arrive(encrypted(head(), support, sales), SUPPORT, SALES)
            it.bring(pair(support))
            assert await it.work() == 1
            assert [message.id for message in it.held] == [whole]
            it.store.held.retry()
            assert await it.work() == 1
            assert it.hop.taken() == [SUPPORT]
            (rest,) = it.held
            assert (rest.envelope.addresses, rest.record_id) == ((SALES,), "a1")
            it.bring(pair(sales))
            await it.work()
            assert it.hop.taken() == [SUPPORT, SALES]
            assert all(SECRET in message.content for message in it.hop.messages)
            assert it.held == []

    run(story())


@pytest.mark.parametrize("stage", ["RCPT", "dot"])
def test_a_temporary_refusal_is_tried_again(stage: str, tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path, Rule(stage, "451 4.7.1 later", times=1)) as it:
            held = it.arrive(encrypted(head(), support))
            assert held is not None
            it.bring(pair(support))
            assert await it.work() == 1
            (message,) = it.held
            assert message.state is State.READY
            assert message.due is not None
            assert message.due > datetime.now(UTC)
            assert "451 4.7.1 later" in (message.note or "")
            assert it.records[0].verdict == "defer"
            it.store.held.retry()
            await it.work()
            assert it.held == []
            assert values(it.hop.messages[0], "message-id") == [redelivery_message_id(held, "gw.example.org").encode()]

    run(story())


def test_a_refusal_for_good_stays_and_is_told(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path, Rule("dot", "554 5.6.0 no", times=1)) as it:
            it.arrive(encrypted(head(), support))
            it.bring(pair(support))
            await it.work()
            (message,) = it.held
            assert message.state is State.FAILED
            assert "554 5.6.0 no" in (message.note or "")
            assert (it.records[0].verdict, it.records[0].reply) == ("reject", "554 5.6.0 no")
            assert await it.work() == 0
            it.store.held.retry([message.id])
            await it.work()
            assert len(it.hop.messages) == 1
            assert it.held == []

    run(story())


def test_a_next_hop_that_is_away(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path, Rule("connect", "close", times=1)) as it:
            it.arrive(encrypted(head(), support))
            it.bring(pair(support))
            await it.work()
            assert [message.state for message in it.held] == [State.READY]
            assert it.records[0].deliveries[0].reply is not None
            it.store.held.retry()
            await it.work()
            assert len(it.hop.messages) == 1

    run(story())


def test_a_door_that_is_gone(tmp_path: Path, support: Issued) -> None:
    """The next hop of the first inbound listener takes it."""

    async def story() -> None:
        async with rig(tmp_path) as it:
            it.arrive(encrypted(head(), support), door="of old")
            it.bring(pair(support))
            await it.work()
            assert len(it.hop.messages) == 1

    run(story())


def test_what_came_under_a_content_key_of_another_mail_waits_for_who_names_it(
    tmp_path: Path, support: Issued, sales: Issued
) -> None:
    async def story() -> None:
        async with rig(tmp_path, Rule("dot", "451 4.3.0 later", times=1)) as it:
            it.bring(pair(support))
            info = wrapped(support)
            assert it.arrive(head() + p7m(cbc(info))) is None
            held = it.arrive(head() + p7m(cbc(info, entity=OTHER)))
            it.bring(pair(sales))
            it.store.held.retry()
            assert await it.work() == 0
            (message,) = it.held
            assert (message.id, message.reason, message.state) == (held, Reason.KEY_REUSED, State.WAITING)
            for _ in range(2):
                it.store.held.retry([message.id])
                assert await it.work() == 1
            assert it.held == []
            (answer,) = it.hop.messages
            assert b"Something else." in answer.content
            assert values(answer, "x-smime-gateway-encryption")[0].endswith(b"authenticated=no")

    run(story())


def test_mail_that_waited_for_its_key_and_then_finds_it_reused_waits_for_who_names_it(
    tmp_path: Path, support: Issued, sales: Issued
) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            info = wrapped(support)
            arrived = {it.arrive(head() + p7m(cbc(info, entity=entity))) for entity in (ENTITY, OTHER)}
            it.bring(pair(support))
            assert await it.work() == 2
            (message,) = it.held
            assert (message.reason, message.state) == (Reason.KEY_REUSED, State.WAITING)
            assert {record.held for record in it.records} == arrived
            assert it.records[1].held == message.id
            assert it.records[0].id in it.records[1].encryption.detail
            it.bring(pair(sales))
            assert await it.work() == 0
            opened, closed = it.hop.messages
            assert values(opened, "x-smime-gateway-encryption")[0].startswith(b"decrypted")
            assert values(closed, "x-smime-gateway-encryption") == [b"failed; reason=key-reused"]
            assert opened.recipients == closed.recipients
            it.store.held.retry([message.id])
            assert await it.work() == 1
            assert it.held == []
            by_hand = it.hop.messages[2]
            assert values(by_hand, "x-smime-gateway-encryption")[0].startswith(b"decrypted")
            assert values(by_hand, "message-id") != values(closed, "message-id")

    run(story())


def test_who_asks_for_all_has_not_named_what_comes_under_a_reused_content_key(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            info = wrapped(support)
            for entity in (ENTITY, OTHER):
                it.arrive(head() + p7m(cbc(info, entity=entity)))
            it.bring(pair(support))
            it.store.held.retry()
            assert await it.work() == 2
            (message,) = it.held
            assert (message.reason, message.state) == (Reason.KEY_REUSED, State.WAITING)
            assert len([m for m in it.hop.messages if SECRET in m.content or b"Something else." in m.content]) == 1

    run(story())


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "550 5.7.1 never"])
def test_what_does_not_open_is_given_up_when_it_was_delivered_or_refused(
    tmp_path: Path, support: Issued, reply: str
) -> None:
    async def story() -> None:
        async with rig(tmp_path, Rule("dot", reply, times=1)) as it:
            good = encrypted(head(), support)
            last = good.rstrip().rindex(b"\r\n") + 2
            it.arrive(good[:last] + b"AAAA" + good[last + 4 :])
            it.bring(pair(support))
            assert await it.work() == 1
            (message,) = it.held
            later = reply.startswith("451")
            assert message.state is (State.READY if later else State.FAILED)
            assert message.note == (
                f"not taken by the next hop: {reply}" if later else "encryption failed (decrypt-failed), signature none"
            )

    run(story())


def test_an_envelope_that_does_not_open_with_its_key(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            good = encrypted(head(), support)
            last = good.rstrip().rindex(b"\r\n") + 2
            it.arrive(good[:last] + b"AAAA" + good[last + 4 :])
            it.bring(pair(support))
            assert await it.work() == 1
            (message,) = it.held
            assert (message.state, message.note) == (State.FAILED, "encryption failed (decrypt-failed), signature none")
            assert it.records[0].retry_of == "a1"
            # Whoever counts the answers of machines does not learn whether it opened.
            (again,) = it.hop.messages
            assert values(again, "x-smime-gateway-encryption") == [b"failed; reason=decrypt-failed"]

    run(story())


def test_an_envelope_within_an_envelope_waits_for_its_own_key(tmp_path: Path, support: Issued, sales: Issued) -> None:
    """The outer one opens and tells no less than before; the whole is tried again when the inner one's key comes."""

    async def story() -> None:
        async with rig(tmp_path, groups=[{"name": "all", "addresses": [SUPPORT, SALES]}]) as it:
            it.bring(pair(support))
            assert it.arrive(encrypted(head(), support, entity=encrypted(b"", sales))) is not None
            assert await it.work() == 0
            it.bring(pair(sales))
            assert await it.work() == 1
            (message,) = it.hop.messages
            assert SECRET in message.content
            assert it.records[0].layers == ("encrypted", "encrypted")
            assert it.held == []

    run(story())


# what could not be parted


def test_what_a_milter_could_not_part_is_delivered_again_to_those_entitled(
    tmp_path: Path, authority: Authority, support: Issued
) -> None:
    """DEC-12: opened for its addressee only; nobody else gets it twice, and nothing is tried for ever."""

    async def story() -> None:
        async with rig(tmp_path) as it:
            it.bring(pair(support))
            held = it.arrive(encrypted(head(), support), SUPPORT, SALES, can_split=False)
            (message,) = it.held
            assert (message.id, message.state, message.reason) == (held, State.READY, "not-addressed")
            assert message.due == ARRIVED + AFTER_THE_ORIGINAL
            assert await it.work() == 1
            assert it.hop.taken() == [SUPPORT]
            (again,) = it.hop.messages
            assert SECRET in again.content
            assert values(again, "x-smime-gateway-retry-of") == [b"a1"]
            assert values(again, "in-reply-to") == [b"<7@customer.example>"]
            (record,) = it.records
            assert (record.retry_of, record.held, record.encryption.status) == ("a1", held, "decrypted")
            assert it.held == []

    run(story())


def test_what_is_not_entitled_any_more_waits_and_is_not_tried_for_ever(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            it.bring(pair(support))
            it.arrive(encrypted(head(), support), SUPPORT, SALES, can_split=False)
            it.store.keys.delete(support.certificate.public_key_id)
            assert await it.work() == 1
            assert [message.state for message in it.held] == [State.WAITING]
            assert it.hop.messages == []
            it.bring(pair(support))
            await it.work()
            assert it.hop.taken() == [SUPPORT]

    run(story())


# what could be read


def test_a_signature_judged_late_is_delivered_on_request_only(
    tmp_path: Path, authority: Authority, customer: Issued
) -> None:
    """Importing a CA does not flood the tickets."""

    async def story() -> None:
        async with rig(tmp_path, keep="all") as it:
            it.arrive(head() + signed(customer))
            it.bring(authority.root.pem(), authority.intermediate.pem())
            assert await it.work() >= 1
            (message,) = it.held
            assert message.state is State.JUDGED
            assert it.hop.messages == []
            assert it.records[-1].signature.status == "pass"
            assert await it.work() == 0
            it.store.held.retry([message.id])
            await it.work()
            (delivered,) = it.hop.messages
            assert values(delivered, "x-smime-gateway-signature")[0].startswith(b"pass; ")
            assert it.held == []

    run(story())


def test_where_all_is_wanted_it_is_delivered_by_itself(tmp_path: Path, authority: Authority, customer: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path, keep="all", redeliver="all") as it:
            it.arrive(head() + signed(customer))
            it.bring(authority.root.pem(), authority.intermediate.pem())
            await it.work()
            assert len(it.hop.messages) == 1
            assert it.held == []

    run(story())


@pytest.mark.parametrize("recipients", [(SALES,), (SUPPORT, SALES)])
def test_the_strictest_group_of_the_recipients_decides(
    recipients: tuple[str, ...], tmp_path: Path, sales: Issued, support: Issued
) -> None:
    async def story() -> None:
        groups = [{**GROUPS[0], "redeliver": "all"}, {**GROUPS[1], "redeliver": "manual"}]
        async with rig(tmp_path, groups=groups) as it:
            it.arrive(encrypted(head(), sales), *recipients)
            it.bring(pair(sales))
            await it.work()
            assert [message.state for message in it.held] == [State.JUDGED]
            it.store.held.retry()
            await it.work()
            assert it.hop.taken() == [SALES]

    run(story())


# what is kept


def test_what_is_kept(tmp_path: Path, support: Issued, customer: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path, keep="unreadable", max_per_sender=1) as it:
            assert it.arrive(head() + signed(customer)) is None
            assert it.arrive(b"".join((head(), b"\r\nplain\r\n"))) is None
            first = it.arrive(encrypted(head(), support))
            assert first is not None
            assert it.arrive(encrypted(head(), support)) is None
            assert [message.id for message in it.held] == [first]

    run(story())


def test_nothing_is_kept_where_that_is_said(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path, enabled=False) as it:
            assert it.arrive(encrypted(head(), support)) is None
            assert it.held == []

    run(story())


# trouble


def test_a_store_that_fails_after_the_delivery_is_told_again(
    tmp_path: Path, support: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            it.arrive(encrypted(head(), support))
            it.bring(pair(support))
            told: list[str] = []
            mark = it.store.held.succeeded

            def failing(held: str) -> None:
                told.append(held)
                if len(told) == 1:
                    raise Fault("the database is locked")
                mark(held)

            monkeypatch.setattr(it.store.held, "succeeded", failing)
            await it.work()
            assert len(told) == 2
            assert it.held == []
            assert len(it.hop.messages) == 1

    run(story())


@pytest.mark.parametrize("error", [Fault("the keys cannot be read"), ValueError("a bug")])
def test_an_engine_that_fails_costs_a_pause(
    error: Exception, tmp_path: Path, support: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            it.arrive(encrypted(head(), support))
            it.bring(pair(support))

            def failing(*_: Any) -> Outcome:
                raise error

            with monkeypatch.context() as patch:
                patch.setattr(type(it.engine), "story", failing)
                assert await it.work() == 1
            (message,) = it.held
            assert (message.state, it.hop.messages) == (State.READY, [])
            assert "a bug" not in (message.note or "")
            it.store.held.retry()
            await it.work()
            assert len(it.hop.messages) == 1

    run(story())


def test_it_works_until_it_is_told_to_stop(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            it.arrive(encrypted(head(), support))
            stopped = asyncio.Event()
            running = asyncio.create_task(it.retry.run(stopped))
            await asyncio.to_thread(it.bring, pair(support))
            while not it.records:
                await asyncio.sleep(0.01)
            stopped.set()
            await running
            assert it.held == []

    run(story())


def test_nothing_is_tried_where_the_gateway_is_switched_off(tmp_path: Path, support: Issued) -> None:
    async def story() -> None:
        async with rig(tmp_path) as it:
            it.arrive(encrypted(head(), support))
            it.bring(pair(support))
            off = it.options.model_copy(update={"enabled": False})
            retry = Retry(off, it.pipeline, (), it.threads, it.pool)
            await retry.run(asyncio.Event())
            assert [message.state for message in it.held] == [State.READY]

    run(story())


# a pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(parse(yaml.safe_dump({"hostname": "gw.example.org", "state": str(tmp_path / "state")})))


def arrival(content: bytes) -> Transaction:
    envelope = Envelope(CUSTOMER, (Recipient(SUPPORT),))
    return Transaction("c3", Direction.INBOUND, FrontEnd.SMTP, "inbound", Client(), envelope, content, ARRIVED)


def reported(pipeline: Pipeline, transaction: Transaction, reply: Reply) -> Any:
    """What the journal says of a message that went its way."""
    pipeline.report(transaction, pipeline.process(transaction), (), reply, 0.01)
    pipeline.close()
    (document,) = pipeline.store.journal.recent(Query(None, None, None, None), 1)
    return document


def test_a_desk_holds_the_mail_that_the_next_hop_took(pipeline: Pipeline, support: Issued) -> None:
    transaction = arrival(encrypted(head(), support))
    document = reported(pipeline, transaction, Reply(250, ("2.0.0 Ok",)))
    (message,) = pipeline.store.held.list()
    assert (document["held"], document["id"]) == (message.id, message.record_id)
    assert message.state is State.WAITING
    later = datetime(2030, 1, 1, tzinfo=UTC)
    pipeline.store.held.retry()
    claimed = pipeline.store.held.claim(later, timedelta(hours=1))
    assert claimed is not None
    assert claimed[1] == transaction.content


def test_a_desk_holds_nothing_that_the_next_hop_refused(pipeline: Pipeline, support: Issued) -> None:
    document = reported(pipeline, arrival(encrypted(head(), support)), Reply(451, ("4.3.0 later",)))
    assert document["held"] is None
    assert pipeline.store.held.list() == []


def test_a_store_that_cannot_hold_does_not_undo_the_delivery(
    pipeline: Pipeline, support: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> None:
        raise Fault("the disk is full")

    monkeypatch.setattr(pipeline.store.held, "hold", failing)
    document = reported(pipeline, arrival(encrypted(head(), support)), Reply(250, ("2.0.0 Ok",)))
    assert (document["held"], document["verdict"]) == (None, "relay")
