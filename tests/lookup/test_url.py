"""Which URLs are asked at all (row NET-01)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.lookup.url import MAX_LENGTH, Target, parse_url


@pytest.mark.parametrize(
    ("url", "expected", "authority"),
    [
        ("http://crl.example/a.crl", Target("http", "crl.example", 80, "/a.crl"), "crl.example"),
        ("HTTP://CRL.Example", Target("http", "crl.example", 80, "/"), "crl.example"),
        ("https://crl.example/?id=1", Target("https", "crl.example", 443, "/?id=1"), "crl.example"),
        ("http://crl.example:443/a%20b", Target("http", "crl.example", 443, "/a%20b"), "crl.example:443"),
        ("http://crl.example:/a#top", Target("http", "crl.example", 80, "/a"), "crl.example"),
        ("http://[2001:DB8::1]/a", Target("http", "2001:db8::1", 80, "/a"), "[2001:db8::1]"),
        ("http://x/CertEnroll/Some%20CA(1).crl", Target("http", "x", 80, "/CertEnroll/Some%20CA(1).crl"), "x"),
    ],
)
def test_what_is_asked_and_how(url: str, expected: Target, authority: str) -> None:
    assert parse_url(url) == expected
    assert parse_url(url).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "crl.example/a",
        "//crl.example/a",
        "http:/a",
        "http:///a",
        "ldap://crl.example/cn=x",
        "ldaps://crl.example/cn=x",
        "file:///etc/passwd",
        "ftp://crl.example/a",
        "gopher://crl.example/a",
        "data:,x",
        "javascript:1",
        "unix:/run/x",
        "http+unix://%2Frun%2Fx/a",
        "http://crl.example:25/a",
        "http://crl.example:8080/a",
        "http://crl.example:0/a",
        "http://crl.example:99999/a",
        "http://crl.example:x/a",
        "http://user@crl.example/a",
        "http://user:secret@crl.example/a",
        "http://crl.example@127.0.0.1/a",
        "http://@crl.example/a",
        "http://crl.example\\@127.0.0.1/a",
        "http://crl.example /a",
        "http://crl.example/a b",
        "http://crl.example/a\r\nHost: x",
        "http://crl.example/a\nb",
        "http://crl.example/\tb",
        "http://crl.example/\0",
        " http://crl.example/a",
        "http://crl.ex\u00e4mple/a",
        "http://\u2460.example/a",
        "http://crl%2eexample/a",
        "http://[fe80::1%25eth0]/a",
        "http://[::1/a",
        "http://::1/a",
        "http://crl.example,other.example/a",
        "http://crl.example/" + "a" * MAX_LENGTH,
    ],
)
def test_net_01_forbidden_shapes(url: str) -> None:
    with pytest.raises(Malformed):
        parse_url(url)


@given(st.text(max_size=60) | st.text(alphabet="htps:/@[]%.?#\\1a \r\n", max_size=60).map("http://".__add__))
def test_net_01_whatever_passes_is_plain(url: str) -> None:
    try:
        target = parse_url(url)
    except Malformed:
        return
    assert target.port in (80, 443)
    assert target.target.startswith("/")
    for part in (target.target, target.authority):
        assert part.isascii()
        assert part.isprintable()
        assert not set(part) & set(" \\")
    assert "@" not in target.authority  # in a path it names nobody (RFC 3986 §3.3)


@pytest.mark.parametrize("url", ["http://crl.example/@a", "http://crl.example/?mail=a@b.example"])
def test_an_at_sign_behind_the_host_names_nobody(url: str) -> None:
    assert parse_url(url).authority == "crl.example"
