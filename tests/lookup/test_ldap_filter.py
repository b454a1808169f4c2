"""Filters, read and encoded, with an address that cannot change them (RFC 4515)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1.ber import read
from gateway.errors import Malformed
from gateway.lookup.ldap import FILTER
from gateway.lookup.ldap_filter import places_in, read_filter

MAIL = {"address": b"a@b", "local": b"a", "domain": b"b"}


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("(mail={address})", "a30b04046d61696c0403614062"),
        ("(!(cn=x))", "a209a30704 02636e040178"),
        ("(&(cn=x)(uid>=1))", "a012a3070402636e040178a5080403756964040131".replace("a012", "a013")),
        ("(cn=*)", "8702636e"),
        ("(cn=a*b*c)", "a40f0402636e3009800161810162820163"),
        ("(cn=*b*)", "a4090402636e3003810162"),
        ("(cn=\\2a\\28)", "a3080402636e04022a28"),
    ],
)
def test_filters_are_encoded_as_the_standard_says(text: str, encoded: str) -> None:
    assert read_filter(text).encoded(MAIL).hex() == encoded.replace(" ", "")


@given(st.text())
def test_whatever_an_address_holds_the_filter_stays_the_same(address: str) -> None:
    raw = address.encode("utf-8", "surrogatepass")
    whole = read(read_filter(FILTER).encoded({"address": raw, "local": raw, "domain": raw}))
    assert [child.children[1].value for child in whole.children] == [raw, b"smtp:" + raw]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail=x",
        "(mail=x",
        "(mail=x))",
        "()",
        "(&)",
        "(!(a=b)(c=d))",
        "(mail={who})",
        "(mail={address)",
        "(mail=\\zz)",
        "(cn>=*)",
        "(cn:dn:=x)",
        "(!" * 20 + "(a=b)" + ")" * 20,
        "(a=b)(c=d)",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read_filter(text)


@given(st.text(alphabet="()&|!=*\\{}ab0 >~", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_filter(text)
    except Malformed:
        return
    found.encoded(MAIL)


def test_places_are_known() -> None:
    assert places_in(read_filter("(&(mail={local}@x)(!(dc={domain})))")) == {"local", "domain"}
