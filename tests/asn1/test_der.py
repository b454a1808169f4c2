"""The writer, against asn1crypto."""

from datetime import UTC, datetime

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import der


@given(st.integers(-(2**200), 2**200))
def test_integer(value: int) -> None:
    assert der.integer(value) == core.Integer(value).dump()


@pytest.mark.parametrize("dotted", ["1.2.840.113549.1.7.1", "2.16.840.1.101.3.4.1.46", "1.3.101.112", "2.999.1", "0.0"])
def test_oid(dotted: str) -> None:
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65_535, 65_536, 20_000_000])
def test_header_lengths(size: int) -> None:
    header = der.header(der.OCTET_STRING, size)
    assert header == core.OctetString(bytes(size)).dump()[: len(header)]
    assert len(core.OctetString(bytes(size)).dump()) == len(header) + size


def test_set_of_is_sorted_by_encoding() -> None:
    assert der.set_of([der.octets(b"b"), der.integer(300), der.octets(b"a"), der.integer(1)]) == der.tlv(
        der.SET, der.integer(1), der.integer(300), der.octets(b"a"), der.octets(b"b")
    )


@pytest.mark.parametrize(
    ("year", "expected"),
    [(1949, b"\x18\x0f19490203040506Z"), (1950, b"\x17\x0d500203040506Z"), (2049, b"\x17\x0d490203040506Z"),
     (2050, b"\x18\x0f20500203040506Z")],
)  # fmt: skip
def test_time_changes_its_form_in_2050(year: int, expected: bytes) -> None:
    """RFC 5652 §11.3."""
    assert der.time(datetime(year, 2, 3, 4, 5, 6, tzinfo=UTC)) == expected


@given(st.binary(max_size=400), st.binary(max_size=200), st.binary(max_size=200))
def test_a_frame_and_its_payload_are_the_element(payload: bytes, before: bytes, after: bytes) -> None:
    frame = der.Frame(b"", len(payload)).within(der.OCTET_STRING).within(der.SEQUENCE, before, after)
    whole = der.sequence(before, der.octets(payload), after)
    assert frame.before + payload + frame.after == whole
