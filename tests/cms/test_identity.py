"""Names of certificates match by value (RFC 5280 §7.1), serial numbers and key identifiers exactly."""

from dataclasses import replace

import pytest

from gateway.asn1 import der
from gateway.cms.identity import Identity
from tests.authority import Authority


def name(*values: bytes) -> bytes:
    """A Name of organisation and common name; each value is a whole string element."""
    kinds = ("2.5.4.10", "2.5.4.3")
    rdns = (der.tlv(der.SET, der.sequence(der.oid(kind), value)) for kind, value in zip(kinds, values, strict=True))
    return der.sequence(*rdns)


@pytest.mark.parametrize(
    ("organisation", "same"),
    [
        (der.tlv(0x0C, b"Test Authority"), True),
        (der.tlv(0x13, b"Test Authority"), True),
        (der.tlv(0x1E, "Test Authority".encode("utf-16-be")), True),
        (der.tlv(0x0C, b"TEST authority"), True),
        (der.tlv(0x13, b" Test   Authority "), True),
        (der.tlv(0x0C, b"Test-Authority"), False),
        (der.tlv(0x0C, b"TestAuthority"), False),
        (der.tlv(0x0C, b"Test\xa0Authority"), False),
        (der.tlv(0x04, b"Test Authority"), False),
    ],
)
def test_issuers_match_by_value(authority: Authority, organisation: bytes, same: bool) -> None:
    certificate = authority.leaf("alice@example.com", kind="p256").certificate
    written = name(organisation, der.tlv(0x0C, b"Test Intermediate"))
    assert Identity(written, certificate.serial, None).names(certificate) is same
    assert not Identity(written, certificate.serial + 1, None).names(certificate)


def test_key_identifiers_match_exactly(authority: Authority) -> None:
    certificate = authority.leaf("alice@example.com", kind="p256").certificate
    named = Identity(None, None, certificate.subject_key_id)
    assert named.names(certificate)
    assert not replace(named, key_id=certificate.subject_key_id[:-1]).names(certificate)
    assert not Identity(None, certificate.serial, None).names(certificate)
