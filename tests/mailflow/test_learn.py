"""What a pipeline learns from mail that was delivered, under each setting, and what it costs (rows CRT-05, CRT-06)."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import event

from gateway.config import Options, parse
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.mailflow import learn
from gateway.mailflow.pipeline import QUICK, Pipeline
from gateway.mailflow.pruning import prune
from gateway.mailflow.retry import Retry
from gateway.pki.holding import Holding
from gateway.reason import Reason
from gateway.reply import Reply
from gateway.store.certificates import learned
from gateway.store.certificates.said import Trust
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued
from tests.inbound import made
from tests.letters import ENTITY, encrypted, head, signed
from tests.mailflow.test_retry import CUSTOMER, SUPPORT, pair, rig
from tests.smtp.fakes import run
from tests.store.certificates.entries import entries
from tests.stores import ready

ARRIVED = datetime(2026, 6, 1, 10, tzinfo=UTC)
TAKEN, LATER = Reply(250, ("2.0.0 Ok",)), Reply(451, ("4.3.0 later",))


@pytest.fixture(scope="module")
def customer(authority: Authority) -> Issued:
    return authority.leaf(CUSTOMER, kind="p256")


def options(folder: Path, **values: Any) -> Options:
    return parse(yaml.safe_dump({"hostname": "gw.example.org", "state": str(ready(folder / "state")), **values}))


def desk_of(folder: Path, authority: Authority, **values: Any) -> Pipeline:
    pipeline = Pipeline(options(folder, **values))
    for issued in (authority.root, authority.intermediate):
        import_file(pipeline.store, issued.pem(), (), ImportOptions())
    return pipeline


@pytest.fixture
def pipeline(tmp_path: Path, authority: Authority) -> Iterator[Pipeline]:
    opened = desk_of(tmp_path, authority)
    yield opened
    opened.close()


def arrival(content: bytes, at: datetime = ARRIVED) -> Transaction:
    envelope = Envelope(CUSTOMER, (Recipient(SUPPORT),))
    return Transaction("c3", Direction.INBOUND, FrontEnd.SMTP, "inbound", Client(), envelope, content, at)


def deliver(pipeline: Pipeline, content: bytes, reply: Reply = TAKEN, at: datetime = ARRIVED) -> Outcome:
    transaction = arrival(content, at)
    outcome = pipeline.process(transaction)
    pipeline.report(transaction, outcome, (), reply, 0.01)
    return outcome


def found(pipeline: Pipeline) -> list[Holding]:
    return list(pipeline.store.certificates.find([CUSTOMER], ARRIVED)[CUSTOMER])


def letter(issued: Issued, address: str = CUSTOMER) -> bytes:
    return head().replace(CUSTOMER.encode(), address.encode()) + signed(issued)


@pytest.mark.parametrize(
    ("setting", "standing"), [("off", []), ("quarantine", [(True, False)]), ("trusted", [(True, True)])]
)
def test_what_is_learned_is_a_matter_of_the_setting(
    tmp_path: Path, authority: Authority, customer: Issued, setting: str, standing: list[tuple[bool, bool]]
) -> None:
    pipeline = desk_of(tmp_path, authority, learn=setting)
    outcome = deliver(pipeline, letter(customer))
    assert (outcome.verdict, outcome.finding.signature.status) == (Verdict.RELAY, "pass")
    assert [(holding.learned, holding.trusted) for holding in found(pipeline)] == standing
    assert all("aes-256-cbc" in holding.capabilities for holding in found(pipeline))
    pipeline.close()


def test_quarantine_is_the_default(pipeline: Pipeline, customer: Issued, caplog: pytest.LogCaptureFixture) -> None:
    """CRT-06: a change is logged and visible."""
    with caplog.at_level(logging.INFO):
        deliver(pipeline, letter(customer))
    assert [(holding.learned, holding.trusted) for holding in found(pipeline)] == [(True, False)]
    (line,) = [record.getMessage() for record in caplog.records if "learned" in record.getMessage()]
    assert customer.certificate.fingerprint[:16] in line
    assert f"<{CUSTOMER}>" in line


def test_nothing_is_learned_of_mail_that_was_not_delivered(pipeline: Pipeline, customer: Issued) -> None:
    deliver(pipeline, letter(customer), LATER)
    assert found(pipeline) == []
    deliver(pipeline, letter(customer))
    assert len(found(pipeline)) == 1


def test_it_changes_nothing_of_the_verdict(tmp_path: Path, authority: Authority, customer: Issued) -> None:
    """CRT-06: not of this message, and not of the next one when its authority is gone."""
    pipeline = desk_of(tmp_path, authority, learn="trusted")
    assert deliver(pipeline, letter(customer)).finding.signature.status == "pass"
    for issued in (authority.root, authority.intermediate):
        pipeline.store.certificates.delete(issued.certificate.fingerprint)
    assert deliver(pipeline, letter(customer)).finding.signature.status == "policy"
    pipeline.close()


def test_a_known_certificate_costs_no_question(pipeline: Pipeline, customer: Issued) -> None:
    """The store is asked once a day; until then nobody need wait."""
    deliver(pipeline, letter(customer))
    transaction = arrival(letter(customer))
    outcome = pipeline.process(transaction)
    asked: list[str] = []
    event.listen(pipeline.store.database.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    assert not pipeline.report_blocks(transaction, outcome)
    assert pipeline.report_blocks(replace(transaction, content=bytes(QUICK + 1)), outcome), "a digest takes long"
    pipeline.learn(transaction, outcome)
    assert asked == []
    tomorrow = arrival(letter(customer), ARRIVED + timedelta(days=1))
    assert pipeline.report_blocks(tomorrow, pipeline.process(tomorrow))


def test_memory_of_what_was_asked_is_bounded(
    pipeline: Pipeline, authority: Authority, customer: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn, "REMEMBERED", 1)
    other = authority.leaf(CUSTOMER, kind="p256")
    for issued in (customer, other):
        deliver(pipeline, letter(issued))
    transactions = [arrival(letter(issued)) for issued in (customer, other)]
    assert [pipeline.report_blocks(each, pipeline.process(each)) for each in transactions] == [True, False]


def test_a_store_that_fails_costs_only_the_lesson(
    pipeline: Pipeline, customer: Issued, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise Fault("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.store.learned, "learn", failing)
        assert deliver(pipeline, letter(customer)).verdict is Verdict.RELAY
    assert "not learned: the disk is full" in caplog.text
    deliver(pipeline, letter(customer))
    assert len(found(pipeline)) == 1


def test_crt_06_a_flood_is_bounded_and_told_of(
    pipeline: Pipeline, authority: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CRT-06: every address new, every signature good."""
    monkeypatch.setattr(learned, "PER_DAY", 3)
    before = len(entries(pipeline.store))
    for number in range(10):
        address = f"u{number}@customer.example"
        outcome = deliver(pipeline, letter(authority.leaf(address, kind="p256"), address))
        assert outcome.finding.signature.status == "pass"
    assert len(entries(pipeline.store)) == before + 3
    assert caplog.text.count("not learned: too many today") == 7


