"""Re-delivery: what the message that is delivered again says of itself, and when there is one."""

import email
import email.policy
from dataclasses import replace
from typing import Any

import pytest

from gateway.engine.finding import EncryptionOpened, Finding
from gateway.engine.redelivery import Step, as_answer, goes_again, next_step
from gateway.engine.transaction import Delivery, Hold, Outcome, Verdict
from gateway.mail.header import read_header
from gateway.mail.message_id import REFERENCES_LIMIT
from gateway.policy.redelivery import Redeliver
from gateway.reason import Reason
from gateway.smime.finding import Encryption

NEW = "<held.1@gw.example.org>"
BODY = b"\r\n\xe4 body\r\n"
SUBJECT = b"sUBJECT:  =?utf-8?q?x?=\r\n\tand more \r\n"


def message(*fields: bytes, message_id: bytes = b"Message-ID: <m@x>\r\n") -> bytes:
    return b"Received: by x\r\n" + SUBJECT + message_id + b"".join(fields) + BODY


def values(content: bytes, name: str) -> list[bytes]:
    header = read_header(content)
    return [header.value(field) for field in header.named(name)]


def answer(*fields: bytes, auto_submitted: bool = False, **options: Any) -> bytes:
    return as_answer(message(*fields, **options), NEW, auto_submitted=auto_submitted)


def test_it_answers_the_original() -> None:
    made = answer()
    assert values(made, "message-id") == [NEW.encode()]
    assert values(made, "in-reply-to") == [b"<m@x>"]
    assert values(made, "references") == [b"<m@x>"]
    assert SUBJECT in made
    assert made.endswith(BODY)
    assert values(made, "received") == [b"by x"]
    assert values(made, "auto-submitted") == []


@pytest.mark.parametrize(
    ("fields", "references"),
    [
        ([b"References: <a@x>\r\n <b@x>\r\n", b"In-Reply-To: <c@x>\r\n"], b"<a@x> <b@x> <m@x>"),
        ([b"In-Reply-To: <c@x>\r\n"], b"<c@x> <m@x>"),
        ([b"In-Reply-To: <c@x> <d@x>\r\n"], b"<m@x>"),
        ([b"In-Reply-To: your mail of Monday\r\n"], b"<m@x>"),
        ([b"REFERENCES : (a comment) <a@x>\r\n", b"References: <b@x>\r\n"], b"<a@x> <b@x> <m@x>"),
        ([b"References:\r\n"], b"<m@x>"),
        ([b"References: <\xe4@x>\r\n"], b"<\xe4@x> <m@x>"),
    ],
)
def test_references_grow_as_those_of_an_answer(fields: list[bytes], references: bytes) -> None:
    """RFC 5322 §3.6.4."""
    made = answer(*fields)
    assert values(made, "references") == [references]
    assert values(made, "in-reply-to") == [b"<m@x>"]


def test_a_mail_program_reads_the_same_thread() -> None:
    made = answer(b"References: <a@x>\r\n")
    read = email.message_from_bytes(made, policy=email.policy.default)
    assert (read["message-id"], read["in-reply-to"]) == (NEW, "<m@x>")
    assert read["references"].split() == ["<a@x>", "<m@x>"]


def test_long_threads_keep_root_and_end_in_short_lines() -> None:
    ids = [b"<%d@x>" % number for number in range(5 * REFERENCES_LIMIT)]
    made = answer(b"References: " + b"\r\n ".join(ids) + b"\r\n")
    (found,) = values(made, "references")
    kept = found.split()
    assert len(kept) == REFERENCES_LIMIT
    assert kept[0] == ids[0]
    assert kept[1:] == [*ids[-(REFERENCES_LIMIT - 2) :], b"<m@x>"]
    assert max(map(len, made.split(b"\r\n"))) < 78


def test_of_two_message_ids_the_first_counts_and_none_is_left() -> None:
    made = answer(b"Message-Id: <n@x>\r\n")
    assert values(made, "message-id") == [NEW.encode()]
    assert values(made, "in-reply-to") == [b"<m@x>"]


@pytest.mark.parametrize("line", [b"", b"Message-ID: <>\r\n"])
def test_without_a_message_id_there_is_nothing_to_answer(line: bytes) -> None:
    made = answer(b"In-Reply-To: <c@x>\r\n", message_id=line)
    assert values(made, "message-id") == [NEW.encode()]
    assert values(made, "in-reply-to") == [b"<c@x>"]
    assert values(made, "references") == []


