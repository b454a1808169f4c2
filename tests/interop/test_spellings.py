"""Lines that are no field: whatever a reader takes for a From, or for its continuation, is one to the gateway, too.

From stands for every name, for the spellings of all are found in one way (``gateway.mail.header.spelt``).
"""

import re

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.mail.arrival import has_bare_line_end
from gateway.mail.author import read_author
from gateway.mail.header import read_header, spelt
from tests.interop.readers.reader import Reader

UNSEEN = [
    b"",
    b" ",
    b"\t",
    b"\v",
    b"\f",
    b"\0",
    b"\x08",
    b"\x1b",
    b"\x7f",
    b"\x85",
    b"\xa0",
    b"\xc2\xa0",
    b"\xe2\x80\x8b",
]
UNSEEN += [b"\xef\xbb\xbf", b"\r\n ", b"\r\n\t", b"\r\n \r\n ", b"\r\n\v", b"\r\n\f", b"\r\n\xa0", b"\v\r\n\t"]
UNSEEN += [b">", b">>", b"> ", b")", b"(", b"<", b">)\r\n "]
ABOVE = [
    b"",
    b"Subject: x\r\n",
    b"From mallory Mon Jun  1 12:00:00 2026\r\n",
    b"rubbish\r\n",
    b"X: 1\r\n\tx\r\n",
    b"\v\r\n",
]
FROM = re.compile(spelt("from:"))


@settings(max_examples=150)
@given(
    above=st.sampled_from(ABOVE),
    before=st.sampled_from(UNSEEN),
    name=st.sampled_from([b"From", b"FROM", b"from"]),
    inside=st.sampled_from([b""] * 5 + UNSEEN),
    behind=st.lists(st.sampled_from(UNSEEN), max_size=2).map(b"".join),
)
@example(b"From mallory Mon\r\n", b" ", b"From", b"", b"")
@example(b"Subject: x\r\n", b"", b"From", b"", b"\r\n\v")
def test_hdr_02_who_is_an_author_to_a_reader(
    readers: list[Reader], above: bytes, before: bytes, name: bytes, inside: bytes, behind: bytes
) -> None:
    line = before + name[:2] + inside + name[2:] + behind + b": mallory@example.net\r\n"
    content = above + line + b"To: b@example.com\r\n\r\ntext\r\n"
    assume(not content.startswith(b"\r\n") and b"\r\n\r\n" not in above + line and not has_bare_line_end(content))
    header = read_header(content)
    seen = {
        reader.name
        for reader in readers
        if any("mallory@example.net" in found for found in reader.read(content).authors)
    }
    assert not seen or header.named("from") or header.taken_for(FROM)
    if not header.named("from"):
        assert read_author(header).address is None
