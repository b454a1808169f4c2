"""Content in and out of DATA: cuts, dots, line ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.content import BareLineEnd, Content, Room, stuffed

MAIL = b"Subject: x\r\n\r\n.dot\r\n..\r\n\r\n.\r.x" + b"y" * 1500 + b"\r\n\x00\xff\r\n"
CLEAN = b"Subject: x\r\n\r\n.dot\r\n..\r\nlong" + b"y" * 1500 + b"\r\n\x00\xff\r\n"
PIECES = st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r", b"\n", b"\x00", b"..", b"\r\n."]), max_size=40)


def stuff(content: bytes) -> bytes:
    return b"".join(stuffed(content))


def collect(pieces: list[bytes], limit: int = 10**6) -> tuple[Content, bytes]:
    content, rest = Content(limit, Room(1 << 30)), None
    for piece in pieces:
        if rest is None:
            rest = content.feed(piece)
        else:
            rest += piece
    assert rest is not None, "the final dot was not seen"
    return content, rest


def test_every_cut_into_two_gives_the_same() -> None:
    stream = stuff(CLEAN) + b".\r\nQUIT\r\n"
    for cut in range(len(stream) + 1):
        content, rest = collect([stream[:cut], stream[cut:]])
        assert (content.take(), rest, content.bare) == (CLEAN, b"QUIT\r\n", False)


def test_byte_by_byte() -> None:
    stream = stuff(CLEAN) + b".\r\n"
    content, rest = collect([stream[n : n + 1] for n in range(len(stream))])
    assert (content.take(), rest, content.size) == (CLEAN, b"", len(CLEAN))


@pytest.mark.parametrize("content", [b"", b"\r\n", b".\r\n", b"..\r\n", b"a\r\n", b"\r\n\r\n"])
def test_small_contents_survive(content: bytes) -> None:
    taken, _ = collect([stuff(content) + b".\r\n"])
    assert taken.take() == content


@given(PIECES, st.integers(1, 7))
def test_any_content_survives_any_cut_or_is_refused(parts: list[bytes], step: int) -> None:
    """SMT-01, SMT-02: what goes out comes in again; what holds a bare CR or LF never goes out."""
    content = b"".join(parts)
    bare = b"\r" in content.replace(b"\r\n", b"") or b"\n" in content.replace(b"\r\n", b"")
    if bare:
        with pytest.raises(BareLineEnd):
            list(stuffed(content, step))
        return
    stream = b"".join(stuffed(content, step)) + b".\r\n"
    taken, rest = collect([stream[n : n + step] for n in range(0, len(stream), step)])
    expected = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert (taken.take(), rest, taken.bare) == (expected, b"", False)
    assert stream == stuff(content) + b".\r\n"
    assert b"\r\n.\r\n" not in (b"\r\n" + stream)[:-1]


@given(PIECES, st.integers(1, 7))
def test_bare_line_ends_are_seen_under_any_cut(parts: list[bytes], step: int) -> None:
    """SMT-01: a bare CR or LF is found wherever the stream was cut, and never ends the message."""
    body = b"x" + b"".join(parts)
    stream = body + b"\r\n.\r\n"
    end = (b"\r\n" + stream).index(b"\r\n.\r\n")
    before = (b"\r\n" + stream)[: end + 2]
    bare = before.count(b"\n") != before.count(b"\r\n") or before.count(b"\r") != before.count(b"\r\n")
    content, rest = collect([stream[n : n + step] for n in range(0, len(stream), step)])
    assert content.bare == bare
    assert rest == stream[end + 3 :]


def test_over_the_limit_nothing_is_kept() -> None:
    """SMT-08: memory stays bounded while the rest is read."""
    content = Content(1000, Room(1 << 30))
    for _ in range(100):
        assert content.feed(b"x" * 998 + b"\r\n") is None
        assert len(content._kept) <= 1002
    assert content.feed(b".\r\n") == b""
    assert content.too_large
    assert content.size == 100_000


def test_exactly_the_limit_is_taken() -> None:
    content, _ = collect([b"x" * 998 + b"\r\n.\r\n"], limit=1000)
    assert not content.too_large
    assert len(content.take()) == 1000
