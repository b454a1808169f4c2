"""The Content-Type field, well and badly written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded, Malformed
from gateway.mail.content_type import PARAMETERS_LIMIT, content_type


@pytest.mark.parametrize(
    ("value", "kind", "parameters"),
    [
        (b"text/plain", "text/plain", {}),
        (b"Text/HTML; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        (
            b'multipart/signed; protocol="application/pkcs7-signature";\r\n\tmicalg=sha-256; boundary="a;b=\\"c"',
            "multipart/signed",
            {"protocol": "application/pkcs7-signature", "micalg": "sha-256", "boundary": 'a;b="c'},
        ),
        (b"text/plain;", "text/plain", {}),
        (b"text/plain;; ; charset=utf-8;", "text/plain", {"charset": "utf-8"}),
        (b"text/plain (a comment; x=y) ; charset = utf-8 (more)", "text/plain", {"charset": "utf-8"}),
        (b"(c) text / plain; a=b", "text/plain", {"a": "b"}),
        (b"application/pdf; name=two words.pdf; x=1", "application/pdf", {"name": "two words.pdf", "x": "1"}),
        (b'multipart/mixed; boundary="not closed', "multipart/mixed", {"boundary": "not closed"}),
        (b"multipart/mixed; boundary=first; boundary=second", "multipart/mixed", {"boundary": "first"}),
        (b'text/plain; rubbish "boundary=no"; boundary=yes', "text/plain", {"boundary": "yes"}),
        (b'text/plain; x=""', "text/plain", {"x": ""}),
        (b"a/b; name*0=one; name*1=two; name*3=lost", "a/b", {"name": "onetwo"}),
        (b"a/b; name*1=two; name*0=one", "a/b", {"name": "onetwo"}),
        (b"a/b; name*=utf-8'de'sch%C3%B6n", "a/b", {"name": "schön"}),
        (b"a/b; name*0*=iso-8859-1''sch%F6; name*1=n%20; name*2*=%21", "a/b", {"name": "schön%20!"}),
        (b"a/b; name*=utf-8''other; name=plain", "a/b", {"name": "plain"}),
        (b"a/b; name*1=gap", "a/b", {"name": ""}),
        ("a/b; name=schön".encode(), "a/b", {"name": "schön"}),
        (b"a/b; name=sch\xf6n", "a/b", {"name": "sch\udcf6n"}),
        (b'a/b; name="open; boundary=x', "a/b", {"name": "open", "boundary": "x"}),
        (b'a/b; x="1;2"; name="a\\"b; boundary=y', "a/b", {"x": "1;2", "name": 'a\\"b', "boundary": "y"}),
        (b'a/b "; c=1"; d=2', "a/b", {"d": "2"}),
    ],
)
def test_values(value: bytes, kind: str, parameters: dict[str, str]) -> None:
    found = content_type(value)
    assert (found.type, dict(found.parameters)) == (kind, parameters)


@pytest.mark.parametrize("value", [b"", b"text", b"/plain", b"text/", b"; charset=x", b"text/plain (open"])
def test_the_hopeless_is_malformed(value: bytes) -> None:
    with pytest.raises(Malformed):
        content_type(value)


@given(st.binary(max_size=80) | st.text("a/b;=*'\"\\() %0", max_size=40).map(lambda tail: b"a/b" + tail.encode()))
def test_nothing_but_malformed_is_raised(value: bytes) -> None:
    try:
        found = content_type(value)
    except Malformed:
        return
    assert "/" in found.type
    assert found.type == found.type.lower()


def test_lim_01_parameters_have_a_limit() -> None:
    assert len(content_type(b"a/b" + b"".join(b";p%d=x" % n for n in range(PARAMETERS_LIMIT))).parameters) == 1000
    with pytest.raises(LimitExceeded):
        content_type(b"a/b" + b";p=x" * (PARAMETERS_LIMIT + 1))


@pytest.mark.parametrize("unit", [b";", b"; ", b'"', b'="', b"\\", b"(", b"*0=", b"a"])
def test_lim_04_a_megabyte_is_refused(unit: bytes) -> None:
    with pytest.raises(LimitExceeded):
        content_type(b"a/b;" + unit * (1024 * 1024 // len(unit)))
