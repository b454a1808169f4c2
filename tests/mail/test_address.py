"""One address: paths, folding, details, certificates' mail names."""

import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.mail.address import folded, index_key, is_route, parse_path, same_mailbox, without_detail

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@pytest.mark.parametrize(
    "path",
    [
        "alice@example.org",
        "a.b+c@example.org",
        "o'neill!#$%&*/=?^_`{|}~-@example.org",
        '"alice smith"@example.org',
        '"a@b"@example.org',
        '"a\\"b"@example.org',
        "alice@[127.0.0.1]",
        "alice@[IPv6:2001:db8::1]",
        "älice@exämple.org",
        "用户@例え.jp",
        "a_b@mail_host.example",
        "a" * 64 + "@example.org",
    ],
)
def test_paths_keep_their_address(path: str) -> None:
    assert parse_path(f"<{path}>".encode()) == path
    assert parse_path(f"<{path}>") == path
    assert parse_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "<>",
        "<postmaster>",
        "<alice>",
        "<@example.org>",
        "<alice@>",
        "<alice@example..org>",
        "<alice@example.org.>",
        "<alice@-example.org>",
        "<alice@example-.org>",
        "<.alice@example.org>",
        "<ali..ce@example.org>",
        "<alice@a@b>",
        "<a b@example.org>",
        "<alice@exam ple.org>",
        "<alice@example.org",
        "alice@example.org>",
        "<<alice@example.org>>",
        "<@relay.example,@other.example:alice@example.org>",
        "<alice@example.org>\r\nRCPT TO:<eve@example.com>",
        "<alice@example.org\0>",
        "<ali\0ce@example.org>",
        '<"ali\x01ce"@example.org>',
        '<"ali\tce"@example.org>',
        "<alice\u202e@example.org>",
        "<alice\u2028@example.org>",
        "<alice\ud800@example.org>",
        "<alice@[127.0.0.1>",
        "<alice@[a<b]>",
        "<" + "a" * 65 + "@example.org>",
        "<alice@" + "a." * 130 + "org>",
        "<alice@" + "a" * 250 + ">",
        "<ä" + "ö" * 32 + "@example.org>",
    ],
)
def test_smt_04_bad_paths_are_refused_without_being_repeated(path: str) -> None:
    with pytest.raises(Malformed, match=r"^address: ") as refusal:
        parse_path(path)
    assert not path or path not in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_smt_04_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(Malformed, match="UTF-8"):
        parse_path(b"<\xe4lice@example.org>")


def test_the_null_path_and_postmaster_need_permission() -> None:
    assert parse_path(b"<>", null=True) == ""
    assert parse_path(b"<PostMaster>", postmaster=True) == "PostMaster"
    with pytest.raises(Malformed):
        parse_path(b"<>", postmaster=True)
    with pytest.raises(Malformed):
        parse_path(b"<postmaster>", null=True)


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_smt_04_an_accepted_path_can_inject_nothing(path: bytes | str) -> None:
    try:
        address = parse_path(path, null=True, postmaster=True)
    except Malformed:
        return
    assert not any(unicodedata.category(character) == "Cc" for character in address)
    assert len(address.encode()) <= 254


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice@Example.ORG", "alice@example.org"),
        ('"alice"@example.org', "alice@example.org"),
        ('"ali\\ce"@example.org', "alice@example.org"),
        ("alice@EXÄMPLE.org", "alice@xn--exmple-cua.org"),
        ("alice@ex\u0061\u0308mple.org", "alice@exämple.org"),
        ("J\u00f6rg@x.org", "jo\u0308rg@x.org"),
        ("ÄRGER@x.org", "Ärger@x.org"),
        ('"A b"@x.org', '"a b"@x.org'),
        ("postmaster", "Postmaster"),
        ("a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"),
    ],
)
def test_crt_03_spellings_of_one_mailbox_fold_together(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice@example.org", "\u0430lice@example.org"),  # Cyrillic a
        ("alice@example.org", "alice@ex\u0430mple.org"),
        ("INFO@x.org", "\u0131nfo@x.org"),  # Turkish dotless i
        ("info@x.org", "\u0130nfo@x.org"),  # Turkish dotted I
        ("ÄÖÜ@x.org", "äöü@x.org"),
        ("\u212aate@x.org", "kate@x.org"),  # Kelvin sign
        ("\u212aate@x.org", "Kate@x.org"),
        ("a\u1fef@x.org", "a`@x.org"),  # Greek varia, canonically a grave accent
        ("straße@x.org", "strasse@x.org"),
        ("a@straße.de", "a@strasse.de"),
        ("alice@example.org", "alice@example.org."),
        ('"a b"@x.org', "ab@x.org"),
        ('"a.@"@x.org', "a.@x.org"),
        ("a+b@x.org", "a@x.org"),
    ],
)
def test_crt_03_look_alikes_stay_apart(one: str, other: str) -> None:
    assert folded(one) != folded(other)
    assert folded(one, fold=False) != folded(other, fold=False)


