"""Message-IDs: which are plain, by which names an answer knows a mail, how a mail looks under an id of ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded
from gateway.mail.header import HEADER_LIMIT, read_header
from gateway.mail.message_id import CITED, REFERENCES_LIMIT, cited_ids, names, plain_id, under

OURS = b"<0123@smime.gw.example.org>"


def found(*values: bytes) -> set[str]:
    return set(names(values))


def of(*fields: bytes, body: bytes = b"\r\nbody\r\n") -> bytes:
    return b"".join((b"From: a@x\r\n", *fields, body))


@pytest.mark.parametrize(
    "value",
    [
        b" <a@x>",
        b"<CAF+abc=Q_1.2@mail.example.com>",
        b"\r\n <20200101.a$b@[192.0.2.1]>",
        b" <a@x> ",
        b" <x:1/2@x.example>",
    ],
)
def test_plain(value: bytes) -> None:
    assert plain_id(read_header(of(b"Message-ID:" + value + b"\r\n"))) == value.strip()


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [b"Message-ID:\r\n"],
        [b"Message-ID: <a@x>\r\n", b"Message-ID: <a@x>\r\n"],
        [b"Message-ID : <a@x>\r\n"],
        [b"Message-ID\x0b: <a@x>\r\n"],
        [b"Message-ID: <a@x>\r\n", b"\xffMessage-ID: <b@x>\r\n"],
        [b"Message-ID: a@x\r\n"],
        [b"Message-ID: <a>\r\n"],
        [b"Message-ID: <a b@x>\r\n"],
        [b"Message-ID: < a@x >\r\n"],
        [b"Message-ID: <a\r\n b@x>\r\n"],
        [b"Message-ID: (c) <a@x>\r\n"],
        [b"Message-ID: <a(c)@x>\r\n"],
        [b"Message-ID: <a@b@x>\r\n"],
        [b'Message-ID: <"a"@x>\r\n'],
        [b"Message-ID: <a@x> <b@x>\r\n"],
        [b"Message-ID: <\xc3\xa4@x>\r\n"],
        [b"Message-ID: <=?utf-8?q?a?=@x>\r\n"],
        [b"Message-ID: =?utf-8?q?=3Ca=40x=3E?=\r\n"],
        [b"Message-ID: <" + b"a" * 250 + b"@x>\r\n"],
    ],
)
def test_not_plain(fields: list[bytes]) -> None:
    assert plain_id(read_header(of(*fields))) is None


@pytest.mark.parametrize(
    ("came", "answered"),
    [
        (b"<a@x>", b"<a@x>"),
        (b"<a@x>", b"a@x"),
        (b"<A.b@X.example>", b"<a.B@x.EXAMPLE>"),
        (b"a@x", b"<a@x>"),
        (b"nothing-at-all", b"<nothing-at-all>"),
        (b"nothing-at-all", b"<b@x> <nothing-at-all>"),
        (b"< a@x >", b"<a@x>"),
        (b"<a b@x>", b"<a b@x>"),
        (b"<a b@x>", b"<b@x>"),
        (b"<a b@x>", b"<ab@x>"),
        (b"<a\tb@x>", b"<a b@x>"),
        (b"(x) <a@x>", b"<a@x>"),
        (b"<a(c)b@x>", b"<ab@x>"),
        (b"<a(c)b@x>", b"<a(c)b@x>"),
        (b"(<fake@x>) <a@x>", b"<fake@x>"),
        (b"(<fake@x>) <a@x>", b"<a@x>"),
        (b"<<a@x>>", b"<a@x>"),
        (b"<a@x", b"<a@x>"),
        (b"a@x>", b"<a@x>"),
        (b"<a@x>;", b"<b@x>,<a@x>,<c@x>"),
        (b"a@x", b"b@x, a@x; c@x"),
        (b'<"a b"@x>', b"<ab@x>"),
        (b'<"a"@x>', b"<a@x>"),
        ("<ä1@x>".encode(), "<ä1@x>".encode()),
        ("<ä1@x>".encode(), "<ä1@x>".encode("latin-1")),
        ("<ä1@x>".encode(), b"=?utf-8?q?=3C=C3=A41=40x=3E?="),
        ("<ä1@x>".encode(), b"<?1@x>"),
        ("<ä1@x>".encode(), b"<1@x>"),
        (b"<\0a@x>", b"<a@x>"),
        (b"<" + b"a" * 1000 + b"@x>", b"<" + b"a" * 500 + b"\r\n " + b"a" * 500 + b"@x>"),
        (b"<" + b"a" * 1000 + b"@x>", b"<" + b"a" * 160 + b">"),
        (b"<" + b"a" * 1000 + b"@x>", b"<" + b"a" * 997),
        (b"<a@x>", b"=?utf-8?q?=3Ca=40x=3E?="),
        (b"=?utf-8?b?PGFAeD4=?=", b"<a@x>"),
        (b"<a@x>", b'Your message of "Mon, 1 Jan 2024" <a@x>'),
    ],
)
def test_an_answer_names_what_came(came: bytes, answered: bytes) -> None:
    assert found(came) & found(answered)


@pytest.mark.parametrize(
    ("came", "answered"),
    [
        (b"<a@x>", b"<b@x>"),
        (b"<message>", b"Your message of Monday <b@x>"),
        (b"your message of", b"Your message of Monday <b@x>"),
        (b"", b""),
        (b"<>", b"<>"),
        (b"< >", b"<?>"),
        (b"<a@x.example>", b"<a@x>"),
        (b"<" + b"a" * 1000 + b"@x>", b"<" + b"a" * 100 + b">"),
    ],
)
def test_another_mail_has_no_name_in_common(came: bytes, answered: bytes) -> None:
    assert not found(came) & found(answered)


@given(st.binary(max_size=300))
def test_names_never_hold_what_could_be_read_differently(value: bytes) -> None:
    for name in found(value):
        assert name == "".join(name.split()).lower()
        assert not set(name) & set('<>"\\\0\r\n')


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_stands_between_brackets_is_known_among_others(one: bytes, other: bytes) -> None:
    inside = one.translate(None, b'<>()"\\=')
    assert found(b"<%s>" % inside) <= found(b"<%s> <%s>" % (other.translate(None, b'<>()"\\='), inside))


def test_one_of_ours_takes_the_place_of_all() -> None:
    content = of(b"Message-ID: <first@x>\r\n", b"Subject: s\r\n", b"message-id: < last@x >\r\n")
    block = under(read_header(content), OURS)
    assert bytes(block.content) == (
        b"References: <first@x>\r\n <last@x>\r\nFrom: a@x\r\nMessage-ID: %s\r\nSubject: s\r\n\r\n" % OURS
    )
    assert plain_id(block) == OURS


def test_lines_that_some_reader_takes_for_one_go_too() -> None:
    content = of(b"Message-ID: <a@x>\r\n", b"Message-ID\x0b: <b@x>\r\n")
    block = under(read_header(content), OURS)
    assert bytes(block.content) == b"References: <a@x>\r\n <b@x>\r\nFrom: a@x\r\nMessage-ID: %s\r\n\r\n" % OURS


def test_without_any_there_is_ours_and_nothing_to_refer_to() -> None:
    assert bytes(under(read_header(of()), OURS).content) == b"Message-ID: %s\r\nFrom: a@x\r\n\r\n" % OURS


def test_the_thread_goes_on() -> None:
    content = of(b"References: <r@x> <p@x>\r\n", b"In-Reply-To: <p@x>\r\n", b"Message-ID: a b@x\r\n")
    header = under(read_header(content), OURS)
    assert header.value(header.named("references")[0]) == b"<r@x> <p@x> <ab@x>"
    content = of(b"In-Reply-To: <p@x>\r\n", b"Message-ID: a@x\r\n")
    header = under(read_header(content), OURS)
    assert header.value(header.named("references")[0]) == b"<p@x> <a@x>"


def test_what_is_cited_is_bounded_and_fit_for_a_field() -> None:
    many = read_header(of(*[b"Message-ID: <%d@x>\r\n" % number for number in range(100)]))
    assert len(cited_ids(many)) == CITED
    assert cited_ids(read_header(of(b"Message-ID: <" + b"a" * 1000 + b"@x>\r\n"))) == ()
    assert cited_ids(read_header(of(b"Message-ID: (x) <a\0\xff b@x>\r\n"))) == (b"<ab@x>",)
    long = of(b"References: %s\r\n" % b" ".join(b"<%d@x>" % number for number in range(1000)), b"Message-ID: a@x\r\n")
    assert b"\r\n <999@x>\r\n <a@x>\r\n" in bytes(under(read_header(long), OURS).content)
    assert bytes(under(read_header(long), OURS).content).count(b"@x>") == REFERENCES_LIMIT


def test_a_header_without_room_is_over_the_limit() -> None:
    full = of(*[b"X: " + b"x" * 60_000 + b"\r\n"] * 4, b"Y: " + b"y" * (HEADER_LIMIT - 4 * 60_005 - 16) + b"\r\n")
    header = read_header(full)
    with pytest.raises(LimitExceeded):
        under(header, OURS)
