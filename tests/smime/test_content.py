"""What was inside a layer: all of it is delivered, whatever it is, and seven of its fields speak for the message."""

import email
import email.message
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.mail.header import HEADER_LIMIT, read_header
from gateway.mail.transport import seven_bit
from gateway.smime.content import PROMOTED, as_entity, put_in_place
from tests.mail.mime import leaf_bodies

OUTER = (
    b"From: alice@example.com\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: application/pkcs7-mime\r\nContent-Length: 7\r\nX-Mailer: x\r\n\r\n"
)
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def delivered(content: bytes, *, narrow: bool = False) -> email.message.Message:
    """What Python's reader sees of a message with ``content`` in it."""
    head, text = put_in_place(read_header(OUTER), (), read_header(as_entity(content)))
    made = seven_bit(head + text) if narrow else head + text
    assert BARE.search(made) is None
    assert made.isascii() or not narrow
    read = email.message_from_bytes(made)
    assert [name for name in read if not name.lower().startswith("content-")] == [
        "From", "Subject", "MIME-Version", "X-Mailer",
    ]  # fmt: skip
    return read


def payload(read: email.message.Message) -> bytes:
    octets = read.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets


# a header inside, or none


@pytest.mark.parametrize(
    ("content", "kind", "charset", "encoding", "body"),
    [
        (b"Secret\r\n", "text/plain", "utf-8", "7bit", b"Secret\r\n"),
        (b"Secret\n", "text/plain", "utf-8", "7bit", b"Secret\r\n"),
        (b"Secret", "text/plain", "utf-8", "7bit", b"Secret"),
        (b"", "text/plain", "utf-8", "7bit", b""),
        (b"Hello: team\r\nPIN: 4711\r\n", "text/plain", "utf-8", "7bit", b"Hello: team\r\nPIN: 4711\r\n"),
        (b"Subject: x\r\n\r\nText\r\n", "text/plain", "utf-8", "7bit", b"Subject: x\r\n\r\nText\r\n"),
        ("Grüße\r\n".encode(), "text/plain", "utf-8", "8bit", "Grüße\r\n".encode()),
        (b"Gr\xfc\xdfe\x80\r\n", "text/plain", "iso-8859-1", "8bit", b"Gr\xfc\xdfe\x80\r\n"),
        (b"\r\nSecret\r\n", "text/plain", "utf-8", "7bit", b"Secret\r\n"),
        (b"\nSecret\n", "text/plain", "utf-8", "7bit", b"Secret\r\n"),
        (b"\r\n\r\nContent-Type: text/html\r\n", "text/plain", "utf-8", "7bit", b"\r\nContent-Type: text/html\r\n"),
        ("\r\nGrüße\r\n".encode(), "text/plain", "utf-8", "8bit", "Grüße\r\n".encode()),
        (b"one\rtwo\x0c\r\n", "text/plain", "utf-8", "quoted-printable", b"one\rtwo\x0c\r\n"),
        (b"x" * 1200 + b"\n", "text/plain", "utf-8", "quoted-printable", b"x" * 1200 + b"\r\n"),
        ("漢字".encode() * 400, "text/plain", "utf-8", "quoted-printable", "漢字".encode() * 400),
        (b"\r\na\0b", "text/plain", "utf-8", "quoted-printable", b"a\0b"),
        (b"%PDF-1.7\n\0\n", "application/octet-stream", None, "base64", b"%PDF-1.7\n\0\n"),
        (b"bell\x07\r\n", "application/octet-stream", None, "base64", b"bell\x07\r\n"),
    ],
)
def test_content_without_a_header_is_text_or_an_attachment(
    content: bytes, kind: str, charset: str | None, encoding: str, body: bytes
) -> None:
    read = delivered(content)
    assert (read.get_content_type(), read.get_content_charset()) == (kind, charset)
    assert read["Content-Transfer-Encoding"] == encoding
    assert payload(read) == body


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/html\r\nno field at all\r\n",
        b"Content-Type: text/html\r\nContent-Type: text/plain\r\n",
        b"Content-Type: text/html\r\nContent-ID: <a>\r\ncontent-id: <b>\r\n",
        b"Content-Type : text/html\r\n",
        b" Content-Type: text/html\r\nContent-Id: <a>\r\n",
        b"Content-Type: text/html; name=a\x0bb\r\n",
        b"Content-Type: text/html; name=\xfc\r\n",
        "Content-Type: text/html; name=a\x85b\r\n".encode(),
        b"Content-Type: text/html\rX: y\r\n",
        b"Content-xx003: text/html\r\n",
        b"From me\r\nContent-Type: text/html\r\n",
        b"Content-Description: " + b"d" * 70_000 + b"\r\n",
    ],
)
def test_what_begins_like_a_header_and_is_none_is_attached_whole(head: bytes) -> None:
    for content in (head + b"\r\nText\r\n", head.replace(b"\r\n", b"\n") + b"\nText\n", head):
        read = delivered(content)
        assert read.get_content_type() == "application/octet-stream"
        assert read.get_content_disposition() == "attachment"
        assert payload(read) == content


def test_a_header_without_its_empty_line_is_none() -> None:
    read = delivered(b"Content-Disposition: please\r\nPIN: 4711\r\n")
    assert payload(read) == b"Content-Disposition: please\r\nPIN: 4711\r\n"


