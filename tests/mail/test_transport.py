"""What was inside an envelope becomes what SMTP can carry, and says what it said before (row SMT-02)."""

import re

import pytest
from hypothesis import given

from gateway.mail.canonical import has_long_line
from gateway.mail.entity import read_entity
from gateway.mail.transport import fit, seven_bit, with_crlf

from .mime import entities, leaf_bodies, shape

TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
UMLAUTS = "Grüße aus der kleinen Stadt am Rhein\r\n".encode()
DATA = b"\x89PNG\r\n\x1a\n\0\xff\r"
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def image(body: bytes = DATA, encoding: bytes = b"binary") -> bytes:
    return b"Content-Type: image/png\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def mixed(*parts: bytes, kind: bytes = b"mixed", fields: bytes = b"") -> bytes:
    head = b"Content-Type: multipart/" + kind + b'; boundary="b"\r\n' + fields + b"\r\n"
    return head + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


# line ends


@pytest.mark.parametrize("ending", [b"\n", b"\n\n"])
def test_smt_02_every_line_end_becomes_crlf(ending: bytes) -> None:
    """SMT-02: no bare LF of an opened message gets to the next hop."""
    made = with_crlf(TEXT + b"\r\na" + ending + b".\r\nb")
    assert BARE.search(made) is None
    assert made.replace(b"\r\n", b"").endswith(b"a.b")


@pytest.mark.parametrize("ending", [b"\r", b"\n\n\r", b"\r\r\n"])
def test_smt_02_a_lone_return_is_an_octet_of_the_text(ending: bytes) -> None:
    """SMT-02: no bare CR of an opened message gets to the next hop, and none is lost."""
    made = fit(with_crlf(TEXT + b"\r\na" + ending + b".\r\nb"))
    assert BARE.search(made) is None
    assert leaf_bodies(made) == [b"a" + ending + b".\r\nb"]


def test_clean_content_is_as_it_was() -> None:
    content = TEXT + b"\r\n" + UMLAUTS
    assert with_crlf(content) is content
    assert with_crlf(bytearray(content)) == content


def test_what_is_declared_binary_keeps_its_bytes_until_it_is_recoded() -> None:
    content = mixed(TEXT + b"\r\nbare\nfeed", image())
    made = with_crlf(content)
    assert made == mixed(TEXT + b"\r\nbare\r\nfeed", image())
    relayed = fit(made)
    assert BARE.search(relayed) is None
    assert leaf_bodies(relayed)[1] == DATA
    assert b"Content-Transfer-Encoding: base64\r\n" in relayed


@pytest.mark.parametrize("word", [b"binary", b"Binary", b"BINARY", b"bInArY"])
def test_smt_02_no_spelling_lets_a_bare_line_end_through(word: bytes) -> None:
    """SMT-02."""
    assert BARE.search(fit(with_crlf(mixed(TEXT + b"\r\nx", image(b"a\nb\rc", word))))) is None


@pytest.mark.parametrize("encoding", [b"7bit", b"8bit", b"binary", b""])
@pytest.mark.parametrize("header_ends", [b"\r\n", b"\n"])
def test_what_is_no_text_keeps_its_octets_whatever_it_is_labelled(encoding: bytes, header_ends: bytes) -> None:
    """A script writes its fields and a file behind them, each with line ends of its own."""
    head, _, _ = image(b"", encoding).partition(b"\r\n\r\n")
    for data in (DATA, b"a\nb\r\nc\n", b"%PDF-1.7\n"):
        made = fit(with_crlf((head + b"\r\n\r\n").replace(b"\r\n", header_ends) + data))
        assert leaf_bodies(made) == [data]
        assert BARE.search(made) is None


# what SMTP cannot carry


@pytest.mark.parametrize("content", [TEXT + b"\r\n" + UMLAUTS, image(b"\xff" * 998, b"8bit"), image(b"x"), b""])
def test_what_passes_is_the_same_object(content: bytes) -> None:
    assert fit(content) is content


@pytest.mark.parametrize("body", [b"x" * 999, b"a\0b", UMLAUTS + b"y" * 2000 + b"\r\n"])
@pytest.mark.parametrize("kind", [TEXT, b"Content-Type: application/pdf\r\n"])
def test_what_does_not_pass_is_recoded(kind: bytes, body: bytes) -> None:
    made = fit(kind + b"\r\n" + body)
    assert leaf_bodies(made) == [body]
    assert b"\0" not in made
    assert BARE.search(made) is None
    assert not has_long_line(made)


def test_only_the_part_that_needs_it_is_recoded() -> None:
    plain = TEXT + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + UMLAUTS
    made = fit(mixed(plain, image(b"x" * 1200, b"7bit"), fields=b"Content-Transfer-Encoding: binary\r\n"))
    assert plain in made
    assert b"Content-Transfer-Encoding: 8bit\r\n\r\n--b\r\n" in made
    assert leaf_bodies(made) == [UMLAUTS, b"x" * 1200]