LETTERS = st.sampled_from('aAkKiI\u212a\u0131\u0130äÄ\u0308\u0300ßẞσΣς"\\.@ ') | st.characters()


@given(st.text(LETTERS, max_size=8), st.text(LETTERS, max_size=8), st.booleans())
@example("J\u00f6rg", "Jo\u0308rg", False)
def test_what_is_the_same_has_one_place_in_the_store(one: str, other: str, fold: bool) -> None:
    variants = (other, one.swapcase(), unicodedata.normalize("NFD", one), f'"{one}"')
    for variant in variants:
        if folded(f"{one}@x.org", fold=fold) == folded(f"{variant}@x.org", fold=fold):
            assert index_key(f"{one}@x.org") == index_key(f"{variant}@x.org")


@given(st.text(LETTERS, max_size=12))
def test_only_ascii_letters_fold(local: str) -> None:
    once, never = folded(f"{local}@x.org"), folded(f"{local}@x.org", fold=False)
    assert once.translate(LOWER) == never.translate(LOWER)


@pytest.mark.parametrize("address", ["mallory%evil@x.org", "evil!mallory@x.org", '"mallory@evil"@x.org', "a@b@x.org"])
def test_a_route_is_told(address: str) -> None:
    assert is_route(address)


@pytest.mark.parametrize("address", ["mallory@x.org", "mallory+evil@x%y", "@x.org", "postmaster", '"a b"@x.org'])
def test_no_route_is_told(address: str) -> None:
    assert not is_route(address)


def test_the_case_of_local_parts_counts_where_it_is_asked_to() -> None:
    assert folded("Alice@Example.org", fold=False) == "Alice@example.org"
    assert folded('"Alice"@Example.org', fold=False) == "Alice@example.org"


@given(st.text(max_size=30), st.text(max_size=20), st.booleans())
def test_folding_twice_changes_nothing(local: str, domain: str, fold: bool) -> None:
    once = folded(f"{local}@{domain}", fold=fold)
    assert folded(once, fold=fold) == once


@pytest.mark.parametrize(
    ("address", "delimiter", "expected"),
    [
        ("user+tag@example.org", "+", "user@example.org"),
        ("user+a+b@example.org", "+", "user@example.org"),
        ("user-a+b@example.org", "+-", "user@example.org"),
        ("user+tag@example.org", "", "user+tag@example.org"),
        ("user@example.org", "+", "user@example.org"),
        ("+tag@example.org", "+", "+tag@example.org"),
        ('"user+tag"@example.org', "+", '"user+tag"@example.org'),
        ("user@exa+mple.org", "+", "user@exa+mple.org"),
        ("postmaster", "+", "postmaster"),
    ],
)
def test_detail(address: str, delimiter: str, expected: str) -> None:
    assert without_detail(address, delimiter) == expected


@pytest.mark.parametrize(
    ("name", "address", "same"),
    [
        ("alice@example.org", "alice@EXAMPLE.org", True),
        ("alice@xn--exmple-cua.org", "alice@exämple.org", True),
        ("Alice@example.org", "alice@example.org", True),
        ('"alice"@example.org', "alice@example.org", True),
        ("Älice@example.org", "älice@example.org", False),
        ("alice+x@example.org", "alice@example.org", False),
        ("alic.@example.org", "alice@example.org", False),
        ("*@example.org", "alice@example.org", False),
        (".*@example.org", "alice@example.org", False),
        ("alice@good.org", "alice@good.org\0@evil.org", False),
        ("alice@example.org", "alice@example.org.", False),
        ("alice@example.org", "malice@example.org", False),
        ("@example.org", "@example.org", False),
        ("", "", False),
        ("\u0430lice@example.org", "alice@example.org", False),
    ],
)
def test_crt_02_certificates_name_one_mailbox(name: str, address: str, same: bool) -> None:
    assert same_mailbox(name, address) is same


def test_crt_02_letter_case_counts_where_it_is_asked_to() -> None:
    assert not same_mailbox("Alice@example.org", "alice@example.org", fold=False)
    assert same_mailbox("Alice@EXAMPLE.org", "Alice@example.org", fold=False)