def test_crt_06_another_certificate_for_the_address_replaces_none(
    tmp_path: Path, authority: Authority, customer: Issued
) -> None:
    """CRT-06: a second valid one from another authority; the imported one goes on being encrypted to."""
    pipeline = desk_of(tmp_path, authority, learn="trusted", groups=[{"name": "support", "addresses": [SUPPORT]}])
    elsewhere = Authority(name="Elsewhere")
    newer = elsewhere.leaf(CUSTOMER, kind="p256", not_before=ARRIVED - timedelta(days=1))
    import_file(pipeline.store, elsewhere.root.pem(), (), ImportOptions())
    import_file(pipeline.store, elsewhere.intermediate.pem(), (), ImportOptions())

    def recipients() -> list[str]:
        content = b"From: support@example.org\r\nTo: %s\r\n\r\nHello\r\n" % CUSTOMER.encode()
        envelope = Envelope(SUPPORT, (Recipient(CUSTOMER),))
        transaction = Transaction(
            "d4", Direction.OUTBOUND, FrontEnd.SMTP, "outbound", Client("127.0.0.1"), envelope, content, ARRIVED
        )
        return [found.fingerprint for found in pipeline.process(transaction).finding.encryption.recipients]

    assert deliver(pipeline, letter(newer)).finding.signature.status == "pass"
    assert recipients() == [newer.certificate.fingerprint]
    import_file(pipeline.store, customer.pem(), (), ImportOptions())
    deliver(pipeline, letter(newer))
    assert recipients() == [customer.certificate.fingerprint]
    pipeline.close()


def test_crt_06_it_is_encrypted_to_only_as_long_as_its_authority_is_trusted(
    tmp_path: Path, authority: Authority, customer: Issued
) -> None:
    """CRT-06: what mail says of the path comes along, for only the root is stored."""
    pipeline = desk_of(tmp_path, authority, learn="trusted")
    pipeline.store.certificates.delete(authority.intermediate.certificate.fingerprint)
    deliver(pipeline, head() + made.signed(ENTITY, customer))
    assert [(holding.trusted, holding.fault) for holding in found(pipeline)] == [(True, None)]
    pipeline.store.certificates.set_trust(authority.root.certificate.fingerprint, Trust.DISTRUSTED)
    assert [(holding.trusted, holding.fault) for holding in found(pipeline)] == [(True, Reason.UNTRUSTED)]
    pipeline.close()


def test_held_mail_teaches_when_it_is_delivered_again(tmp_path: Path, authority: Authority, customer: Issued) -> None:
    support = authority.leaf(SUPPORT)

    async def story() -> None:
        async with rig(tmp_path) as it:
            it.bring(authority.root.pem(), authority.intermediate.pem())
            it.arrive(encrypted(head(), support, entity=signed(customer)))
            it.bring(pair(support))
            assert await it.work() == 1
            assert it.records[0].signature.status == "pass"
            (holding,) = it.store.certificates.find([CUSTOMER], ARRIVED)[CUSTOMER]
            assert (holding.certificate, holding.learned) == (customer.certificate, True)

    run(story())


def test_held_mail_that_is_not_taken_teaches_nothing(
    tmp_path: Path, authority: Authority, customer: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    support = authority.leaf(SUPPORT)

    async def refused(self: Retry, *_: Any) -> None:
        raise Fault("the next hop is away")

    async def story() -> None:
        async with rig(tmp_path) as it:
            it.bring(authority.root.pem(), authority.intermediate.pem())
            it.arrive(encrypted(head(), support, entity=signed(customer)))
            it.bring(pair(support))
            monkeypatch.setattr(Retry, "_deliver", refused)
            assert await it.work() == 1
            assert it.store.certificates.find([CUSTOMER], ARRIVED)[CUSTOMER] == ()

    run(story())


def test_what_expired_goes_with_the_rest(pipeline: Pipeline, tmp_path: Path, authority: Authority) -> None:
    """Retention: a learned certificate is of no use any more once it expired."""
    short = authority.leaf(CUSTOMER, kind="p256", not_after=ARRIVED + timedelta(days=1))
    deliver(pipeline, letter(short))
    assert len(found(pipeline)) == 1
    prune(pipeline.store, options(tmp_path))
    pipeline.store.generation.expire()
    assert short.certificate.fingerprint not in [item.certificate.fingerprint for item in entries(pipeline.store)]
