"""The header index and its editing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded
from gateway.mail.header import FIELD_LIMIT, FIELDS_LIMIT, HEADER_LIMIT, edit, read_header, spelt

MAIL = (
    b"Received: from a\r\n\tby b; now\r\n"
    b"From: Alice <alice@x.org>\r\n"
    b"X-SMIME-Gateway-Sign : never\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \r\n =?utf-8?q?_aus?= Berlin\r\n"
    b"x-smime-gateway-sign\t: required\r\n"
    b"\r\n"
    b"From: body\r\n"
)
MESSAGES = st.lists(
    st.sampled_from(
        [
            b"A: 1\r\n",
            b"B : 2\r\n",
            b" fold\r\n",
            b"rubbish\r\n",
            b"\r\n",
            b"\n",
            b"C:",
            b"\t\r\n",
            b"\xff: x\r\n",
            b"\r",
        ]
    ),
    max_size=12,
).map(b"".join) | st.binary(max_size=60)


def test_fields_are_found_in_order_and_in_every_spelling() -> None:
    header = read_header(MAIL)
    names = ["received", "from", "x-smime-gateway-sign", "subject", "x-smime-gateway-sign"]
    assert [field.name for field in header.fields] == names
    assert MAIL[header.end : header.body] == b"\r\n"
    assert MAIL[header.body :] == b"From: body\r\n"
    assert [header.value(field) for field in header.named("x-smime-gateway-sign")] == [b"never", b"required"]
    assert header.value(header.named("received")[0]) == b"from a\tby b; now"
    assert header.text(header.named("subject")[0]) == "Grüße aus Berlin"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_any_buffer_will_do(kind: type) -> None:
    header = read_header(kind(MAIL))
    assert header.value(header.named("from")[0]) == b"Alice <alice@x.org>"
    assert header.raw(header.fields[1]) == b"From: Alice <alice@x.org>\r\n"


@pytest.mark.parametrize(
    ("content", "names", "end", "body"),
    [
        (b"", [], 0, 0),
        (b"\r\n", [], 0, 2),
        (b"\r\nbody", [], 0, 2),
        (b"\nbody", [], 0, 1),
        (b"A: 1", ["a"], 4, 4),
        (b"A: 1\r\n", ["a"], 6, 6),
        (b"A: 1\r\n\r\n", ["a"], 6, 8),
        (b"A: 1\n\nbody", ["a"], 5, 6),
        (b"From alice Mon\r\nA: 1\r\n\r\n", ["", "a"], 22, 24),
        (b" lost fold\r\nA: 1\r\n\r\n", ["", "a"], 18, 20),
        (b"no field\r\n fold\r\nA: 1\r\n\r\nbody", ["", "a"], 23, 25),
        (b"A b: 1\r\n: 2\r\n\xc3\xa4: 3\r\n\r\n", ["", "", ""], 20, 22),
        (b"A: 1\r\n \r\nB: 2\r\n\r\n", ["a", "b"], 15, 17),
        (b"A: 1\rB: 2\r\n\r\n", ["a"], 11, 13),
        (b">A: 1\r\nB): 2\r\n<C: 3\r\n\r\n", ["", "", ""], 21, 23),
        (b"just a body", [""], 11, 11),
    ],
)
def test_odd_contents_are_defined(content: bytes, names: list[str], end: int, body: int) -> None:
    header = read_header(content)
    assert [field.name for field in header.fields] == names
    assert (header.end, header.body) == (end, body)


@given(MESSAGES)
def test_the_fields_are_the_header_block_without_gap(content: bytes) -> None:
    header = read_header(content)
    position = header.start
    for field in header.fields:
        assert field.start == position
        assert field.start <= field.value_start <= field.end
        position = field.end
    assert position == header.end
    assert content[header.end : header.body] in (b"", b"\n", b"\r\n")


@given(st.binary(max_size=9), MESSAGES, st.binary(max_size=9))
def test_a_header_in_the_middle_reads_like_one_by_itself(before: bytes, content: bytes, after: bytes) -> None:
    inner = read_header(before + content + after, len(before), len(before) + len(content))
    shift = len(before)
    moved = [(field.name, field.start - shift, field.end - shift, field.value_start - shift) for field in inner.fields]
    assert moved == [tuple(field) for field in read_header(content).fields]


def test_hdr_02_dropping_a_field_leaves_every_other_byte() -> None:
    header = read_header(MAIL)
    cleaned = edit(MAIL, header, drop=header.named("x-smime-gateway-sign"))
    expected = MAIL.replace(b"X-SMIME-Gateway-Sign : never\r\n", b"")
    assert cleaned == expected.replace(b"x-smime-gateway-sign\t: required\r\n", b"")


def test_editing_drops_replaces_and_prepends_in_one_go() -> None:
    header = read_header(b"xxA: 1\r\nB: 2\r\nC: 3\r\n\r\nbody", 2)
    a, b, _ = header.fields
    edited = edit(bytes(header.content), header, drop={b}, replace={a: b"A: one\r\n"}, prepend=b"New: 0\r\n")
    assert edited == b"xxNew: 0\r\nA: one\r\nC: 3\r\n\r\nbody"


@given(MESSAGES, st.sets(st.integers(0, 12)))
def test_hdr_02_what_is_dropped_is_gone_and_the_rest_stays(content: bytes, chosen: set[int]) -> None:
    header = read_header(content)
    dropped = [field for number, field in enumerate(header.fields) if number in chosen]
    kept = [header.raw(field) for field in header.fields if field not in dropped]
    assert edit(content, header, drop=dropped) == b"".join([*kept, content[header.end :]])


def test_nothing_to_edit_is_the_same_object() -> None:
    assert edit(MAIL, read_header(MAIL)) is MAIL


def test_lim_01_one_field_has_a_limit() -> None:
    longest = b"A: " + b"x" * (FIELD_LIMIT - 5) + b"\r\n"
    assert len(read_header(longest + b"\r\n").fields) == 1
    with pytest.raises(LimitExceeded, match="one field"):
        read_header(b"x" + longest + b"\r\n")


def test_lim_01_the_number_of_fields_has_a_limit() -> None:
    most = b"A:\r\n" * FIELDS_LIMIT
    assert len(read_header(most + b"\r\n").fields) == FIELDS_LIMIT
    with pytest.raises(LimitExceeded, match="fields"):
        read_header(most + b"B:\r\n\r\n")


def test_lim_01_the_header_block_has_a_limit() -> None:
    full = (b"A: " + b"x" * 1019 + b"\r\n") * (HEADER_LIMIT // 1024)
    assert len(full) == HEADER_LIMIT
    assert read_header(full + b"\r\n" + b"y" * 5000).body == HEADER_LIMIT + 2
    assert read_header(full).body == HEADER_LIMIT
    with pytest.raises(LimitExceeded, match="before the empty line"):
        read_header(full + b"B:\r\n\r\n")


def test_lim_04_a_message_that_is_all_header_is_not_read_to_its_end() -> None:
    with pytest.raises(LimitExceeded):
        read_header(b"no empty line anywhere\r\n" * 1_000_000)


def test_lim_04_a_line_that_is_no_field_is_found_once_however_often_it_holds_a_name() -> None:
    """LIM-04: it is searched for addresses; a thousand times over, 20 kB would take ten seconds."""
    lines = b" From: a@b\r\n" * 1000
    header = read_header(lines + b"From: alice@x.org\r\nx: y\r\nFrom bob\r\n From: c@d\r\n\r\n")
    first, second = header.taken_for(re.compile(spelt("from")))
    assert header.raw(first) == lines
    assert header.raw(second) == b"From bob\r\n From: c@d\r\n"
