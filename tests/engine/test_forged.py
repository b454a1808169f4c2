"""Forged results that are no fields to a strict reader and one to some other: none survives, and nothing else goes."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.engine.results import cut_forged, forged_fields
from gateway.mail.arrival import has_bare_line_end
from gateway.mail.header import edit, read_header

OURS = "smime.gw.example.org"
TOP = b"Received: by mx\r\n\twith ESMTP\r\n"
REST = b"Subject: X-SMIME-Gateway-Signature: pass\r\n X-SMIME-Gateway-Signature: pass\r\nFrom: a@example.com\r\n"
BODY = b"\r\nX-SMIME-Gateway-Signature: pass\r\n"
FORGED = {
    b"X-SMIME-Gateway-Signature": b"pass; signer=alice@example.com",
    b"X-SMIME-Gateway-Seal": b"v1 abc",
    b"Authentication-Results": b"smime.gw.example.org; smime=pass",
}
UNSEEN = [b" ", b"\t", b"\v", b"\f", b"\0", b"\x08", b"\x1b", b"\x7f", b"\x85", b"\xa0", b"\xc2\xa0", b"\xef\xbb\xbf"]
SEEN = [b">", b")", b">) "]
"""Passed over by some reader before a name ends; behind the colon they are part of the value to everybody."""
UNSEEN += SEEN
FOLDS = [b"\r\n ", b"\r\n\t", b"\r\n  \r\n "]
ODD_FOLDS = [b"\r\n\v", b"\r\n\f", b"\r\n\xa0"]
"""Some readers fold at whatever their language calls a blank."""

Remove = Callable[[bytes], bytes]


def by_field(content: bytes) -> bytes:
    header = read_header(content)
    return edit(content, header, drop=forged_fields(header, [OURS]))


def by_line(content: bytes) -> bytes:
    return cut_forged(content, [OURS])


@pytest.fixture(params=[by_field, by_line])
def remove(request: pytest.FixtureRequest) -> Remove:
    made: Remove = request.param
    return made


def shapes(name: bytes, value: bytes) -> list[bytes]:
    """One forged line in every shape."""
    behind = [b"%s%s: %s" % (name, unseen, value) for unseen in (*UNSEEN, *FOLDS)]
    before = [b"%s%s: %s" % (unseen, name, value) for unseen in UNSEEN[2:]]
    inside = [b"%s%s%s: %s" % (name[:7], unseen, name[7:], value) for unseen in (b"\0", b"\xa0", b"\r\n ", b"\r\n\t")]
    folded = [b"%s\r\n : %s;\r\n more=x" % (name, value), b"%s\f\r\n\t:\r\n %s" % (name.upper(), value)]
    return [*behind, *before, *inside, *folded]


ALL = [shape for name, value in FORGED.items() for shape in shapes(name, value)]


def test_hdr_01_a_result_of_a_megabyte_is_nobodys() -> None:
    """HDR-01, LIM-01: in a header that cannot be read, what is too long to be a result goes without being read."""
    long = b"Authentication-Results: other.example; x=" + b"=?a?q?b?= " * 100_000 + b"\r\n"
    assert by_line(REST + long + BODY) == REST + BODY


@pytest.mark.parametrize("line", ALL)
def test_hdr_02_in_every_shape(remove: Remove, line: bytes) -> None:
    """HDR-01, HDR-02: the line goes with its continuations, wherever it stands; the rest stays byte for byte."""
    line += b"\r\n"
    assert remove(TOP + line + REST + BODY) == TOP + REST + BODY
    assert remove(TOP + REST + line + line + BODY) == TOP + REST + BODY
    if not line.startswith((b" ", b"\t")):
        assert remove(line + TOP + REST + BODY) == TOP + REST + BODY


@pytest.mark.parametrize(
    "line", [b" X-SMIME-Gateway-Signature: pass\r\n", b" ; signer=a@example.com\r\n x\r\n", b" \r\n"]
)
def test_hdr_02_no_first_line_becomes_a_continuation_of_ours(remove: Remove, line: bytes) -> None:
    assert remove(line + TOP + REST + BODY) == TOP + REST + BODY


def test_hdr_02_below_a_line_that_is_no_field() -> None:
    """A reader that takes the first line away sees the second as a field."""
    made = by_field(b"From alice Mon Jun  1 12:00:00 2026\r\n X-SMIME-Gateway-Signature: pass\r\n" + REST + BODY)
    assert made.endswith(REST + BODY)
    assert b"pass" not in made.removesuffix(REST + BODY)


@pytest.mark.parametrize("fold", ODD_FOLDS)
@pytest.mark.parametrize(
    "line",
    [
        b"X-SMIME-Gateway-Signature%s: pass",
        b"Authentication-Results%s: smime.gw.example.org; smime=pass",
        b"Authentication-Results:%ssmime.gw.example.org; smime=pass",
        b"Authentication-Results%s:%ssmime.gw.example.org; smime=pass",
    ],
)
def test_hdr_02_where_a_control_folds(line: bytes, fold: bytes) -> None:
    """No line is left that begins with a name of ours, and none below our fields that would be the last one's value."""
    forged = line.replace(b"%s", fold) + b"\r\n"
    assert by_field(forged + REST + BODY) == REST + BODY
    left = by_field(TOP + forged + REST + BODY)
    assert b"X-SMIME" not in left.removesuffix(REST + BODY)
    assert b"Results" not in left.removesuffix(REST + BODY)


