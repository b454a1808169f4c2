"""What may neither leave nor go back is kept before anybody hears of it, or the message is deferred (row DEC-13).

And what counts as mail that came in plain.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.results import result_fields
from gateway.engine.transaction import Client, Direction, FrontEnd, Hold, Transaction
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import read_header
from gateway.mailflow.hold import Keeper
from gateway.mailflow.pipeline import Pipeline
from gateway.metrics import ERRORS, Kind
from gateway.pki.need import Need, NeedKind
from gateway.policy.rule import ReplyRule
from gateway.reason import Reason
from gateway.reply import Reply
from gateway.smime.finding import EncryptionFinding, SignatureFinding
from gateway.store import StoreOptions, open_store
from gateway.store.held.entries import ENTRY_COST
from gateway.store.held.message import State
from tests.mailflow.test_learn import options
from tests.stores import ready

AT = datetime(2026, 6, 1, tzinfo=UTC)
NEED = frozenset({Need(NeedKind.ISSUER, "ab" * 32)})
SENT_ON = (
    b"From: alice@example.com\r\nTo: support@example.org\r\nMessage-ID: <a@x>\r\nSubject: secret words\r\n\r\n4711\r\n"
)


def pipeline(folder: Path, **values: Any) -> Pipeline:
    group = {"name": "support", "addresses": ["support@example.org"], "replies_to_encrypted": "require"}
    made = Pipeline(options(folder, groups=[group], **values))
    made.store.replies.remember(["a@x"], "alice@example.com", ReplyRule.REQUIRE, AT)
    return made


@pytest.fixture
def kept_off(tmp_path: Path) -> Iterator[Pipeline]:
    """Whatever ``inbound.hold`` says of inbound mail."""
    made = pipeline(tmp_path, inbound={"hold": {"enabled": False, "max_size": "1kB", "max_per_sender": 1}})
    yield made
    made.close()


def transaction(number: int = 1, sender: str = "alice@example.com") -> Transaction:
    envelope = Envelope(sender, (Recipient(f"third{number}@example.net"),))
    content = SENT_ON + b"x" * 2000 + b"\r\n"
    return Transaction("0123", Direction.OUTBOUND, FrontEnd.SMTP, "out", Client("127.0.0.1"), envelope, content, AT)


def test_it_is_kept_and_told(kept_off: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    counted = ERRORS[Kind.WITHHELD]._value.get()
    with caplog.at_level(logging.INFO):
        outcomes = [kept_off.process(transaction(number)) for number in (1, 2)]
        for outcome in outcomes:
            assert outcome.reply is not None
            assert outcome.reply.positive
            kept_off.report(transaction(), outcome, (), outcome.reply, 0.0)
    found = kept_off.store.held.list()
    assert [(each.state, each.reason) for each in found] == [(State.WITHHELD, Reason.REPLY_TO_ENCRYPTED)] * 2
    assert {outcome.held for outcome in outcomes} == {each.id for each in found}
    assert ERRORS[Kind.WITHHELD]._value.get() == counted + 2
    assert "not sent" in caplog.text
    assert found[0].id in caplog.text
    assert "secret words" not in caplog.text


def test_it_is_deferred_where_it_cannot_be_kept(tmp_path: Path) -> None:
    full = pipeline(tmp_path, inbound={"hold": {"max_total": "1kB"}})
    with pytest.raises(Fault, match="max_total"):
        full.process(transaction())
    full.close()


def test_our_own_hear_of_it(kept_off: Pipeline) -> None:
    assert str(kept_off.process(transaction(sender="support@example.org")).reply).startswith("550 5.7.3")
    assert kept_off.store.held.list() == []


def arrived(number: int, sender: str) -> Transaction:
    envelope = Envelope(sender, (Recipient("support@example.org"),))
    content = b"From: <%s>\r\nMessage-ID: <%d@x>\r\n\r\n" % (sender.encode(), number) + b"x" * 4000
    return Transaction("01", Direction.INBOUND, FrontEnd.SMTP, "in", Client(), envelope, content, AT)


def test_a_flood_of_signatures_that_cannot_be_judged_leaves_room_for_what_cannot_be_read(tmp_path: Path) -> None:
    store = open_store(StoreOptions(ready(tmp_path / "state")), durable=False)
    settings = options(tmp_path, inbound={"hold": {"max_total": "200kB", "max_per_sender": 4}})
    keeper, total = Keeper(settings, store), settings.inbound.hold.max_total
    numbers = count()
    unjudged, unread = Hold(Reason.UNTRUSTED, NEED, unreadable=False), Hold(Reason.NO_KEY, NEED, unreadable=True)

    def kept(messages: int, hold: Hold, sender: str) -> int:
        """Keep messages, of as many senders where ``sender`` holds ``{}``; return how many were taken."""
        mail = [arrived(number, sender.format(number)) for number in islice(numbers, messages)]
        return len([each for each in mail if keeper.keep(each, hold, None) is not None])

    def room() -> int:
        entries, size = store.held.totals()
        return size + entries * ENTRY_COST

    assert kept(10, unjudged, "one@example.com") == 2
    assert kept(10, unread, "one@example.com") == 4 - 2
    assert kept(100, unjudged, "many{}@example.net") > 0
    assert total * 0.45 < room() <= total / 2
    assert kept(100, unjudged, "more{}@example.net") == 0
    assert kept(100, unread, "closed{}@example.net") > 0
    assert total * 0.95 < room() <= total
    store.close()


def test_only_what_came_in_plain_by_itself_is_noted_as_plain(tmp_path: Path) -> None:
    made = pipeline(tmp_path)
    engine = made.engine.inbound
    stamp = engine.sealer.stamp(AT, 0)
    fields = b"".join(result_fields(engine.authserv_id, "7", SignatureFinding(), EncryptionFinding()))
    content = fields + SENT_ON
    header = read_header(content)
    sealed = engine.sealer.seal(header, memoryview(content)[header.body :], stamp) + content

    def arrive(content: bytes, at: datetime) -> str | None:
        envelope = Envelope("alice@example.com", (Recipient("support@example.org"),))
        given = Transaction("9", Direction.INBOUND, FrontEnd.SMTP, "in", Client(), envelope, content, at)
        outcome = made.process(given)
        made.report(given, outcome, (), Reply(250, ("2.0.0 Ok",)), 0.0)
        return outcome.finding.pass_of

    assert arrive(sealed, AT) == "7"
    assert arrive(sealed, AT + timedelta(days=30)) is None
    arrive(SENT_ON.replace(b"<a@x>", b"<b@x>"), AT)
    made.close()
    again = pipeline(tmp_path)
    again.store.replies.remember(["b@x"], "alice@example.com", ReplyRule.REQUIRE, AT)
    assert again.store.replies.sent_on(["a@x"], "alice@example.com") is ReplyRule.REQUIRE
    assert again.store.replies.sent_on(["b@x"], "alice@example.com") is None
    again.close()
