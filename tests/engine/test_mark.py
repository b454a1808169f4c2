"""The seal: what we judged is known again, and any change to what it covers is noticed."""

import pytest

from gateway.engine.mark import Sealer
from gateway.engine.results import result_fields
from gateway.mail.header import read_header
from gateway.smime.finding import EncryptionFinding, SignatureFinding

SEALER = Sealer(b"k" * 32, ("smime.gw.example.org",))
FIELDS = b"".join(result_fields("smime.gw.example.org", "0123abcd", SignatureFinding(), EncryptionFinding()))
MAIL = (
    FIELDS + b"Received: by x\r\nFrom: alice@example.com\r\nSubject: hi\r\nMessage-ID: <1@x>\r\n"
    b"Content-Type: text/plain;\r\n\tcharset=utf-8\r\n\r\nHello\r\n\r\n"
)


def seal(content: bytes) -> bytes:
    header = read_header(content)
    return SEALER.seal(header, memoryview(content)[header.body :])


SEALED = seal(MAIL) + MAIL


def judged(content: bytes, sealer: Sealer = SEALER) -> str | None:
    return sealer.judged_as(content, read_header(content))


def test_a_sealed_message_is_known_again() -> None:
    assert judged(SEALED) == "0123abcd"
    assert judged(MAIL) is None


def test_what_mail_servers_do_does_not_break_it() -> None:
    traced = b"Received: from a\r\n by b\r\nX-Spam: no\r\n" + SEALED
    folded = traced.replace(b"Content-Type: text/plain;\r\n\tcharset", b"content-type:  text/plain; charset")
    assert judged(folded) == "0123abcd"
    assert judged(folded + b"\r\n\r\n") == "0123abcd"


@pytest.mark.parametrize(
    "changed",
    [
        SEALED.replace(b"alice@", b"mallory@"),
        SEALED.replace(b"Hello", b"Hullo"),
        SEALED.replace(b"<1@x>", b"<2@x>"),
        SEALED.replace(b"utf-8", b"utf-7"),
        SEALED.replace(b"Gateway-Signature: none", b"Gateway-Signature: pass"),
        SEALED.replace(b"smime=none", b"smime=pass"),
        b"Authentication-Results: SMIME.gw.example.org; smime=pass\r\n" + SEALED,
        b"X-SMIME-Gateway-Retry-Of: 7\r\n" + SEALED,
        b"X-SMIME-Gateway-Id: 9999\r\n" + SEALED,
        b"From: mallory@example.com\r\n" + SEALED,
        SEALED + b"more\r\n",
        SEALED[: SEALED.index(b"\r\n") + 2] + SEALED,
    ],
)
def test_any_change_is_noticed(changed: bytes) -> None:
    assert changed != SEALED
    assert judged(changed) is None


def test_another_key_makes_another_seal() -> None:
    assert judged(SEALED, Sealer(b"j" * 32, ("smime.gw.example.org",))) is None


def test_fields_cannot_be_shifted_into_one_another() -> None:
    one = MAIL.replace(b"<1@x>\r\nContent-Type", b"<1@x>\r\nContent-X: a\r\nContent-Type")
    other = MAIL.replace(b"<1@x>\r\nContent-Type", b"<1@x>\r\nContent-X: a content-y:\r\nContent-Type")
    assert seal(one) != seal(other)


@pytest.mark.parametrize("lines", [0, 1, 127, 128, 129, 40_000])
def test_empty_lines_at_the_end_do_not_count(lines: int) -> None:
    """LIM-04: however many there are, and whatever stands before them does."""
    assert seal(MAIL + b"\r\n" * lines) == seal(MAIL)
    assert seal(MAIL + b"\n" + b"\r\n" * lines) != seal(MAIL)
