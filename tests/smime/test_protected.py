"""A protected Subject reads as its sender wrote it, for every reader, and can be nothing but a Subject."""

import email
import email.header
import email.policy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.encoded_word import decode_words
from gateway.mail.entity import read_entity
from gateway.mail.header import read_header
from gateway.smime.protected import LINE, Difference, Protected, read_protected, subject_field

OUTER = b"From: Alice <alice@example.com>\r\nTo: support@example.org\r\nSubject: [...]\r\nDate: Mon, 1 Jun 2026\r\n\r\n"
MARKS = [
    'hp="cipher"',
    "hp=clear",
    'protected-headers="v1"',
    "Protected-Headers=v1",
    'protected-headers="v1,memoryhole"',
]


def protected(*fields: bytes, mark: str = "hp=cipher", outer: bytes = OUTER) -> Protected:
    kind = f"Content-Type: text/plain; {mark}".encode()
    payload = read_entity(b"\r\n".join([*fields, kind, b"", b"Text\r\n"]))
    return read_protected(payload, read_header(outer))


def shown(subject: str) -> str:
    """The Subject as Python's reader shows it."""
    read = email.message_from_bytes(subject_field("Subject", subject) + b"To: x@y\r\n\r\n")
    assert read.keys() == ["Subject", "To"]
    return str(email.header.make_header(email.header.decode_header(read["Subject"].replace("\r\n", ""))))


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("outer", [OUTER, OUTER.replace(b"[...]", b"Other")])
def test_a_marked_subject_is_the_subject(mark: str, outer: bytes) -> None:
    found = protected(b"Subject: Invoice 4711", mark=mark, outer=outer)
    assert found.subject == "Invoice 4711"
    assert found.differences == (Difference("Subject"),)


@pytest.mark.parametrize("mark", ["charset=utf-8", 'hp="none"', 'hp=""', "protected-headers=v2", "x-hp=cipher"])
def test_a_subject_without_a_mark_counts_only_for_a_placeholder(mark: str) -> None:
    for subject in (b"...", b"[...]", b"", b" [...] ", b"=?utf-8?q?=2E=2E=2E?="):
        outer = OUTER.replace(b"[...]", subject)
        assert protected(b"Subject: Invoice", mark=mark, outer=outer).subject == "Invoice"
    assert protected(b"Subject: Invoice", mark=mark, outer=b"From: a@b\r\n\r\n").subject == "Invoice"
    for subject in (b"Other", b"....", b"Re: [...]", b"...\r\nSubject: Other"):
        outer = OUTER.replace(b"[...]", subject)
        assert protected(b"Subject: Invoice", mark=mark, outer=outer).subject is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Invoice 4711", "Invoice 4711"),
        (b"Re: [Ticket#42]  two  blanks", "Re: [Ticket#42]  two  blanks"),
        (b"folded\r\n\there", "folded here"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= =?utf-8?Q?_aus?=", "Grüße aus"),
        (b"=?iso-8859-1?Q?Gr=FC=DFe?=", "Grüße"),
        ("Grüße 漢字".encode(), "Grüße 漢字"),
        (("Grüße " * 40).strip().encode(), ("Grüße " * 40).strip()),
        (b"word " * 300 + b"end", "word " * 300 + "end"),
        (b"x" * 500, "x" * 500),
        (b"Re: " * 500 + b"end", "Re: " * 500 + "end"),
    ],
)
def test_a_subject_reads_as_it_was_written(value: bytes, text: str) -> None:
    subject = protected(b"Subject: " + value).subject
    assert subject is not None
    assert shown(subject) == text
    lines = subject_field("Subject", subject).split(b"\r\n")
    assert max(map(len, lines)) <= max(LINE, max(map(len, subject.split())) + len("Subject: "))
    assert all(line.strip() for line in lines[:-1])


@pytest.mark.parametrize(
    "fields",
    [
        (b"Subject: one", b"Subject: two"),
        (b"Subject:",),
        (b"Subject: " + b"long " * 900,),
        (b"Subject: " + b"x" * 1000,),
        (b"Subject: =?utf-8?q?a=0D=0ABcc:_mallory=40example.net?=",),
        (b"Subject: =?utf-16?b?2ADYAA==?= a =?utf-8?q?=00?=",),
        (b"Subject: =?utf-8?b?4oCo?= line",),
        (b"Subject: bell\x07",),
        (b"Subject: lone\rreturn",),
        (b"Subject: Gr\xfc\xdfe",),
        (b"Subject : blank",),
        (b"no field", b"Subject: x"),
    ],
)
def test_what_is_not_one_plain_subject_is_left(fields: tuple[bytes, ...]) -> None:
    assert protected(*fields).subject is None


def test_the_same_subject_is_no_difference() -> None:
    outer = OUTER.replace(b"[...]", b"=?utf-8?q?Gr=C3=BC=C3=9Fe?= x")
    assert protected("Subject: Grüße\r\n x".encode(), outer=outer) == Protected()


def test_fields_that_differ_are_named() -> None:
    """A Subject's text is told nowhere; HP-Outer and other names are no fields of the message."""
    found = protected(
        b"From: Alice <alice@example.com>", b"To: support@example.org,\r\n bob@example.org", b"Cc: carol@example.org",
        b"Date: Tue, 2 Jun 2026", b"Subject: Secret", b"HP-Outer: Subject: [...]", b"X-Secret: PIN 4711",
        b"Reply-To: =?utf-8?q?a=0Ab?= =?utf-7?q?+2AA-?= <m@example.net>", mark='hp="cipher"',
    )  # fmt: skip
    assert found.differences == (
        Difference("Reply-To", "a b <m@example.net>", None),  # a lone surrogate is no letter
        Difference("To", "support@example.org, bob@example.org", "support@example.org"),
        Difference("Cc", "carol@example.org", None),
        Difference("Date", "Tue, 2 Jun 2026", "Mon, 1 Jun 2026"),
        Difference("Subject", None, None),
    )


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
VALUES = st.binary(max_size=120) | st.lists(
    WORDS.map(str.encode)
    | st.sampled_from(
        [b"\r\n ", b"\n\t", b"=?utf-8?q?=0D=0AX:_y?=", b"=?utf-8?b?4oCo?=", b" ", b"=?", b"\r\nBcc: m@x", b"?="]
    ),
    max_size=6,
).map(b"".join)


@given(VALUES, st.sampled_from(MARKS))
def test_no_subject_is_ever_more_than_a_subject(value: bytes, mark: str) -> None:
    found = protected(b"Subject: " + value, mark=mark)
    if found.subject is None:
        return
    field = subject_field("Subject", found.subject)
    assert field.isascii()
    assert re.fullmatch(rb"Subject:(?: [ -~]+\r\n)+", field)
    header = read_header(field + b"\r\n")
    assert [header.raw(one) for one in header.fields] == [field]
    text = header.text(header.fields[0])
    assert not re.search("[\x00-\x1f\x7f-\x9f]", text)
    plain = " ".join(re.split(rb"\r?\n(?![ \t])", value)[0].replace(b"\r\n", b"").replace(b"\n", b"").decode().split())
    assert " ".join(text.split()) == " ".join(decode_words(plain.encode()).split())
