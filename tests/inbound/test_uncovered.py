"""What a good signature does not cover, as our field and the record tell it; and why nobody is the author."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from gateway.asn1 import der
from gateway.cms.attribute import SIGNING_TIME
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import read_header
from tests.authority import Authority, Issued
from tests.engine.world import AT, HELPDESK
from tests.inbound.made import (
    ALICE,
    MALLORY,
    TEXT,
    Desk,
    attribute,
    attributes,
    clear,
    encrypted,
    mail,
    opaque,
    signed,
    signed_data,
    signer_info,
)

DAY = timedelta(days=1)


def signed_at(time: datetime | None, who: Issued) -> bytes:
    """A clear-signed entity; ``time`` stands in its signed attributes."""
    octets = b"" if time is None else f"{time:%Y%m%d%H%M%SZ}".zfill(15).encode()
    stamps = [attribute(SIGNING_TIME, der.tlv(0x18, octets))] if octets else []
    info = signer_info(who, sorted([*attributes(TEXT), *stamps]))
    return clear(TEXT, signed_data([info], [who, *who.issuers[:-1]]))


def told(outcome: Outcome) -> list[str]:
    """The parts of X-SMIME-Gateway-Signature without who signed."""
    content = bytes(outcome.deliveries[0].content)
    header = read_header(content)
    (field,) = header.named("x-smime-gateway-signature")
    parts = re.sub(r"\s+", " ", header.value(field).decode()).split("; ")
    return [part for part in parts if not part.startswith(("signer=", "fingerprint=", "anchor="))]


def notes(outcome: Outcome) -> Any:
    return outcome.finding.notes


def test_sig_12_the_signing_time_is_told(desk: Desk, alice: Issued) -> None:
    outcome = desk.receive(mail(signed_at(AT - timedelta(hours=3), alice)))
    assert told(outcome) == ["pass", "signed-at=2026-05-31T21:00:00Z"]
    assert notes(outcome) == ()
    assert outcome.finding.signature.signers[0].signing_time == "2026-05-31T21:00:00+00:00"


def test_sig_12_a_signing_time_at_the_end_of_the_calendar(desk: Desk, alice: Issued) -> None:
    outcome = desk.receive(mail(signed_at(datetime(1, 1, 1, tzinfo=UTC), alice)))
    assert told(outcome) == ["pass", "signed-at=0001-01-01T00:00:00Z", "date=differs"]


@pytest.mark.parametrize("age", [200 * DAY, DAY + timedelta(seconds=1), -DAY - timedelta(seconds=1)])
def test_sig_12_a_replay_carries_the_note(desk: Desk, alice: Issued, age: timedelta) -> None:
    """With its own Date or with another."""
    time = AT - age
    for date in (time, AT):
        outcome = desk.receive(mail(signed_at(time, alice), f"Date: {format_datetime(date)}"))
        assert told(outcome) == ["pass", f"signed-at={time:%Y-%m-%dT%H:%M:%SZ}", "date=differs"]
        assert notes(outcome) == ("signing-time",)


def test_sig_12_another_attempt_at_held_mail_is_no_replay(desk: Desk, alice: Issued) -> None:
    """What counts as receipt is when it arrived."""
    envelope, time = Envelope(ALICE, (Recipient(HELPDESK),)), AT - 9 * DAY
    first = Transaction(
        "0123", Direction.INBOUND, FrontEnd.SMTP, "inbound", Client(), envelope, mail(signed_at(time, alice)), AT
    )
    assert told(desk.process(first))[2:] == ["date=differs"]
    assert told(desk.process(replace(first, retry_of="0122", arrived_at=time)))[2:] == []


@pytest.mark.parametrize("age", [timedelta(0), DAY, -DAY])
def test_sig_12_within_a_day_nothing_is_said(desk: Desk, alice: Issued, age: timedelta) -> None:
    outcome = desk.receive(mail(signed_at(AT - age, alice), f"Date: {format_datetime(AT)}"))
    assert told(outcome)[2:] == []


@pytest.mark.parametrize(
    ("date", "differs"),
    [
        ("Fri, 29 May 2026 00:00:00 +0000", True),
        ("Mon, 01 Jun 2026 20:00:00 -0500", True),
        ("Mon, 01 Jun 2026 20:00:00 +0000", False),
        ("Mon, 01 Jun 2026 20:00:00 -0000", False),
        ("1 Jun 2026 20:00 GMT (comment)", False),
        ("yesterday", False),
        ("Fri, 31 Dec 9999 23:59:59 -1200", True),
        ("Mon, 01 Jan 1 00:00:00 +1400", True),
        ("", False),
    ],
)
def test_sig_12_without_a_signing_time_date_and_receipt_are_compared(
    desk: Desk, alice: Issued, date: str, differs: bool
) -> None:
    outcome = desk.receive(mail(signed(TEXT, alice), f"Date: {date}"))
    assert told(outcome) == (["pass", "date=differs"] if differs else ["pass"])


def test_sig_12_of_several_dates_each_counts(desk: Desk, alice: Issued) -> None:
    dates = (f"Date: {format_datetime(AT)}", f"Date: {format_datetime(AT - 9 * DAY)}")
    assert told(desk.receive(mail(signed(TEXT, alice), *dates))) == ["pass", "date=differs"]


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (ALICE, False),
        (f"Alice <{ALICE.upper()}>", False),
        (f'"{MALLORY}" <{ALICE}>', False),
        ("", False),
        (MALLORY, True),
        (f"Alice <{MALLORY}>", True),
        (f"{ALICE}, {MALLORY}", True),
        (f"=?utf-8?q?{MALLORY.replace('@', '=40')}?= <{ALICE}>", True),
        ("nobody at all", True),
        (f"Reply: {MALLORY};", True),
    ],
)
def test_sig_07_answers_to_somebody_else(desk: Desk, alice: Issued, value: str, other: bool) -> None:
    outcome = desk.receive(mail(signed(TEXT, alice), f"Reply-To: {value}"))
    assert told(outcome) == (["pass", "reply-to=other"] if other else ["pass"])
    assert notes(outcome) == (("reply-to",) if other else ())


def test_sig_07_any_address_of_the_signer_is_the_signer(desk: Desk, authority: Authority) -> None:
    both = authority.leaf(ALICE, "alice@home.example", kind="p256")
    assert told(desk.receive(mail(signed(TEXT, both), "Reply-To: alice@home.example"))) == ["pass"]
    twice = ("Reply-To: alice@home.example", f"Reply-To: {MALLORY}")
    assert told(desk.receive(mail(signed(TEXT, both), *twice))) == ["pass", "reply-to=other"]


def test_sig_07_certified_mail_names_its_sender(desk: Desk, alice: Issued) -> None:
    """The transport envelope of RFC 6109; everything at once, in order."""
    content = mail(
        signed_at(AT - 9 * DAY, alice), f"Reply-To: {MALLORY}", author=f'"Per conto di: {MALLORY}" <{ALICE}>'
    )
    outcome = desk.receive(content)
    assert told(outcome) == [
        "pass",
        "signed-at=2026-05-23T00:00:00Z",
        "name=other",
        "reply-to=other",
        "date=differs",
    ]
    assert notes(outcome) == ("reply-to", "signing-time")


def test_inside_an_envelope_the_fields_outside_are_told_of(desk: Desk, alice: Issued) -> None:
    content = mail(encrypted(signed(TEXT, alice), desk.certificate), f"Reply-To: {MALLORY}")
    assert told(desk.receive(content)) == ["pass", "reply-to=other"]


def test_nothing_is_told_of_what_does_not_pass(desk: Desk, mallory: Issued) -> None:
    content = mail(signed_at(AT - 9 * DAY, mallory), f"Reply-To: {MALLORY}", author=f'"{MALLORY}" <{ALICE}>')
    outcome = desk.receive(content)
    assert told(outcome) == ["policy", "reason=address-mismatch"]
    assert notes(outcome) == ()


@pytest.mark.parametrize(
    ("author", "detail"),
    [
        (f"=?utf-8?q?{MALLORY.replace('@', '=40')}?= <{ALICE}>", "From: another address stands in an encoded word"),
        (f"{ALICE}, {MALLORY}", "From: more than one address"),
        (f"{ALICE}\r\nFrom: {ALICE}", "more than one From field"),
        (f"{ALICE}\r\nFrom : {ALICE}", "more than one From field"),
        (f"{ALICE}\r\nno field", "the header holds a line that is no field, or that some take for more"),
    ],
)
def test_sig_09_the_record_says_why_nobody_is_the_author(desk: Desk, alice: Issued, author: str, detail: str) -> None:
    outcome = desk.receive(mail(opaque(TEXT, alice), author=author))
    assert told(outcome) == ["policy", "reason=from-ambiguous"]
    finding = outcome.finding.signature
    assert (finding.detail, finding.signers[0].detail) == (detail, detail)
    assert detail.encode() not in bytes(outcome.deliveries[0].content)


def test_sig_09_letter_case_of_the_local_part(desk: Desk, alice: Issued) -> None:
    content = mail(signed(TEXT, alice), author="Alice@example.com")
    assert told(desk.receive(content)) == ["pass"]
    desk.rules = replace(desk.rules, fold=False)
    assert told(desk.receive(content)) == ["policy", "reason=address-mismatch"]
