"""Names: as text, whatever an authority wrote into them, and compared by value."""

import base64
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Malformed
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.names import MAX_DISTINGUISHED, name_key, rfc4514, same_name, values
from tests.authority import Authority, tlv

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"

COMMON_NAME = tlv(0x06, b"\x55\x04\x03")


def name(*attributes: bytes) -> bytes:
    """A Name with one RDN of attribute values (tag and content) as common names."""
    return tlv(0x30, tlv(0x31, b"".join(tlv(0x30, COMMON_NAME + value) for value in attributes)))


def test_names_read_as_in_certificates(authority: Authority) -> None:
    odd = authority.ca(' Ä "x", +<y>; #\\ ', issuer=None, subject_addresses=["a@b.example"])
    for issued in (authority.root, authority.intermediate, odd, authority.leaf("a@example.com", issuer=odd)):
        certificate = issued.certificate
        assert rfc4514(certificate.issuer_der) == certificate.issuer
        assert rfc4514(certificate.subject_der) == certificate.subject


def test_names_have_the_order_and_escapes_of_rfc_4514() -> None:
    parts = [
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")],
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Übung, Ltd", _ASN1Type.BMPString)],
        [x509.NameAttribute(NameOID.COMMON_NAME, "a"), x509.NameAttribute(NameOID.SERIAL_NUMBER, "7")],
    ]
    der = x509.Name(map(x509.RelativeDistinguishedName, parts)).public_bytes()
    assert rfc4514(der) == "CN=a+2.5.4.5=7,O=Übung\\, Ltd,C=DE"
    assert rfc4514(tlv(0x30, b"")) == ""


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x30", b"garbage", name(), name(b""), name(tlv(0x0C, b"x")) + b"\0"],
)
def test_what_is_no_name_is_shown_in_hexadecimal(broken: bytes) -> None:
    assert rfc4514(broken) == f"#{broken.hex()}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (tlv(0x13, b"Smith & Sons_*@"), "Smith & Sons_*@"),
        (tlv(0x13, "Bjürn".encode("latin-1")), "Bjürn"),
        (tlv(0x13, "Bjürn".encode()), "Bjürn"),
        (tlv(0x14, "Ärger".encode("latin-1")), "Ärger"),
        (tlv(0x16, "Ärger".encode("latin-1")), "Ärger"),
        (tlv(0x12, b"12 34"), "12 34"),
        (tlv(0x1A, b"visible"), "visible"),
        (tlv(0x1C, "ab".encode("utf-32-be")), "ab"),
        (tlv(0x0C, b"\xff"), "ÿ"),
        (tlv(0x0C, b""), ""),
        (tlv(0x1E, b"\0a\0"), "#1e03006100"),
        (tlv(0x02, b"\x01"), "#020101"),
        (tlv(0x30, tlv(0x0C, b"1 Main Street")), "#300f0c0d31204d61696e20537472656574"),
    ],
)
def test_values_are_shown_whatever_their_type_allows(value: bytes, text: str) -> None:
    assert rfc4514(name(value)) == f"CN={text}"


def typed(text: str, tag: int, charset: str = "utf-8") -> bytes:
    return name(tlv(tag, text.encode(charset)))


def test_names_are_the_same_whatever_the_string_type_the_case_and_the_blanks() -> None:
    one = typed("Müller  CA", 0x0C)
    for other in (
        typed("müller ca", 0x0C),
        typed(" MÜLLER CA ", 0x1E, "utf-16-be"),
        typed("Müller CA", 0x1C, "utf-32-be"),
        typed("Müller CA", 0x14, "latin-1"),
        typed("Müller CA", 0x13, "latin-1"),
        typed("Mu\u0308ller\u00a0CA", 0x0C),
    ):
        assert same_name(one, other) and name_key(one) == name_key(other)


def test_names_that_differ_are_not_the_same() -> None:
    one = typed("Test CA", 0x0C)
    assert not same_name(one, typed("TestCA", 0x0C))
    assert not same_name(one, typed("Test CA", 0x04))
    assert not same_name(one, name(tlv(0x0C, b"Test CA"), tlv(0x0C, b"2")))
    assert not same_name(name(tlv(0x30, tlv(0x0C, b"a"))), name(tlv(0x30, tlv(0x0C, b"A"))))
    two = [tlv(0x31, tlv(0x30, COMMON_NAME + tlv(0x0C, text))) for text in (b"a", b"b")]
    assert not same_name(tlv(0x30, b"".join(two)), tlv(0x30, b"".join(reversed(two))))


def test_the_order_in_one_rdn_does_not_count() -> None:
    assert same_name(name(tlv(0x0C, b"a"), tlv(0x0C, b"b")), name(tlv(0x13, b"B"), tlv(0x0C, b"a")))


def test_what_is_no_name_and_what_is_huge_equals_itself_only() -> None:
    assert same_name(b"\x30\x03abc", b"\x30\x03abc") and not same_name(b"\x30\x03abc", b"\x30\x03ABC")
    many = [name(*[tlv(0x0C, text)] * 10_000) for text in (b"a", b"A")]
    assert same_name(many[0], many[0]) and not same_name(*many)


@given(st.text(max_size=40), st.text(max_size=40))
def test_names_are_the_same_only_where_their_folded_texts_are(one: str, other: str) -> None:
    def folded(text: str) -> str:
        return "".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())

    if same_name(typed(one, 0x0C), typed(other, 0x0C)):
        assert folded(one) == folded(other)
    assert same_name(typed(one, 0x0C), typed(f" {one} ", 0x1C, "utf-32-be"))


def test_no_name_makes_a_long_text() -> None:
    longest = name(tlv(0x0C, b"x" * (MAX_DISTINGUISHED - 21)))
    assert len(longest) == MAX_DISTINGUISHED
    assert rfc4514(longest).startswith("CN=xxx")
    huge = name(tlv(0x0C, b"x" * (MAX_DISTINGUISHED - 20)))
    assert rfc4514(huge) == f"#{huge[:64].hex()}..."


@given(st.binary(max_size=80), st.sampled_from(range(256)), st.integers(0, 60))
def test_any_octets_make_a_text(value: bytes, tag: int, place: int) -> None:
    whole = bytearray(name(tlv(tag, value)))
    assert rfc4514(bytes(whole)).startswith(("#", "CN="))
    whole[place % len(whole)] ^= 0x15
    assert len(rfc4514(bytes(whole)).encode()) <= 4 * MAX_DISTINGUISHED


def test_values_of_one_attribute() -> None:
    der = name(tlv(0x16, b"a"), tlv(0x02, b"\x01"), tlv(0x0C, b"b"))
    assert values(der, "2.5.4.3") == ("a", "b")
    assert values(der, "2.5.4.10") == values(b"\x30\x01", "2.5.4.3") == values(name(b""), "2.5.4.3") == ()


def foreign() -> Iterator[Certificate]:
    for path in sorted(CORPORA.rglob("*.crt")):
        data = path.read_bytes()
        armoured = re.search(rb"-----BEGIN CERTIFICATE-----\s(.*?)-----END", data, re.DOTALL)
        try:
            yield read_certificate(base64.b64decode(armoured[1]) if armoured else data)
        except Malformed:
            continue  # what is read and what is not: test_corpora


def test_names_of_foreign_certificates_read_as_there() -> None:
    if not CORPORA.exists():
        pytest.skip("no ../shared/corpora")
    found = list(foreign())
    assert found
    for certificate in found:
        assert rfc4514(certificate.issuer_der) == certificate.issuer
        assert rfc4514(certificate.subject_der) == certificate.subject
