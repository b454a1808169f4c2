"""What is taken in: whole line ends, within the limit, in no loop (rows SMT-01, SMT-08, SMT-09)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.arrival import BARE, LOOP, digest, has_bare_line_end, refusal

MAIL = b"Received: from x\r\nSubject: x\r\n\r\nText\r\n"
ROUND = b"Received: from x\r\n" * 101 + MAIL
PIECES = st.lists(st.sampled_from([b"\r\n", b"a", b"\r", b"\n", b"\x00"]), max_size=40).map(b"".join)


@pytest.mark.parametrize("content", [MAIL, b"", b"no header, no end", MAIL + b"\x00\xff"])
def test_a_message_is_taken_in(content: bytes) -> None:
    assert refusal(content) is None
    assert refusal(content, bare=False, size=len(content), limit=len(content)) is None


@pytest.mark.parametrize("content", [MAIL + b"a\rb", MAIL + b"a\nb", b"\n" + MAIL, MAIL + b"\r", ROUND + b"\r"])
def test_smt_01_a_bare_line_end_is_refused(content: bytes) -> None:
    assert refusal(content) == BARE


def test_smt_01_what_was_seen_on_the_way_counts_though_nothing_was_kept() -> None:
    assert refusal(b"", bare=True, size=10, limit=5) == BARE


@given(PIECES)
def test_a_line_end_is_bare_or_whole(data: bytes) -> None:
    left = data.replace(b"\r\n", b"")
    assert has_bare_line_end(data) is (b"\r" in left or b"\n" in left)


@pytest.mark.parametrize("limit", [0, 40])
def test_smt_08_a_size_over_the_limit_is_refused(limit: int) -> None:
    answer = refusal(b"", bare=False, size=41, limit=limit)
    assert answer is not None
    assert str(answer) == f"552 5.3.4 Message too large: 41 bytes; the limit is {limit}"


@pytest.mark.parametrize(("fields", "answer"), [(100, None), (101, LOOP)])
def test_smt_09_received_fields_are_counted_in_the_header_only(fields: int, answer: object) -> None:
    """SMT-09: more than 100 Received fields are a loop, in any case, folded or not."""
    header = b"".join(b"ReCeived : from x\r\n\tby y\r\n" for _ in range(fields))
    assert refusal(header + b"\r\n" + b"Received: x\r\n" * 200) == answer


def test_digest_is_over_what_stands_below_leading_trace_fields() -> None:
    rest = b"X-Other: 1\r\nReceived: kept\r\nSubject: x\r\n\r\nbody\r\n"
    trace = b"Return-Path: <a@b>\r\nRECEIVED: from x\r\n\tby y;\r\n z\r\nDelivered-To: c\r\n"
    assert digest(trace + rest) == digest(rest)
    assert digest(b"X-Spam: 1\r\n" + rest) != digest(rest)
    assert digest(rest + b"more\r\n") != digest(rest)
