"""MIME entities drawn by Hypothesis: what a mail holds before anybody seals it. Line ends are CRLF; nothing is CMS."""

import base64

from hypothesis import strategies as st

LINES = st.one_of(
    st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=90),
    st.sampled_from(
        ["", ".", "..", "From here", " blanks at the end  ", "\t", "--", "--edge", "-- ", "=20=", "MIIB" * 20]
    ),
)
WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["C"]), max_size=60)


def leaf(kind: str, encoding: str, body: bytes) -> bytes:
    """One part that is no multipart."""
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + body


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


PLAIN = st.lists(LINES, max_size=12).map(lambda lines: leaf("text/plain; charset=us-ascii", "7bit", _lines(lines)))
EIGHT = st.lists(WORDS, max_size=8).map(lambda lines: leaf("text/html; charset=utf-8", "8bit", _lines(lines)))
BINARY = st.binary(max_size=3000).map(
    lambda data: leaf("application/octet-stream", "base64", base64.encodebytes(data).replace(b"\n", b"\r\n"))
)
BARE = st.lists(LINES, max_size=4).map(lambda lines: b"\r\n" + _lines(lines))
LEAVES = st.one_of(PLAIN, EIGHT, BINARY, BARE)


def _multipart(kind: str, boundary: str, parts: list[bytes]) -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    mark = b"--" + boundary.encode()
    return head + b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"


def _around(parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    boundary = st.text("abcXYZ019'()+_,-./:=?", min_size=8, max_size=40).map(lambda text: f"=_{text}_")
    several = st.builds(
        _multipart,
        st.sampled_from(["mixed", "alternative", "related"]),
        boundary,
        st.lists(parts, min_size=1, max_size=3),
    )
    attached = parts.map(lambda part: b"Content-Type: message/rfc822\r\n\r\nFrom: carol@example.org\r\n" + part)
    return several | attached


ENTITIES = st.recursive(LEAVES, _around, max_leaves=5)
