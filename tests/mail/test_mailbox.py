"""Addresses in header fields: the strict reading and the one that sees everything."""

import base64
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded, Malformed
from gateway.mail.mailbox import Mailbox, addresses_seen, mailboxes

ATOM = st.text("abcXYZ019!#$%&'*+/=^_`{|}~-", min_size=1, max_size=8)
LOCAL = st.lists(ATOM, min_size=1, max_size=3).map(".".join)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
NAME = st.sampled_from(
    ["", "Alice ", '"Alice, the <first>" ', "Alice Q. Public ", "=?utf-8?q?J=C3=B6rg?= ", "(c) Jörg "]
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"alice@x.org", ["alice@x.org"]),
        (b" alice@x.org\r\n", ["alice@x.org"]),
        (b"<alice@x.org>", ["alice@x.org"]),
        (b'"Alice (not Bob)" <alice@x.org>', ["alice@x.org"]),
        (b'"bob@y.org" <alice@x.org>', ["alice@x.org"]),
        (b"John Q. Public <alice@x.org>", ["alice@x.org"]),
        (b"(a (nested \\) comment)) alice@x.org (Alice)", ["alice@x.org"]),
        (b"Alice\r\n (folded)\r\n\t<alice@x.org>", ["alice@x.org"]),
        (b"< alice@x.org\t>", ["alice@x.org"]),
        (b"Alice <\r\n alice@x.org >", ["alice@x.org"]),
        (b"alice@x.org <alice@x.org>", ["alice@x.org"]),
        (b"Alice@X.org (c) <alice@x.org>, bob@y.org", ["alice@x.org", "bob@y.org"]),
        (b"J\xf6rg M\x96 <alice@x.org>", ["alice@x.org"]),
        (b'"alice smith"@x.org', ['"alice smith"@x.org']),
        (b"=?utf-8?q?J=C3=B6rg?= <joerg@x.org>", ["joerg@x.org"]),
        ("Jörg <jörg@exämple.org>".encode(), ["jörg@exämple.org"]),
        (b"a@x.org, B <b@y.org>,c@[127.0.0.1]", ["a@x.org", "b@y.org", "c@[127.0.0.1]"]),
    ],
)
def test_well_formed_lists(value: bytes, expected: list[str]) -> None:
    assert [mailbox.address for mailbox in mailboxes(value)] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"undisclosed-recipients:;", []),
        (b"Team: a@x.org, B <b@y.org>; , c@z.org", ["a@x.org", "b@y.org", "c@z.org"]),
        (b'"The, team" : a@x.org ;', ["a@x.org"]),
        (b"a@x.org, empty: ;", ["a@x.org"]),
    ],
)
def test_groups_are_read_where_they_are_allowed(value: bytes, expected: list[str]) -> None:
    assert [mailbox.address for mailbox in mailboxes(value, groups=True)] == expected


TRICKS = [
    b"alice@x.org <bob@y.org>",
    b"<alice@x.org> <bob@y.org>",
    b"alice@x.org)bob@y.org",
    b"alice@x.org bob@y.org",
    b"alice@x.org\0@bob@y.org",
    b"alice@x.org (comment <bob@y.org>",
    b'"alice@x.org <bob@y.org>',
    b"alice@x.org, bob@y.org,",
    b"alice@x.org; bob@y.org",
    b"alice@x.org\r\nFrom: bob@y.org",
    b"<@alice@x.org,@z.org:bob@y.org>",
    b"alice(c)@x.org, bob@y.org",
    b"alice @ x.org, bob@y.org",
    b"=?utf-8?q?alice=40x=2Eorg?=@y.org, bob@y.org",
    b"=?utf-8?b?YWxpY2VAeC5vcmc=?= bob@y.org",
    b"<alice@x.org>bob@y.org",
    b"alice@x.org,,bob@y.org",
    b"Group: alice@x.org; bob@y.org",
]
"""From values that name alice to some readers and bob to others."""


@pytest.mark.parametrize("value", TRICKS)
def test_sig_09_doubtful_values_are_refused(value: bytes) -> None:
    for groups in (False, True):
        with pytest.raises(Malformed):
            mailboxes(value, groups=groups)


