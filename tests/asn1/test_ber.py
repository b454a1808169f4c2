"""The reader's bounds and its view of BER; the writer against it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import ber, der
from gateway.asn1.ber import Fields, first, members, pair, read
from gateway.errors import LimitExceeded, Malformed

INDEFINITE = b"\x80"
END = b"\0\0"


def indefinite(tag: int, *parts: bytes) -> bytes:
    return bytes((tag,)) + INDEFINITE + b"".join(parts) + END


def test_definite_and_indefinite_lengths_give_the_same_tree() -> None:
    parts = der.integer(5), der.sequence(der.octets(b"ab"), der.tlv(der.NULL))
    for data in (
        der.sequence(*parts),
        indefinite(0x30, *parts),
        indefinite(0x30, parts[0], indefinite(0x30, der.octets(b"ab"), der.tlv(der.NULL))),
    ):
        number, inner = read(data).children
        assert number.integer() == 5
        assert [child.tag for child in inner.children] == [der.OCTET_STRING, der.NULL]
        assert inner.children[0].octets() == b"ab"


def test_offsets_show_the_element_as_it_stands() -> None:
    inner = indefinite(0x31, der.octets(b"x"))
    element = read(der.sequence(der.integer(1), inner, der.integer(2))).children[1]
    assert bytes(element.raw) == inner
    assert element.value == der.octets(b"x")
    assert element.indefinite


def test_octet_string_in_nested_segments_is_given_in_slices() -> None:
    data = indefinite(
        0x24,
        der.octets(b"one"),
        der.tlv(0x24, der.octets(b"two"), der.octets(b"")),
        indefinite(0x24, der.octets(b"three")),
    )
    assert [bytes(chunk) for chunk in read(data).chunks()] == [b"one", b"two", b"", b"three"]


def test_implicitly_tagged_octet_string_in_segments() -> None:
    assert read(indefinite(0xA0, der.octets(b"one"), der.octets(b"two"))).octets(0x80) == b"onetwo"
    assert read(der.tlv(0x80, b"one")).octets(0x80) == b"one"
    with pytest.raises(Malformed):
        read(der.tlv(0x80, b"one")).octets()


def test_segments_are_slices_of_the_input() -> None:
    data = bytearray(indefinite(0x24, der.octets(b"one")))
    chunk = read(data).chunks()[0]
    data[4] = ord("O")
    assert bytes(chunk) == b"One"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x30", b"\x30\x01", b"\x30\x81", b"\x30\x82\x01", b"\x04\x05abcd", b"\x04\x80ab\0\0", b"\x30\x80",
        b"\x30\x80\0", b"\x30\x80\x02\x01\x01\0", b"\x30\xff" + bytes(127), b"\x30\x89" + bytes(9), b"\x1f\x81\x01\0",
        b"\x04\x88\x7f\xff\xff\xff\xff\xff\xff\xff", b"\x02\x01\x01\x00",
    ],
)  # fmt: skip
def test_broken_lengths_and_tags(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_child_may_not_reach_beyond_its_parent() -> None:
    with pytest.raises(Malformed):
        _ = read(b"\x30\x03\x04\x05\0").children


def test_primitive_has_no_children() -> None:
    with pytest.raises(Malformed):
        _ = read(b"\x04\x02\x05\0").children


def test_octet_string_of_other_things_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(der.tlv(0x24, der.integer(1))).chunks()


@pytest.mark.parametrize("content", [b"", bytes(ber.INTEGER_SIZE + 1)])
def test_integer_size(content: bytes) -> None:
    with pytest.raises(Malformed):
        read(der.tlv(der.INTEGER, content)).integer()


@pytest.mark.parametrize(
    ("encoded", "dotted"),
    [("0603550406", "2.5.4.6"), ("06092a864886f70d010701", "1.2.840.113549.1.7.1"), ("0603883703", "2.999.3"),
     ("060100", "0.0"), ("060127", "0.39"), ("060150", "2.0")],
)  # fmt: skip
def test_object_identifiers_as_text(encoded: str, dotted: str) -> None:
    assert read(bytes.fromhex(encoded)).dotted() == dotted


@pytest.mark.parametrize("content", [b"", b"\x2a\x86", b"\x2a" * (ber.OID_SIZE + 1), b"\xff" * 100_000 + b"\x01"])
def test_object_identifiers_that_are_none(content: bytes) -> None:
    """The last is one arc of some 200,000 digits."""
    with pytest.raises(Malformed):
        read(der.tlv(der.OID, content)).dotted()


def test_what_follows_the_first_element_is_left_alone() -> None:
    with pytest.raises(Malformed, match="1 octets after the end"):
        read(b"\x30\x00\x00")
    assert bytes(first(b"\x30\x00\x00").raw) == b"\x30\x00"


def test_a_pair_is_two_fields() -> None:
    one, two = pair(read(der.sequence(der.integer(1), der.integer(2))))
    assert (one.integer(), two.integer()) == (1, 2)
    for data in (der.sequence(), der.sequence(der.integer(1)), der.sequence(*3 * [der.integer(1)]), der.set_of([])):
        with pytest.raises(Malformed):
            pair(read(data))


def test_lim_02_depth_of_indefinite_lengths() -> None:
    with pytest.raises(LimitExceeded):
        read(b"\x30\x80" * 100_000)


def test_lim_02_depth_of_definite_lengths() -> None:
    data = b""
    for _ in range(ber.DEPTH + 1):
        data = der.sequence(data)
    element = read(data)
    with pytest.raises(LimitExceeded):
        while True:
            element = element.only()


def test_lim_02_deep_constructed_octet_string() -> None:
    data = der.octets(b"x")
    for _ in range(ber.DEPTH + 1):
        data = der.tlv(0x24, data)
    with pytest.raises(LimitExceeded):
        read(data).chunks()


def test_lim_02_number_of_elements() -> None:
    with pytest.raises(LimitExceeded):
        _ = read(der.sequence(b"\x05\0" * (ber.ELEMENTS + 1))).children


def test_lim_02_number_of_segments() -> None:
    enough = read(indefinite(0x24, b"\x04\0" * (ber.SEGMENTS - 10)))
    assert len(enough.chunks()) == ber.SEGMENTS - 10
    with pytest.raises(LimitExceeded):
        read(indefinite(0x24, b"\x04\0" * (ber.SEGMENTS + 1)))


def test_members_are_limited() -> None:
    element = read(der.set_of([der.integer(1)] * 3))
    assert len(members(element, 3)) == 3
    with pytest.raises(LimitExceeded):
        members(element, 2)


def test_fields_are_taken_in_order() -> None:
    fields = Fields(read(der.sequence(der.integer(7), der.explicit(1, der.octets(b"x")))))
    assert fields.next().integer() == 7
    assert fields.optional(0xA0) is None
    with pytest.raises(Malformed, match="more fields"):
        fields.end()
    assert fields.take(0xA1).only().octets() == b"x"
    fields.end()
    with pytest.raises(Malformed, match="too early"):
        fields.next()


def test_wrong_tag_is_told_with_its_offset() -> None:
    with pytest.raises(Malformed, match="offset 2"):
        Fields(read(der.sequence(der.integer(7)))).take(der.SEQUENCE)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_tree_or_malformed(data: bytes) -> None:
    """Invariant: nothing but Malformed leaves the reader, and every element lies within its parent."""
    try:
        todo = [read(data)]
        while todo:
            element = todo.pop()
            assert element.start < element.content <= element.end <= element.stop <= len(data)
            if element.tag & der.CONSTRUCTED:
                todo += element.children
    except Malformed:
        pass


@given(st.recursive(st.binary(max_size=200), lambda inner: st.lists(inner, max_size=4), max_leaves=20))
def test_what_is_written_is_read(tree: object) -> None:
    def write(item: object) -> bytes:
        return der.octets(item) if isinstance(item, bytes) else der.sequence(*map(write, item))  # type: ignore[call-overload]

    def look(element: ber.Element) -> object:
        return element.octets() if element.tag == der.OCTET_STRING else [look(child) for child in element.children]

    assert look(read(write(tree))) == tree