@pytest.mark.parametrize("room", range(-4, 5))
@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
def test_a_header_about_as_long_as_a_header_may_be(room: int, ending: bytes) -> None:
    """LIM-01: it is read, or it is content; nothing in between fails."""
    line = b"a: " + b"w" * (1000 - 3 - len(ending)) + ending
    head = b"Content-Type: text/html" + ending
    lines = line * ((HEADER_LIMIT - len(head) + room) // 1000)
    rest = HEADER_LIMIT + room - len(head) - len(lines) - len(ending) - 3
    content = head + lines + b"a: " + b"w" * rest + ending * 2 + b"Text\r\n"
    read = delivered(content)
    assert payload(read) == (b"Text\r\n" if read.get_content_type() == "text/html" else content)


def test_seven_fields_are_promoted_and_no_other() -> None:
    """DEC-11: what the sender of a ciphertext wrote inside is not what a mail server wrote."""
    inside = [
        b"content-type: text/plain;\r\n \r\n\tcharset=utf-8",
        b"Content-Transfer-Encoding: 8bit", "Content-Description: Grüße".encode(), b"Content-ID: <a@b>",
        b"Content-Disposition: inline", b"Content-Language: de", b"Content-Location: x",
    ]  # fmt: skip
    others = [b"Content-Length: 4", b"Content-MD5: x", b"Subject: y", b"Received: z", b"X-SMIME-Gateway-Seal: v1"]
    read = delivered(b"\r\n".join([*others[:2], *inside, *others[2:], b"", "Grüße\r\n".encode()]))
    assert {name.lower() for name in read} == PROMOTED | {"from", "subject", "mime-version", "x-mailer"}
    assert read["Subject"] == "outer"
    assert payload(read) == "Grüße\r\n".encode()


def test_a_message_without_mime_version_gets_one() -> None:
    head, text = put_in_place(read_header(b"Subject: x\r\n\r\n"), (), read_header(as_entity(b"Text")))
    assert head.startswith(b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain")
    assert text == b"Text"


# any octets

PIECE = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"\0", b"\x1b", b"\xff", "ü".encode(), b" ", b"\t", b"x" * 999, b"=", b".", b"--"),
        *(b"a: b", b"Content-Type: text/plain", b"content-id:", b"From ", b"Subject: x", b"Content-"),
    ]
)
OCTETS = st.binary(max_size=200) | st.lists(PIECE, max_size=12).map(b"".join)


@given(OCTETS, st.booleans())
def test_every_octet_of_content_without_a_header_is_delivered(content: bytes, narrow: bool) -> None:
    """A bare LF in a text is a line end; all else comes back as it was."""
    assume(b"content-" not in content.lower())
    read = delivered(content, narrow=narrow)
    body, content = payload(read), re.sub(rb"\A\r?\n", b"", content)
    if read.get_content_type() == "text/plain":
        body, content = body.replace(b"\r\n", b"\n"), content.replace(b"\r\n", b"\n")
    else:
        assert read.get_content_type() == "application/octet-stream"
    assert body == content


@given(OCTETS, st.sampled_from([b"Content-Type: text/html\r\nrubbish\r\n", b"Content-\0", b"content-type:\n a\rb\n"]))
def test_every_octet_behind_half_a_header_is_delivered(content: bytes, head: bytes) -> None:
    assert payload(delivered(head + content)) == head + content


LEAVES = ("text/plain; charset=utf-8", "text/html", "application/pdf", "image/png", "foo/bar")
OTHERS = ("message/rfc822", "message/partial", "multipart/mixed; boundary=b", "multipart/signed; boundary=b", "x", "")
TYPES = st.sampled_from([*LEAVES, *OTHERS])
ENCODINGS = st.sampled_from(["", "7bit", "8bit", "binary", "base64", "quoted-printable", "x-unknown"])


@example("message/rfc822", "", b"\r\n", b"\0\r\r\0", False)
@given(TYPES, ENCODINGS, st.sampled_from([b"\r\n", b"\n"]), OCTETS, st.booleans())
def test_every_octet_behind_a_usable_header_is_delivered(
    kind: str, encoding: str, ending: bytes, body: bytes, narrow: bool
) -> None:
    """Read by somebody else, it says what it said inside, or its octets are there; but for the line ends of text."""
    fields = [f"Content-Type: {kind}", *([f"Content-Transfer-Encoding: {encoding}"] if encoding else []), "", ""]
    content = ending.join(line.encode() for line in fields) + body
    is_leaf = encoding in ("", "7bit", "8bit", "binary") and kind in LEAVES
    if is_leaf:
        read = delivered(content, narrow=narrow)
        assert read["Content-Type"] == kind
        ends = (b"\r\n", b"\n") if kind.startswith("text/") else (b"", b"")
        assert payload(read).replace(*ends) == body.replace(*ends)
        return
    head, text = put_in_place(read_header(OUTER), (), read_header(as_entity(content)))
    assert BARE.search(text) is None
    stands = unix(bytes(text)) == unix(body)
    told = list(map(unix, leaf_bodies(head + text)))
    assert stands or told in (list(map(unix, leaf_bodies(content))), [unix(body)])


def unix(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