def test_a_binary_cms_object_stays_what_it_is() -> None:
    """An inner envelope that nobody could open yet is ciphertext, and must arrive as such."""
    content = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n" + DATA
    assert leaf_bodies(fit(with_crlf(content))) == [DATA]


def test_signed_parts_keep_their_bytes() -> None:
    """SIG-02: a signature inside an envelope can still be judged by who reads it."""
    signed = mixed(TEXT + b"\r\n" + UMLAUTS + b"x" * 1200, image(b"a\0b"), kind=b"signed")
    assert fit(signed) == signed
    assert seven_bit(signed) == signed
    inside = mixed(signed.replace(b'"b"', b'"c"').replace(b"--b", b"--c"), TEXT + b"\r\n" + UMLAUTS)
    made = seven_bit(inside)
    assert made.startswith(inside[: inside.rindex(b"--b\r\n")])
    assert UMLAUTS not in made[inside.rindex(b"--b\r\n") :]


def test_smt_02_a_signed_part_has_crlf_all_the_same() -> None:
    """SMT-02: better a signature that fails elsewhere than a mail that cannot be sent."""
    made = fit(with_crlf(mixed(image(), TEXT + b"\r\nx", kind=b"signed")))
    assert BARE.search(made) is None


# seven bits


def test_leaves_become_7_bit_and_labels_tell_the_truth() -> None:
    content = mixed(
        TEXT + b"content-transfer-encoding:  8bit\r\n\r\n" + UMLAUTS,
        image(b"\xff\xfe", b"8bit"),
        TEXT + b"\r\nplain",
        fields=b"Content-Transfer-Encoding: 8bit\r\n",
    )
    made = seven_bit(content)
    assert made.isascii()
    assert leaf_bodies(made) == [UMLAUTS, b"\xff\xfe", b"plain"]
    assert re.findall(rb"(?i)content-transfer-encoding: *(\S+)", made) == [b"7bit", b"quoted-printable", b"base64"]


def test_a_multipart_that_keeps_8_bit_says_so() -> None:
    signed = mixed(TEXT + b"\r\n" + UMLAUTS, kind=b"signed").replace(b'"b"', b'"c"').replace(b"--b", b"--c")
    content = mixed(signed, TEXT + b"\r\n" + UMLAUTS, fields=b"Content-Transfer-Encoding: 8bit\r\n")
    assert seven_bit(content).startswith(content[: content.index(b"--b")])


def test_header_fields_keep_their_8_bit() -> None:
    head = b"Subject: Gr\xfc\xdfe\r\n" + TEXT
    assert seven_bit(head + b"\r\nhello\r\n") == head + b"\r\nhello\r\n"
    made = seven_bit(head + b"\r\n" + UMLAUTS)
    assert made.startswith(head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n")


@pytest.mark.parametrize("content", [b"\xff" * 300_000, TEXT * 2 + b"\r\n" + UMLAUTS, TEXT + UMLAUTS])
def test_what_cannot_be_read_is_sent_as_it_is(content: bytes) -> None:
    assert seven_bit(content) == content
    assert BARE.search(fit(with_crlf(content + b"\n"))) is None


def attaches_garbled(content: bytes) -> bool:
    """Whether the header of an attached message ends here for some readers and there for others."""
    messages = [part for part in read_entity(content).walk() if part.content_type.type.startswith("message/")]
    headers = [child.header for part in messages for child in part.children]
    return any(not header.fields or not header.reads_one_way or header.is_divided for header in headers)


@given(entities)
def test_random_entities_say_the_same_afterwards(content: bytes) -> None:
    """SMT-02: whatever came out of an envelope can be sent, and reads as before."""
    there = with_crlf(content)
    made = fit(there)
    assert BARE.search(made) is None
    assert fit(made) == made
    narrow = seven_bit(made)
    assert seven_bit(narrow) == narrow
    if attaches_garbled(there):
        return  # such a message is sent on as mere octets
    assert shape(made) == shape(there)
    assert shape(narrow) == shape(made)
    if BARE.search(content) is None:
        assert leaf_bodies(made) == leaf_bodies(content)
        assert leaf_bodies(narrow) == leaf_bodies(content)


def test_smt_02_line_ends_that_become_delimiters_hide_nothing() -> None:
    """SMT-02: a lone CR is no line end until it is converted; then another part may be the binary one."""
    content = mixed(TEXT + b"\r\nx\r--b\r" + TEXT.replace(b"\r\n", b"\r") + b"\r", image(b"a\nb\r--b\r\r\nc\nd"))
    made = fit(with_crlf(content))
    assert BARE.search(made) is None


@given(entities, entities)
def test_smt_02_no_content_keeps_a_bare_line_end(one: bytes, two: bytes) -> None:
    """SMT-02: cut anywhere, joined anyhow, with line ends of every kind."""
    middle = len(one) // 2
    for content in (one[:middle] + two, one.replace(b"\r\n", b"\r", 3) + two, (one + two).replace(b"\r\n--", b"\r--")):
        assert BARE.search(fit(with_crlf(content))) is None