def test_the_old_message_id_where_it_is_wanted() -> None:
    assert as_answer(message(), None, auto_submitted=False) == message()


def test_auto_submitted_is_said_once() -> None:
    """RFC 3834 §5."""
    assert values(answer(auto_submitted=True), "auto-submitted") == [b"auto-generated"]
    told = answer(b"Auto-Submitted: auto-replied\r\n", auto_submitted=True)
    assert values(told, "auto-submitted") == [b"auto-replied"]


UNREADABLE = Hold(Reason.NO_KEY, frozenset(), unreadable=True)
UNJUDGED = Hold(Reason.NO_PATH, frozenset(), unreadable=False)


def outcome(encryption: str, reason: Reason | None = None, hold: Hold | None = None) -> Outcome:
    finding = Finding(encryption=EncryptionOpened(status=Encryption(encryption), reason=reason))
    return Outcome(Verdict.RELAY, hold=hold, finding=finding)


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (outcome("failed", Reason.NO_KEY, UNREADABLE), Step.WAIT),
        (outcome("failed", Reason.NOT_ADDRESSED), Step.WAIT),
        (outcome("failed", Reason.RATE), Step.LATER),
        (outcome("failed", Reason.DECRYPT_FAILED), Step.GIVE_UP),
        (outcome("none", Reason.NOT_ENABLED), Step.GIVE_UP),
        (Outcome(Verdict.REJECT), Step.GIVE_UP),
        (outcome("decrypted"), Step.DELIVER),
        (outcome("decrypted", hold=UNJUDGED), Step.DELIVER),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_what_could_not_be_read(found: Outcome, step: Step, asked: bool) -> None:
    assert next_step(found, Redeliver.UNREADABLE, unreadable=True, asked=asked) is step


@pytest.mark.parametrize(
    ("rule", "unreadable", "step"),
    [
        (Redeliver.ALL, True, Step.DELIVER),
        (Redeliver.ALL, False, Step.DELIVER),
        (Redeliver.UNREADABLE, True, Step.DELIVER),
        (Redeliver.UNREADABLE, False, Step.KEEP),
        (Redeliver.MANUAL, True, Step.KEEP),
        (Redeliver.MANUAL, False, Step.KEEP),
    ],
)
def test_what_is_delivered_by_itself_and_what_on_request(rule: Redeliver, unreadable: bool, step: Step) -> None:
    found = outcome("decrypted" if unreadable else "none")
    assert next_step(found, rule, unreadable=unreadable, asked=False) is step
    assert next_step(found, rule, unreadable=unreadable, asked=True) is Step.DELIVER


@pytest.mark.parametrize("rule", Redeliver)
def test_a_signature_that_still_cannot_be_judged_waits(rule: Redeliver) -> None:
    assert next_step(outcome("none", hold=UNJUDGED), rule, unreadable=False, asked=True) is Step.WAIT


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("rule", Redeliver)
@pytest.mark.parametrize(
    ("found", "alike"),
    [
        (outcome("decrypted"), True),
        (outcome("failed", Reason.DECRYPT_FAILED), True),
        (outcome("failed", Reason.KEY_REUSED, Hold(Reason.KEY_REUSED, frozenset(), unreadable=True)), True),
        (outcome("none"), True),
        (outcome("failed", Reason.RATE), False),
        (outcome("decrypted", hold=UNREADABLE), False),
    ],
)
def test_what_a_key_was_used_on_goes_again_whether_it_opened_or_not(
    found: Outcome, alike: bool, rule: Redeliver, asked: bool
) -> None:
    used = replace(found, deliveries=(Delivery((), key_used=True),))
    step = next_step(used, rule, unreadable=True, asked=asked)
    wanted = asked or rule is not Redeliver.MANUAL
    assert goes_again(used, step, rule, unreadable=True, asked=asked) is (alike and wanted)


@pytest.mark.parametrize("found", [outcome("failed", Reason.NO_KEY, UNREADABLE), Outcome(Verdict.REJECT)])
def test_what_no_key_was_used_on_goes_again_only_when_it_can_be_read(found: Outcome) -> None:
    assert not goes_again(
        found, next_step(found, Redeliver.ALL, unreadable=True, asked=True), Redeliver.ALL, unreadable=True, asked=True
    )
