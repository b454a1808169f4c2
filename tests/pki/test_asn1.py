"""The element reader: lengths, bounds, indefinite encodings."""

import pytest

from gateway.errors import LimitExceeded, Malformed
from gateway.pki import asn1


def test_reads_short_and_long_lengths() -> None:
    for size in (0, 1, 127, 128, 255, 256, 70_000):
        head = bytes([size]) if size < 128 else b"\x83" + size.to_bytes(3)
        element = asn1.read(b"\x04" + head + b"x" * size, asn1.OCTET_STRING)
        assert element.octets() == b"x" * size


def test_reads_indefinite_lengths_and_segments() -> None:
    element = asn1.read(bytes.fromhex("2480 0402 6162 0401 63 0000"), asn1.OCTET_STRING | asn1.CONSTRUCTED)
    assert element.octets() == b"abc"
    nested = asn1.read(bytes.fromhex("3080 3080 020101 0000 0500 0000"), asn1.SEQUENCE)
    assert [child.tag for child in nested.children()] == [asn1.SEQUENCE, 0x05]


@pytest.mark.parametrize(
    "broken",
    ["", "30", "3001", "30820001", "3081", "308500000000 00", "3003 0202 01", "3f8101 00", "0480 0000", "3080 0201"],
)
def test_refuses_what_is_cut_off_or_absurd(broken: str) -> None:
    with pytest.raises(Malformed):
        list(asn1.read(bytes.fromhex(broken), asn1.SEQUENCE).children())


def test_refuses_bytes_after_the_end() -> None:
    with pytest.raises(Malformed, match="1 bytes follow"):
        asn1.read(b"\x30\x00\x00", asn1.SEQUENCE)
    assert asn1.first(b"\x30\x00\x00", asn1.SEQUENCE).whole == b"\x30\x00"


def test_lim_02_deep_indefinite_nesting_is_bounded() -> None:
    """LIM-02: ASN.1 depth."""
    with pytest.raises(LimitExceeded):
        asn1.read(b"\x30\x80" * 100_000, asn1.SEQUENCE)


@pytest.mark.parametrize(
    ("encoded", "dotted"), [("0603550406", "2.5.4.6"), ("06092a864886f70d010701", "1.2.840.113549.1.7.1")]
)
def test_reads_object_identifiers(encoded: str, dotted: str) -> None:
    assert asn1.read(bytes.fromhex(encoded), asn1.OID).oid() == dotted


def test_refuses_broken_values() -> None:
    with pytest.raises(Malformed):
        asn1.read(bytes.fromhex("06022a86"), asn1.OID).oid()
    with pytest.raises(Malformed):
        asn1.read(bytes.fromhex("0200"), asn1.INTEGER).integer()
    with pytest.raises(Malformed):
        list(asn1.read(bytes.fromhex("020101"), asn1.INTEGER).children())
