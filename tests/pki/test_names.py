"""Names as text: as certificates show them, or hexadecimal where they are not what they should be."""

import base64
import re
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
from gateway.pki.names import MAX_DISTINGUISHED, rfc4514
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
    [b"", b"\x30", b"garbage", name(tlv(0x0C, b"\xff")), name(tlv(0x02, b"\x01")), name(), name(b"") + b"\0"],
)
def test_what_is_no_name_is_shown_in_hexadecimal(broken: bytes) -> None:
    assert rfc4514(broken) == f"#{broken.hex()}"


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
