"""Content transfer encodings, against the standard library and against themselves."""

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.mail.transfer import (
    decode,
    decode_base64,
    encode_base64,
    encode_quoted_printable,
    is_exact_base64,
    is_exact_quoted_printable,
)

TEXT = st.lists(
    st.text("abc=. \t-", max_size=90).map(str.encode) | st.sampled_from([b"From x", b"--b", "ä€".encode() * 20, b"."]),
    max_size=8,
).map(b"\r\n".join)


@given(st.binary(max_size=400))
def test_base64_round_trips_in_short_lines(data: bytes) -> None:
    encoded = encode_base64(data)
    assert base64.b64decode(encoded) == decode_base64(encoded) == data
    assert is_exact_base64(encoded)
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert encoded.endswith(b"\r\n") or not data


def test_base64_of_several_blocks_has_no_seam() -> None:
    data = bytes(range(256)) * 700
    lines = encode_base64(memoryview(data)).split(b"\r\n")
    assert {len(line) for line in lines[:-2]} == {76}
    assert base64.b64decode(b"".join(lines)) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"YWJj", b"abc"),
        (b" YW\r\nJj\t", b"abc"),
        (b"YWI", b"ab"),
        (b"YQ", b"a"),
        (b"YWJjZ", b"abc"),
        (b"Y*W!Jj\xff", b"abc"),
        (b"", b""),
        (b"=", b""),
    ],
)
def test_base64_is_read_tolerantly(text: bytes, data: bytes) -> None:
    assert decode(text, "base64") == data


@pytest.mark.parametrize("text", [b"YWI", b"YW*Jj", b"YQ==YQ==", b"YWJj=", b"Y===", b"YWJj\xff"])
def test_base64_that_needs_guessing_is_not_exact(text: bytes) -> None:
    assert not is_exact_base64(text)


@given(TEXT)
def test_out_06_quoted_printable_round_trips_without_traps(text: bytes) -> None:
    encoded = encode_quoted_printable(text)
    assert quopri.decodestring(encoded) == decode(encoded, "quoted-printable") == text
    assert is_exact_quoted_printable(encoded)
    lines = encoded.split(b"\r\n")
    assert all(len(line) <= 76 and not line.endswith((b" ", b"\t")) for line in lines)
    assert not any(line.startswith(b"From ") for line in lines)
    assert b"\n" not in encoded.replace(b"\r\n", b"")


@pytest.mark.parametrize("dashes", range(2, 90))
def test_a_soft_break_brings_no_boundary_to_the_start_of_a_line(dashes: int) -> None:
    text = b"x" * 75 + b"-" * dashes + b"boundary"
    encoded = encode_quoted_printable(text)
    assert quopri.decodestring(encoded) == text
    assert not any(line.startswith(b"--") for line in encoded.split(b"\r\n"))


@pytest.mark.parametrize(
    ("text", "exact"),
    [(b"a=3D=\r\nb", True), (b"end=", True), (b"a=3d", True), (b"a=ZZ", False), (b"a= \r\n", False), (b"a=\nb", False)],
)
def test_quoted_printable_is_exact_where_every_escape_is_whole(text: bytes, exact: bool) -> None:
    assert is_exact_quoted_printable(text) is exact


def test_an_unknown_encoding_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode(b"begin 644 x", "x-uuencode")


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"--b", b"From x", b"=", b" "])).map(b"".join)
)
def test_quoted_printable_of_any_octets_gives_them_back(data: bytes) -> None:
    encoded = encode_quoted_printable(data, binary=True)
    assert quopri.decodestring(encoded) == data
    assert is_exact_quoted_printable(encoded)
    lines = encoded.split(b"\r\n")
    assert all(len(line) <= 76 and not line.endswith((b" ", b"\t")) for line in lines)
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
