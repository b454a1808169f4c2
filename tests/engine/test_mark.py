"""The seal: what we judged is known again, any change to what it covers is noticed and named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.engine.mark import CONTENT, COVERED, Mark, Sealer
from gateway.engine.results import result_fields
from gateway.mail.header import read_header
from gateway.smime.finding import Encryption, EncryptionFinding, SignatureFinding

AT = datetime(2026, 6, 1, tzinfo=UTC)
OPENED = EncryptionFinding(Encryption.DECRYPTED, cipher="aes-256-cbc")
FIELDS = b"".join(result_fields("smime.gw.example.org", "0123abcd", SignatureFinding(), EncryptionFinding()))
MAIL = (
    FIELDS + b"Received: by x\r\nFrom: alice@example.com\r\nSender: a@example.com\r\nReply-To: r@example.com\r\n"
    b"To: support@example.org\r\nSubject: two  blanks\r\nDate: Mon, 1 Jun 2026 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain;\r\n\tcharset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n"
    b"Content-Disposition: inline\r\nContent-Language: en\r\nContent-Length: 7\r\n\r\nHello\r\n\r\n"
)
SEALER = Sealer(b"k" * 32, ("smime.gw.example.org",))


def seal(content: bytes, sealer: Sealer = SEALER) -> bytes:
    header = read_header(content)
    return sealer.seal(header, memoryview(content)[header.body :], sealer.stamp(AT, 0))


SEALED = seal(MAIL) + MAIL


def read(content: bytes, sealer: Sealer = SEALER, at: datetime = AT, withdrawals: int = 0) -> Mark | None:
    return sealer.read(content, read_header(content), at, withdrawals)


def fault(content: bytes, sealer: Sealer = SEALER, at: datetime = AT) -> str | None:
    mark = read(content, sealer, at)
    assert mark is not None
    return mark.fault


def test_a_sealed_message_is_known_again() -> None:
    assert read(SEALED) == Mark(None, "0123abcd")
    assert read(MAIL) is None


def test_it_says_whether_the_message_was_opened() -> None:
    mail = MAIL.replace(FIELDS, b"".join(result_fields("smime.gw.example.org", "7", SignatureFinding(), OPENED)))
    assert read(seal(mail) + mail) == Mark(None, "7", decrypted=True)


def test_its_lines_are_short() -> None:
    assert max(map(len, seal(MAIL).split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b"Received: from a\r\n by b\r\nX-Spam: no\r\nReturn-Path: <a@x>\r\nDelivered-To: s@x\r\n"),
        (b"", b"Resent-From: x@x\r\nResent-To: y@y\r\nList-Id: <l.x>\r\nDKIM-Signature: v=1\r\nBcc: z@z\r\n"),
        (b"", b"Authentication-Results: mx.example.org; spf=pass\r\n"),
        (b"To: support@example.org\r\n", b"Cc: other@example.org\r\n"),
        (b"Content-Length: 7\r\n", b"content-length: 99\r\n"),
        (b"Subject: two  blanks", b"subject:two \r\n blanks"),
        (b"text/plain;\r\n\tcharset", b"text/plain;\tcharset"),
        (b"\r\nContent-Type:", b"\r\nCONTENT-type:"),
        (
            b"Sender: a@example.com\r\nReply-To: r@example.com\r\n",
            b"Reply-To: r@example.com\r\nSender: a@example.com\r\n",
        ),
    ],
)
def test_what_mail_servers_do_does_not_break_it(old: bytes, new: bytes) -> None:
    changed = SEALED.replace(old, new, 1)
    assert changed != SEALED
    assert fault(changed) is None


def test_a_date_that_was_missing_may_come_once() -> None:
    undated = MAIL.replace(b"Date: Mon, 1 Jun 2026 00:00:00 +0000\r\n", b"")
    date = b"Date: Tue, 2 Jun 2026 00:00:00 +0000\r\n"
    sealed = seal(undated) + undated
    assert fault(date + sealed) is None
    assert fault(date + date + sealed) == "Date"
    assert fault(date + SEALED) == "Date"
    assert fault(SEALED.replace(b"Date: Mon", b"Date: Tue")) == "Date"
    # To say that there was none does not make it so.
    lying = SEALED.replace(b"Date: Mon", b"Date: Tue").replace(b" Date=", b" Dote=")
    assert fault(lying) is not None


@pytest.mark.parametrize("part", [*COVERED, *CONTENT])
def test_a_field_that_is_changed_dropped_or_doubled_is_named(part: str) -> None:
    name = part.encode() + b":"
    (line,) = (field for field in MAIL.split(b"\r\n") if field.startswith(name))
    assert fault(SEALED.replace(line, line + b"x")) == part
    assert fault(SEALED.replace(line, b"X" + line)) == part
    assert fault(line + b"\r\n" + SEALED) == part
    assert fault(SEALED.replace(line, name + b" x\r\n" + line)) == part


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (b"Hello", b"Hullo", "body"),
        (b"Hello", b"Hello\r\nmore", "body"),
        (b"two  blanks", b"two blanks", "Subject"),
        (b"two  blanks", b"two \t blanks", "Subject"),
        (b"two  blanks", b"two  blanks ", "Subject"),
        (b"Language: en", b"Language: de", "Content-*"),
        (b"Content-Language: en\r\n", b"Content-Language: en\r\nContent-X: y\r\n", "Content-*"),
        (b"Gateway-Signature: none", b"Gateway-Signature: pass", "X-SMIME-Gateway-*"),
        (b"X-SMIME-Gateway-Id: 0123abcd", b"X-SMIME-Gateway-Id: 0123abce", "X-SMIME-Gateway-*"),
        (b"X-SMIME-Gateway-Id: 0123abcd\r\n", b"", "X-SMIME-Gateway-*"),
        (b"Received:", b"X-SMIME-Gateway-Retry-Of: 7\r\nReceived:", "X-SMIME-Gateway-*"),
        (b"smime=none", b"smime=pass", "Authentication-Results"),
        (
            b"Received:",
            b"Authentication-Results: SMIME.gw.example.org; smime=pass\r\nReceived:",
            "Authentication-Results",
        ),
        (b"Received:", b"Received :", "line"),
        (b"Received:", b"rubbish\r\nReceived:", "line"),
        (b"Received:", b"X-Any: a\r\n \r\n another text\r\nReceived:", "line"),
        (b"To: support@", b"To: a\r\n\t\r\n support@", "line"),
        (b"Received:", b"X-Any: a\0b\r\nReceived:", "line"),
        (b"Received:", b"X-Any: a\rX-More: b\r\nReceived:", "line"),
        (b" t=", b" t=1", "X-SMIME-Gateway-Seal"),
        (b" t=", b" t=x", "X-SMIME-Gateway-Seal"),
        (b" l=0", b" l=1", "X-SMIME-Gateway-Seal"),
        (b"mac=", b"mac=\xff", "X-SMIME-Gateway-Seal"),
        (b"v2 t=", b"", "X-SMIME-Gateway-Seal"),
    ],
)
def test_any_change_is_noticed_and_named(old: bytes, new: bytes, named: str) -> None:
    changed = SEALED.replace(old, new, 1)
    assert changed != SEALED
    assert read(changed) == Mark(named)


def test_two_seals_are_none() -> None:
    assert fault(seal(MAIL) + SEALED) == "X-SMIME-Gateway-Seal"


def test_another_key_makes_another_seal() -> None:
    assert fault(SEALED, Sealer(b"j" * 32, ("smime.gw.example.org",))) is not None


def test_it_expires() -> None:
    sealer = replace(SEALER, good_for=timedelta(days=1))
    assert fault(SEALED, sealer, AT + timedelta(days=1)) is None
    assert read(SEALED, sealer, AT + timedelta(days=1, seconds=1)) == Mark("expired", "0123abcd")
    assert fault(SEALED, sealer, AT - timedelta(days=2)) == "expired"
    assert fault(SEALED.replace(b"Hello", b"Hullo"), sealer, AT + timedelta(days=9)) == "body"


def test_a_withdrawal_ends_it() -> None:
    assert read(SEALED, withdrawals=1) == Mark("expired", "0123abcd")
    header = read_header(MAIL)
    later = SEALER.seal(header, memoryview(MAIL)[header.body :], SEALER.stamp(AT, 7)) + MAIL
    assert read(later, withdrawals=7) == Mark(None, "0123abcd")
    assert read(later) == Mark("expired", "0123abcd")


def test_what_is_no_longer_acceptable_ends_it() -> None:
    lax = replace(SEALER, legacy=2)
    sealed = seal(MAIL, lax) + MAIL
    assert fault(sealed, lax) is None
    assert fault(sealed, replace(SEALER, legacy=1)) == "expired"
    assert fault(SEALED, lax) is None


def test_fields_cannot_be_shifted_into_one_another() -> None:
    one = MAIL.replace(b"<1@x>\r\nMIME", b"<1@x>\r\nContent-X: a\r\nMIME")
    other = MAIL.replace(b"<1@x>\r\nMIME", b"<1@x>\r\nContent-X: a content-y:\r\nMIME")
    assert fault(seal(one) + other) == "Content-*"


@pytest.mark.parametrize("lines", [0, 1, 127, 128, 129, 40_000])
def test_empty_lines_at_the_end_do_not_count(lines: int) -> None:
    """LIM-04: however many there are, and whatever stands before them does."""
    assert seal(MAIL + b"\r\n" * lines) == seal(MAIL)
    assert seal(MAIL + b"\n" + b"\r\n" * lines) != seal(MAIL)
