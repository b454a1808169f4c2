"""The MIME tree by byte offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded, Malformed
from gateway.mail.entity import DEPTH_LIMIT, HEADERS_LIMIT, PARTS_LIMIT, Entity, decoded_body, read_entity

from .mime import entities, leaf_bodies, multipart, shape

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def bodies(entity: Entity) -> list[bytes]:
    return [entity.content[child.start : child.end] for child in entity.children]


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"\r\none", b"\r\ntwo"]),
        (b"preamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\n\r\nlate", [b"\r\none"]),
        (b"--b \t\r\n\r\none\r\n--b--  \r\n", [b"\r\none"]),
        (b"--b\r\n\r\nnot closed\r\n", [b"\r\nnot closed\r\n"]),
        (b"--b\r\n\r\none\r\n\r\n--b--", [b"\r\none\r\n"]),
        (
            b"--b\r\n\r\n--bb\r\n--b-\r\n--b--x\r\n --b\r\nx--b\r\n--b--",
            [b"\r\n--bb\r\n--b-\r\n--b--x\r\n --b\r\nx--b"],
        ),
        (b"--b\r\n--b\r\n\r\n--b--\r\n", [b"", b""]),
        (b"--b\n\none\n--b--\n", [b"\none"]),
        (b"--b\r\n\r\none\r\n--b", [b"\r\none", b""]),
        (b"--b--\r\n", []),
        (b"no delimiter at all\r\n", []),
        (b"", []),
    ],
)
def test_boundaries_follow_rfc_2046(body: bytes, parts: list[bytes]) -> None:
    assert bodies(read_entity(MIXED + body)) == parts


def test_an_outer_delimiter_ends_an_inner_part() -> None:
    content = (
        MIXED + b"--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\ninner"
        b"\r\n--b\r\n\r\nouter\r\n--bb--\r\n--b--\r\n"
    )
    first, second = read_entity(content).children
    assert bodies(first) == [b"\r\ninner"]
    assert content[second.body : second.end] == b"outer\r\n--bb--"


def test_defaults_of_type_and_encoding() -> None:
    entity = read_entity(b"\r\nhello")
    assert (entity.content_type.type, entity.encoding, entity.children) == ("text/plain", "7bit", ())
    digest = read_entity(
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\nhi\r\n--b\r\n"
        b"Content-Type: text/plain\r\n\r\nhi\r\n--b--"
    )
    assert [part.content_type.type for part in digest.walk()] == [
        "multipart/digest",
        "message/rfc822",
        "text/plain",
        "text/plain",
    ]
    assert read_entity(b"Content-Type: nonsense\r\n\r\n").content_type.type == "text/plain"


@pytest.mark.parametrize(
    ("value", "encoding"),
    [(b"BASE64", "base64"), (b" Base64 ; x", "base64 ; x"), (b"8bit;", "8bit"), (b"(c) 8Bit", "8bit"), (b"", "7bit")],
)
def test_encodings(value: bytes, encoding: str) -> None:
    assert read_entity(b"Content-Transfer-Encoding:" + value + b"\r\n\r\n").encoding == encoding


def test_a_message_is_looked_into_unless_it_is_encoded() -> None:
    plain = read_entity(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi")
    assert [plain.content[child.body : child.end] for child in plain.children] == [b"hi"]
    coded = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA=="
    assert read_entity(coded).children == ()


def test_part_of_a_content_is_read_in_its_place() -> None:
    inner = MIXED + b"--b\r\n\r\none\r\n--b--\r\n"
    content = b"--b\r\n\r\n" + inner + b"\r\n--b--"
    entity = read_entity(content, 7, 7 + len(inner))
    assert bodies(entity) == [b"\r\none"]
    assert (entity.start, entity.body, entity.end) == (7, 7 + len(MIXED), 7 + len(inner))


def test_bodies_are_decoded() -> None:
    head = b"Content-Transfer-Encoding: %s\r\n\r\n%s"
    assert decoded_body(read_entity(head % (b"base64", b"YW\r\nJj"))) == b"abc"
    assert decoded_body(read_entity(head % (b"quoted-printable", b"=C3=A4=\r\nb"))) == "äb".encode()
    assert decoded_body(read_entity(head % (b"8bit", b"\xe4"))) == b"\xe4"
    with pytest.raises(Malformed):
        decoded_body(read_entity(head % (b"x-own", b"abc")))


@given(entities)
def test_the_tree_agrees_with_the_standard_library(content: bytes) -> None:
    tree = read_entity(content)
    assert [part.content_type.type for part in tree.walk()] == shape(content)
    ours = [decoded_body(part) for part in tree.walk() if not part.children]
    # The standard library drops the line end before a delimiter but keeps bare CR as a line end of its own.
    assert ours == leaf_bodies(content)


@given(entities | multipart(st.lists(st.binary(max_size=30), max_size=3)) | st.binary(max_size=80))
def test_slices_lie_in_each_other_in_order(content: bytes) -> None:
    for entity in read_entity(content).walk():
        assert entity.start <= entity.header.end <= entity.body <= entity.end
        position, pieces = entity.start, []
        for child in entity.children:
            assert position <= child.start <= child.end <= entity.end
            pieces += [content[position : child.start], content[child.start : child.end]]
            position = child.end
        assert b"".join([*pieces, content[position : entity.end]]) == content[entity.start : entity.end]


def nested(depth: int) -> bytes:
    heads = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)]
    return b"".join(heads) + b"\r\nhi"


def test_lim_01_depth_has_a_limit() -> None:
    assert len(list(read_entity(nested(DEPTH_LIMIT)).walk())) == DEPTH_LIMIT + 1
    for depth in (DEPTH_LIMIT + 1, 500, 5000):
        with pytest.raises(LimitExceeded, match="deeper"):
            read_entity(nested(depth))


def test_lim_01_the_number_of_parts_has_a_limit() -> None:
    assert len(read_entity(MIXED + b"--b\r\n\r\nx\r\n" * (PARTS_LIMIT - 1)).children) == PARTS_LIMIT - 1
    with pytest.raises(LimitExceeded, match="parts"):
        read_entity(MIXED + b"--b\r\n\r\nx\r\n" * PARTS_LIMIT)


def test_lim_01_the_headers_of_all_parts_have_a_limit() -> None:
    part = b"--b\r\nContent-Type: text/plain;" + b" x" * 30_000 + b"\r\n\r\nx\r\n"
    assert len(read_entity(MIXED + part * (HEADERS_LIMIT // len(part))).children) == HEADERS_LIMIT // len(part)
    with pytest.raises(LimitExceeded, match="of headers"):
        read_entity(MIXED + part * (HEADERS_LIMIT // len(part) + 1))


def test_lim_01_boundaries_have_a_limit() -> None:
    head = b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n\r\nx"
    assert len(read_entity(head % (b"b" * 70, b"b" * 70)).children) == 1
    with pytest.raises(LimitExceeded, match="boundary"):
        read_entity(head % (b"b" * 71, b"b" * 71))


def test_lim_01_lines_like_delimiters_have_a_limit() -> None:
    with pytest.raises(LimitExceeded, match="like a delimiter"):
        read_entity(MIXED + b"--bx\r\n" * 1_000_000)


def test_lim_04_a_large_nested_body_is_read() -> None:
    tree = read_entity(nested(DEPTH_LIMIT) + b"\n--" * 1_000_000)
    assert len(list(tree.walk())) == DEPTH_LIMIT + 1