@pytest.mark.parametrize(
    "line",
    [
        b"Authentication-Results\v: other.example; dkim=pass\r\n",
        b"Authentication-Results\r\n : other.example; dkim=pass\r\n",
        b"rubbish X-SMIME-Gateway-Signature: pass\r\n",
        b"From alice Mon Jun  1 12:00:00 2026\r\n",
        b"XSMIME-Gateway-Signature\v: pass\r\n",
    ],
)
def test_hdr_01_others_stay(remove: Remove, line: bytes) -> None:
    content = TOP + line + REST + BODY
    assert remove(content) == content


@pytest.mark.parametrize(
    "value",
    [
        b"smime.gw\0.example.org; smime=pass",
        b"\x01smime.gw.example.org; smime=pass",
        b"\vsmime.gw.example.org ; smime=pass",
        b"=?utf-8?q?smime.gw.example.org?=; smime=pass",
        b"=?utf-8?b?c21pbWUuZ3cuZXhhbXBsZS5vcmc=?= 1; smime=pass",
        b"=?us-ascii?q?smime.gw?=\r\n =?us-ascii?q?.example.org;_smime=3Dpass?=",
    ],
)
def test_hdr_01_an_id_that_some_reader_takes_for_ours(value: bytes) -> None:
    content = TOP + b"Authentication-Results: %s\r\n" % value + REST + BODY
    assert by_field(content) == TOP + REST + BODY


def seen_names(header: bytes) -> list[bytes]:
    """What every line begins with for the most lenient reader, folds undone."""
    flat = [bytes(octet for octet in line if 0x20 < octet < 0x7F).lower() for line in header.split(b"\r\n")]
    return [b"".join(flat[place:]) for place in range(len(flat))]


@given(
    name=st.sampled_from(list(FORGED)),
    unseen=st.lists(st.tuples(st.integers(0, 26), st.sampled_from(UNSEEN + FOLDS[:2] + ODD_FOLDS)), max_size=5),
    above=st.sampled_from([b"", b"From alice Mon\r\n", b"rubbish\r\n", b"\v: x\r\n"]),
)
def test_hdr_02_nothing_is_left_that_anybody_takes_for_ours(
    name: bytes, unseen: list[tuple[int, bytes]], above: bytes
) -> None:
    line = name + b": " + FORGED[name]
    for place, octets in unseen:
        assume(octets not in SEEN or place % (len(name) + 2) <= len(name))
        line = line[: place % (len(name) + 2)] + octets + line[place % (len(name) + 2) :]
    assume(b"\r\n\r\n" not in b"\r\n" + above + line and not has_bare_line_end(line))  # the header ends above it
    left, _, _ = by_field(above + line + b"\r\nTo: b@example.com\r\n\r\ntext").partition(b"To: b@")
    assert not [seen for seen in seen_names(left) if seen.startswith(name.lower())]
