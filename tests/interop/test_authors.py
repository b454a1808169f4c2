"""Readers of From judge our reading: whom we take for the author, each does, decoding first or not (row SIG-09)."""

import base64
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.mail.author import sole_mailbox
from tests.interop.readers.reader import Reader

OWN, OTHER = "k@f.co", "m@x.org"
CHARSETS = ["utf-8", "utf-8", "iso-8859-1", "windows-1252", "utf-7", "iso-2022-jp", "big5", "gb18030", "shift_jis"]
SIGNS = [*"()<>@,;:\\\".[]' \t", "\r\n ", "  ", "=?", "?=", "é", "\x85", "\xa0"]
WORDS = ["a", "Max", "com", "b c", OWN, OTHER, "m", "x.org", "k"]
ATOMS = ["Max", "a", "k", "J.", "é", "'a'", "=", "m", "co", "."]
BLANKS = ["", " ", " ", "  ", "\t", "\r\n "]

texts = st.lists(st.sampled_from([*SIGNS, *WORDS, *WORDS]), min_size=1, max_size=4).map("".join)
blanks = st.sampled_from(BLANKS)


def in_q(text: str, charset: str) -> str:
    octets = text.encode(charset, "replace")
    return f"=?{charset}?q?" + "".join(chr(o) if chr(o).isalnum() and o < 128 else f"={o:02X}" for o in octets) + "?="


def in_b(text: str, charset: str) -> str:
    return f"=?{charset}?b?{base64.b64encode(text.encode(charset, 'replace')).decode()}?="


def in_octets(text: str, charset: str) -> str:
    plain = "".join(letter for letter in text if letter not in " \t\r\n?_=")
    return f"=?{charset}?q?{plain}*é'?="


def without(signs: str) -> Callable[[str], str]:
    return lambda text: "".join(sign for sign in text if sign not in signs)


words = st.builds(
    lambda make, *text: make(*text),
    st.sampled_from([in_q, in_q, in_b, in_b, in_octets]),
    texts,
    st.sampled_from(CHARSETS),
)
quoted = st.one_of(
    texts.map(lambda text: text.replace("\\", "\\\\").replace('"', '\\"')),
    texts.map(without('\\"')),
    st.builds("{} {}".format, st.sampled_from(ATOMS), words),
    st.sampled_from([OTHER, f"x {OTHER} y", OWN, 'a\\"', "\\a"]),
).map('"{}"'.format)
comments = st.one_of(
    texts.map(without("\\()")),
    words,
    st.builds("{} {} {}".format, st.sampled_from(ATOMS), words, st.sampled_from(ATOMS)),
    st.sampled_from([OTHER, OWN, "(a)", "a\\(b", "a\\)b", "\\\\", 'a"b']),
).map("({})".format)
phrases = st.lists(
    st.tuples(st.one_of(st.sampled_from(ATOMS), words, words, quoted, comments), blanks).map("".join), max_size=4
).map("".join)
addresses = st.sampled_from([OWN, OWN, OWN.upper()])
in_brackets = st.tuples(st.just("<"), blanks, addresses, blanks, st.just(">")).map("".join)
behind = st.lists(st.tuples(blanks, comments).map("".join), max_size=2).map("".join)
values = st.one_of(
    st.tuples(phrases, blanks, in_brackets, behind),
    st.tuples(behind, blanks, addresses, behind),
    st.tuples(addresses, behind, in_brackets),
    st.tuples(phrases, in_brackets, phrases),
).map("".join)
octets = st.builds(lambda text, charset: text.encode(charset, "replace"), values, st.sampled_from(["utf-8", "latin-1"]))


def found_by(readers: list[Reader], value: bytes) -> Iterator[tuple[str, str]]:
    """Every address that some reader takes for an author's, with the reader's name."""
    for reader in readers:
        for reading in reader.read(b"From: " + value + b"\r\nSubject: x\r\n\r\nx\r\n").authors:
            for answer in reading:
                # What a reader cannot take apart it may give whole.
                for run in re.findall(r'[^\s<>(),;:"\\\x00-\x1f\ufffd?]+', answer):
                    if "@" in run.strip("@"):
                        yield run.strip("'.").lower(), reader.name


@given(octets)
def test_sig_09_one_author_to_us_is_one_to_every_reader(readers: list[Reader], value: bytes) -> None:
    try:
        own, _ = sole_mailbox(value)
    except Malformed:
        assume(False)
    assert own.lower() == OWN
    assert {address for address, _ in found_by(readers, value)} <= {OWN}, sorted(set(found_by(readers, value)))


@pytest.mark.parametrize(
    "value",
    [
        b"Kunde < k@f.co >",
        b"k@f.co <k@f.co>",
        "Müller <k@f.co>".encode(),
        "Müller <k@f.co>".encode("latin-1"),
        b'"Per conto di: m@x.org" <k@f.co>',
        b"=?utf-8?q?M=C3=BCller=2C_Max_=28k=40f=2Eco=29?= <k@f.co>",
        b"=?utf-8?q?k=40f=2Eco?= <k@f.co>",
    ],
)
def test_sig_09_readers_find_the_author(readers: list[Reader], value: bytes) -> None:
    assert sole_mailbox(value)[0] == OWN
    assert {name for address, name in found_by(readers, value) if address == OWN} == {each.name for each in readers}


@pytest.mark.parametrize(
    "value",
    [
        b"=?utf-8?q?m=40x=2Eorg?= <k@f.co>",
        b'"x\\" <m@x.org>, \\"" <k@f.co>',
        b"k@f.co (=?utf-8?q?x=29=2C_=3Cm=40x=2Eorg=3E_=28?=)",
        b'=?utf-8?q?=22?= "Per conto di: m@x.org" <k@f.co>',
        b"m@x.org <k@f.co>",
        b"=?utf-7?q?m+AEA-x.org?= <k@f.co>",
        b"<k@f.co> (a\r\n m@x.org)",
    ],
)
def test_sig_09_some_reader_is_misled_where_we_refuse(readers: list[Reader], value: bytes) -> None:
    with pytest.raises(Malformed):
        sole_mailbox(value)
    assert OTHER in {address for address, _ in found_by(readers, value)}