@pytest.mark.parametrize("value", TRICKS)
def test_sig_09_both_addresses_of_a_trick_are_seen(value: bytes) -> None:
    assert {"alice@x.org", "bob@y.org"} <= set(addresses_seen(value))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"  \r\n",
        b"alice",
        b"Alice",
        b"<>",
        b"<alice>",
        b"alice@",
        b"@x.org",
        b"<alice@x.org",
        b"alice@x.org>",
        b"<(c)alice@x.org",
        b"<bob@y.org> <alice@x.org>",
        b"al ice@x.org <alice@x.org>",
        b"alice@x..org",
        b".alice@x.org",
        b"alice@@x.org",
        b"alice@x.org trailing",
        b"al\\ice@x.org",
        b"alice@x.org\x7f",
        b"\xe4lice@x.org",
        b"alice@x.org,",
        b",alice@x.org",
        b"Team: alice@x.org",
        b"Team: Inner: alice@x.org;;",
        b"alice@x.org;",
        "alice\u202e@x.org".encode(),
        b"a" * 65 + b"@x.org",
        b"(alice@x.org",
        b"alice@x.org (",
    ],
)
def test_sig_09_no_mailbox_no_answer(value: bytes) -> None:
    for groups in (False, True):
        with pytest.raises(Malformed):
            mailboxes(value, groups=groups)


def test_sig_09_a_group_is_no_author() -> None:
    with pytest.raises(Malformed):
        mailboxes(b"Team: alice@x.org;")


@given(st.lists(st.tuples(NAME, LOCAL, DOMAIN), min_size=1, max_size=4))
def test_strict_reading_agrees_with_the_standard_library(people: list[tuple[str, str, str]]) -> None:
    value = ", ".join(f"{name}<{local}@{domain}>" for name, local, domain in people)
    expected = [address for _, address in getaddresses([value])]
    assert [mailbox.address for mailbox in mailboxes(value.encode())] == expected
    assert set(expected) <= set(addresses_seen(value.encode()))


@given(st.binary(max_size=60) | st.text('ab@x.<>()[],;:"\\ =?\r\n', max_size=30).map(str.encode))
def test_sig_09_what_is_read_is_always_seen(value: bytes) -> None:
    seen = addresses_seen(value)
    try:
        found = mailboxes(value, groups=True)
    except Malformed:
        return
    for mailbox in found:
        if not mailbox.local.startswith('"') and "[" not in mailbox.domain:
            assert mailbox.address in seen


@pytest.mark.parametrize(
    "value",
    [
        b'"alice@x.org" <bob@y.org>',
        b"(alice@x.org) bob@y.org",
        b"Mail from [alice@x.org] <bob@y.org>",
        b"'alice@x.org' <bob@y.org>",
        b"=?utf-8?q?alice=40x=2Eorg?= <bob@y.org>",
        b"=?utf-16?b?" + base64.b64encode("alice@x.org".encode("utf-16")) + b"?= <bob@y.org>",
        b"=?utf-8?q?ali?= =?utf-8?q?ce=40x=2Eorg?= <bob@y.org>",
        b'"ali\\ce"@x.org, bob@y.org',
        b"alice@ x . org, bob@y.org",
        b"alice(a(b)c)@x.org, bob@y.org",
        b"ali\0ce@x.org, bob@y.org",
        b"alice@x.org.\r\n <bob@y.org>",
        b"\xff alice@x.org \xff bob@y.org",
    ],
)
def test_addresses_are_seen_wherever_they_hide(value: bytes) -> None:
    assert {"alice@x.org", "bob@y.org"} <= set(addresses_seen(value))


@pytest.mark.parametrize("count", [500, 20_000, 100_000])
def test_lim_03_nested_comments_end_at_a_limit(count: int) -> None:
    with pytest.raises(LimitExceeded):
        mailboxes(b"(" * count + b"alice@x.org")
    assert "alice@x.org" in addresses_seen(b"(" * count + b"alice@x.org")


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", [b"(", b"a", b" ", b"@", b'"', b"\\", b"a@b.c,", b"=?", b"=?utf-8?q?a?= ", b". ", b"<"]
)
def test_lim_04_a_megabyte_is_refused_by_the_strict_reading_and_survived_by_the_other(unit: bytes) -> None:
    value = unit * (1024 * 1024 // len(unit))
    with pytest.raises(LimitExceeded):
        mailboxes(value)
    assert all("@" in address for address in addresses_seen(value))


def test_a_mailbox_keeps_its_parts_as_written() -> None:
    assert mailboxes(b'"A b" <"x y"@Example.ORG>') == (Mailbox('"x y"', "Example.ORG"),)
