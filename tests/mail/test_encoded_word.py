"""Encoded words, decoded as mail readers do."""

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.encoded_word import decode_charset, decode_words, encode_words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        ("schön".encode(), "schön"),
        ("schön".encode("latin-1"), "schön"),
        (b"=?iso-8859-1?Q?sch=F6n?=", "schön"),
        (b"=?UTF-8?B?c2Now7Zu?=", "schön"),
        (b"=?utf-8*de?q?sch=C3=B6n_hier?= und da", "schön hier und da"),
        (b"a =?utf-8?q?b?= =?iso-8859-1?q?=E4?= c", "a bä c"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=B6?=", "ö"),
        (b"=?utf-8?b?c2Now7Zu", "=?utf-8?b?c2Now7Zu"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?b?!!!?=x", "x"),
        (b"=?utf-8?b?YWJ?=", "ab"),
        (b"=?unknown-charset?q?sch=F6n?=", "schön"),
        (b"=?rot13?q?abc?=", "abc"),
        (b"=?idna?q?xn--a?=", "xn--a"),
        (b"=?utf-7?q?+AGE-?=", "a"),
    ],
)
def test_values_become_text(value: bytes, text: str) -> None:
    assert decode_words(value) == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60))
def test_encoding_round_trips_and_other_readers_agree(text: str) -> None:
    encoded = encode_words(text)
    if text.isascii():
        assert encoded == text.encode()
        return
    unfolded = encoded.replace(b"\r\n", b"")
    assert decode_words(unfolded) == text
    assert str(make_header(decode_header(unfolded.decode()))) == text


@given(st.binary(max_size=80) | st.text("=?utf-8*bBqQ_ =AZ", max_size=60).map(str.encode))
def test_nothing_makes_it_fail(value: bytes) -> None:
    assert isinstance(decode_words(value), str)


def test_invented_charsets_are_not_looked_up() -> None:
    assert decode_charset(b"abc", "hex") == "abc"
    assert decode_charset(b"abc", "cp9999") == "abc"


@pytest.mark.parametrize("unit", [b"=?", b"=?utf-8?q?a", b"=?utf-8?q?=41?= ", b"=?utf-8*", b"? "])
def test_lim_04_long_values_take_one_pass(unit: bytes) -> None:
    count = 100_000
    assert len(decode_words(unit * count)) >= count
