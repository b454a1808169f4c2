"""The author: who is one to every reader, who is nobody, and what is said of it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.mail.author import Author, read_author, sole_mailbox
from gateway.mail.header import read_header

ALICE, MALLORY = "alice@x.org", "mallory@evil.org"


def words(text: str, charset: str = "utf-8", *, cut: int = 100) -> str:
    """``text`` in encoded words (Q) of at most ``cut`` octets each."""
    octets = text.encode(charset)
    parts = [octets[at : at + cut] for at in range(0, len(octets), cut)]
    return " ".join(f"=?{charset}?q?" + "".join(f"={octet:02X}" for octet in part) + "?=" for part in parts)


def author(*fields: str | bytes) -> Author:
    lines = [field if isinstance(field, bytes) else field.encode() for field in fields]
    return read_author(read_header(b"".join(line + b"\r\n" for line in lines) + b"\r\n"))


def verdict(value: str | bytes) -> str:
    """``alice``, ``alice, names other``, or why there is no author."""
    found = author(b"From: " + (value.encode() if isinstance(value, str) else value))
    if found.address is None:
        return found.fault or "no reason given"
    assert found.address.lower() == ALICE
    return "alice, names other" if found.names_other else "alice"


@pytest.mark.parametrize(
    "value",
    [
        "alice@x.org",
        "<alice@x.org>",
        "Alice <alice@x.org>",
        "Alice < alice@x.org >",
        "Alice <\r\n\talice@x.org>",
        "Alice\r\n <alice@x.org>",
        '"Alice, of X" <alice@x.org>',
        '"Alice \\"Al\\" X" <alice@x.org>',
        "alice@x.org (Alice (of X))",
        "Dr. Alice <alice@x.org>",
        "alice@x.org <alice@x.org>",
        "Alice@X.org <alice@x.org>",
        '"alice@x.org" <alice@x.org>',
        "\"'alice@x.org'\" <alice@x.org>",
        '"Alice <alice@x.org>" <alice@x.org>',
        '"Alice \\"alice@x.org\\"" <alice@x.org>',
        "Alice (alice@x.org) <alice@x.org>",
        "Jörg <alice@x.org>",
        "Jörg <alice@x.org>".encode("latin-1"),
        "Jörg – € <alice@x.org>".encode("cp1252"),
        b"\x83\x65\x83X\x83g <alice@x.org>",
        words("Jörg") + " <alice@x.org>",
        words("Müller, Max") + " <alice@x.org>",
        words("Müller (Einkauf)") + " <alice@x.org>",
        words('"Müller"') + " <alice@x.org>",
        words("Müller (Einkauf und Vertrieb)", cut=9) + " <alice@x.org>",
        words("Jörg M\x96", "iso-8859-1") + " <alice@x.org>",
        words("Müller; O'Neill / [x] & Co.") + " <alice@x.org>",
        f'"{words("Jörg")}" <alice@x.org>',
        f"alice@x.org ({words('Jörg')})",
        words("alice@x.org") + " <alice@x.org>",
        words("Müller, Alice (alice@x.org)") + " <alice@x.org>",
        words("alice@x.org", cut=3) + " <alice@x.org>",
        words("斎藤 一", "iso-2022-jp") + " <alice@x.org>",
        words("一二三", "big5") + " <alice@x.org>",
        "=?utf-7?q?J+APY-rg?= <alice@x.org>",
        "=?unknown-8bit?q?J=F6rg?= <alice@x.org>",
    ],
)
def test_one_author(value: str | bytes) -> None:
    assert verdict(value) == "alice"


@pytest.mark.parametrize(
    "value",
    [
        '"Per conto di: mallory@evil.org" <alice@x.org>',
        '"mallory@evil.org via List" <alice@x.org>',
        '"mallory@evil" <alice@x.org>',
        "alice@x.org (mallory@evil.org)",
        "Alice (old: mallory@evil.org) <alice@x.org>",
        "Dr. Alice (mallory@evil.org) <alice@x.org>",
        f'{words("Jörg")} "mallory@evil.org" <alice@x.org>',
        f'"{words("Jörg")} mallory@evil.org" <alice@x.org>',
        '"alice@x.org, mallory@evil.org" <alice@x.org>',
    ],
)
def test_another_address_in_plain_text_is_text_and_is_told(value: str) -> None:
    assert verdict(value) == "alice, names other"


@pytest.mark.parametrize(
    "value",
    [
        words(MALLORY) + " <alice@x.org>",
        words(f"Mallory <{MALLORY}>,") + " <alice@x.org>",
        words("mallory @ evil.org") + " <alice@x.org>",
        words("Café @ Home") + " <alice@x.org>",
        words(MALLORY, cut=5) + " <alice@x.org>",
        words(MALLORY, cut=1) + " <alice@x.org>",
        f"mallory {words('@')} evil.org <alice@x.org>",
        f"mallory{words('@')}evil.org <alice@x.org>",
        f'"{words(MALLORY)}" <alice@x.org>',
        f"alice@x.org ({words(MALLORY)})",
        f"alice@x.org ({words(f'x), Mallory <{MALLORY}> (')})",
        words("alice@x.org.evil.org") + " <alice@x.org>",
        words("alice@x.org") + words("@evil.org") + " <alice@x.org>",
        words("malice@x.org") + " <alice@x.org>",
        f'"x" {words("alice@x.org")} <alice@x.org>',
        f"Max {words('alice@x.org')} <alice@x.org>",
        f"=?utf-8*en?q?{MALLORY.replace('@', '=40')}?= <alice@x.org>",
        "=?utf-7?q?mallory+AEA-evil.org?= <alice@x.org>",
        "=?utf-7?q?mallory+AE?= =?utf-7?q?A-evil.org?= <alice@x.org>",
        words(MALLORY, "utf-16") + " <alice@x.org>",
        words(MALLORY, "cp037") + " <alice@x.org>",
        words(MALLORY, "cp500").replace("cp500", "ibm500") + " <alice@x.org>",
        "=?iso-2022-jp?q?=1B$B?= =?iso-2022-jp?q?mallory=40evil.org?= <alice@x.org>",
        f"=?x-nobodys?q?{MALLORY.replace('@', '=40')}?= <alice@x.org>",
        f"=?utf-8?b?{base64.b64encode(MALLORY.encode()).decode().rstrip('=')}?= <alice@x.org>",
        "=?utf-8?b?bWFsbG9yeUBldmls=LA==?= <alice@x.org>",
        "=?utf-8?q?mallory==40evil.org?= <alice@x.org>",
        "=?utf-8?q?mallory=40evil.org <alice@x.org>",
        words(words(MALLORY)) + " <alice@x.org>",
        '"<mallory@evil.org>" <alice@x.org>',
        '"Mallory <mallory@evil.org" <alice@x.org>',
        "alice@x.org (<mallory@evil.org>)",
        '"mallory\\@evil.org" <alice@x.org>',
        '"alice@x.org\\.evil" <alice@x.org>',
        '"x\\" <mallory@evil.org>, \\"" <alice@x.org>',
        '"x\\"y" "mallory@evil.org" <alice@x.org>',
        "alice@x.org (a\\)mallory@evil.org)",
        "mallory@evil.org <alice@x.org>",
        "Mallory mallory@evil.org <alice@x.org>",
        "mal ice@x.org <alice@x.org>",
        "m alice@x.org <alice@x.org>",
        f'{words(",")} "mallory@evil.org" <alice@x.org>',
        f'"mallory@evil.org" {words("a]")} <alice@x.org>',
        f'{words(chr(34))} "Per conto di: mallory@evil.org" <alice@x.org>',
        f'"{words("x" + chr(34) + " <")}mallory@evil.org" <alice@x.org>',
        '"x mallory@evil.org"J. <alice@x.org>',
        "(mallory@evil.org) J.(x) <alice@x.org>",
        '"Jörg mallory@evil.org" <alice@x.org>'.encode("latin-1"),
        "alice@x.org (a  mallory@evil.org)",
        "(mallory@evil.org) J. (x) Max <alice@x.org>",
        '"a\r\n mallory@evil.org" <alice@x.org>',
        '"mallory@evil.org\r\n a" <alice@x.org>',
        '"alice@x.org\r\n .evil.org" <alice@x.org>',
        "<alice@x.org> (a\r\n mallory@evil.org)",
        "alice@x.org (a(b\r\n ).evil.org)",
        "alice@x.org (a (b (\r\n ) ) evil)",
        "=?utf-8?q?boss.?= =?gb2312?q?*。'?=<alice@x.org>",
    ],
)
def test_a_second_author(value: str | bytes) -> None:
    assert verdict(value).startswith("From: ")


@pytest.mark.parametrize("control", ["\0", "\t", "\n", "\r\nFrom: mallory@evil.org", "\x7f", "\x85", "\u2028"])
def test_a_control_in_an_encoded_word_is_always_one(control: str) -> None:
    for value in (f"{words(f'alice@x.org{control}')} <alice@x.org>", f'"{words(control)}" <alice@x.org>'):
        assert verdict(value) == "From: an encoded word holds a control character"


@pytest.mark.parametrize(
    "name", ["<a", "a>", "<a>", "a\\", "a: b", ")", "(", '"', 'a" b', "a) com (", "al <al"], ids=ascii
)
def test_an_encoded_word_that_moves_the_address(name: str) -> None:
    """``lice@x.org`` behind ``<a`` is ``alice@x.org`` to some."""
    assert verdict(f"{words(name)} <alice@x.org>").startswith("From: ")
    if name != "a: b":
        assert verdict(f"alice@x.org ({words(name)})").startswith("From: ")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "an address is missing"),
        ("Alice", "no address stands there"),
        ("[Ticket] Alice <alice@x.org>", "a square bracket stands in a name without quotes"),
        ("Support: Alice <alice@x.org>", "a colon stands in a name without quotes, or it is a group"),
        ("Team: alice@x.org;", "a colon stands in a name without quotes, or it is a group"),
        ("undisclosed:;", "a colon stands in a name without quotes, or it is a group"),
        ("X, Alice <alice@x.org>", "a comma stands in a name without quotes"),
        ("al@x <alice@x.org>", "another address stands in a name without quotes"),
        ("'alice@x.org' <alice@x.org>", "an @ stands in a name without quotes"),
        ("alice@x.org Al <alice@x.org>", "an @ stands in a name without quotes"),
        ("<alice@x.org> <bob@x.org>", "something stands behind an address"),
        ("Al Al@x <alice@x.org>", "an @ stands in a name without quotes"),
        ("<<alice@x.org>>", "angle brackets stand in one another"),
        ("<alice@x.org", "an angle bracket is not closed"),
        ("<mailto:alice@x.org>", "mailto: stands before the address"),
        ("<@y.org:alice@x.org>", "a source route stands before the address"),
        ("alice@x.org,", "an address is missing"),
        (", alice@x.org", "an address is missing"),
        ("alice@x.org;", "something stands behind an address"),
        ("alice@x.org, bob@x.org", "more than one address"),
        ("alice@x.org.", "something stands behind an address"),
        ('"Alice <alice@x.org>', "an address that is not well formed"),
        ("(Alice alice@x.org", "header value: a comment does not end"),
        ("(c)<(c)alice@x.org>", "a comment stands within the angle brackets, or an encoded word moves the address"),
        ("ali\0ce@x.org", "a control character"),
        ("alic\u200be@x.org", "an address holds an encoded word or characters that are not seen"),
        (b"\xe4lice@x.org", "an address that is no UTF-8"),
    ],
)
def test_what_cannot_be_read_says_what_is_wrong_with_it(value: str | bytes, fault: str) -> None:
    assert verdict(value) == f"From: {fault}"


@pytest.mark.parametrize(
    "value",
    [
        '"Smith (Sales,\r\n Floor 3),\r\n\tAlice" <alice@x.org>',
        "alice@x.org (Alice\r\n Smith, Sales)",
        "Alice (Sales (North))\r\n <alice@x.org>",
        "Alice\r\n (alice@x.org)\r\n <alice@x.org>\r\n",
        '"Alice  Smith" <alice@x.org> (Floor  3)',
        "=?utf-8?q?Alice?=\r\n =?utf-8?q?_=28Sales=29?= <alice@x.org>",
    ],
)
def test_a_folded_name_is_a_name(value: str) -> None:
    assert author(f"From: {value}") == Author(ALICE)


def test_there_is_one_from_field() -> None:
    assert author("Sender: alice@x.org").fault == "no From field"
    assert author("From: alice@x.org", "FROM : alice@x.org").fault == "more than one From field"
    assert author("Resent-From: bob@y.org", "From: alice@x.org", "Sender: bob@y.org") == Author(ALICE)


def test_a_quoted_local_part() -> None:
    for value in (b'"a b@c d" <"alice smith"@x.org>', b'"a b@c d" "x" (y) < "alice smith"@x.org > (z)'):
        assert sole_mailbox(value) == ('"alice smith"@x.org', True)
    assert sole_mailbox(b'(a)\r\n <"(alice"@x.org>\r\n (b)') == ('"(alice"@x.org', False)
    with pytest.raises(Malformed):
        sole_mailbox(b'"a <b@c>" <"alice smith"@x.org>')


def test_letter_case_of_the_own_address_counts_where_it_is_asked_to() -> None:
    value = words("ALICE@x.org").encode() + b" <alice@x.org>"
    assert sole_mailbox(value) == (ALICE, False)
    with pytest.raises(Malformed):
        sole_mailbox(value, fold=False)


NAMES = st.lists(
    st.sampled_from(["=?utf-8?q?", "?=", "=40", "=22", '"', "\\", "(", ")", "<", ">", "@", ",", ":", "a.b "])
)


@given(NAMES, NAMES)
def test_whatever_stands_around_it_the_author_is_the_only_address_or_nobody(
    before: list[str], behind: list[str]
) -> None:
    value = f"{''.join(before)}<alice@x.org>{''.join(behind)}".encode()
    try:
        address, _ = sole_mailbox(value)
    except Malformed as error:
        assert str(error).isprintable()
    else:
        assert address == ALICE


@pytest.mark.parametrize("unit", ["(", "=?", "=?utf-8?q?a?= ", "a@b ", '"', "\\", "=?utf-8?q?=40?=", '"a" '])
def test_a_long_value_ends(unit: str) -> None:
    value = unit * (60_000 // len(unit)) + "<alice@x.org>"
    assert verdict(value)
