"""The canonical form: what leaves can be signed clear and says what it said before (row OUT-06)."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.canonical import canonical, has_long_line, is_robust
from gateway.mail.entity import read_entity
from gateway.mail.transfer import decode_base64, encode_base64, is_exact_base64

from .mime import BODY, entities, leaf_bodies, multipart, reading, shape

TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
UMLAUTS = "Grüße aus der kleinen Stadt am Rhein\r\n".encode()


def sound_lines(content: bytes) -> bool:
    """Judge line by line, in the simplest way there is, whether ``content`` is free of traps."""
    lines = content.split(b"\r\n")
    return all(
        len(line) <= 998
        and not line.endswith((b" ", b"\t"))
        and not line.startswith(b"From ")
        and all(0 < byte < 128 and byte not in b"\r\n" for byte in line)
        for line in lines
    )


@pytest.mark.parametrize(
    "content",
    [
        TEXT + b"\r\nhello\r\n",
        TEXT + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe\r\n",
        b"Content-Transfer-Encoding: base64\r\n\r\n" + encode_base64(b"x" * 700),
        TEXT + b"\r\n" + b"x" * 998 + b"\r\n.\r\nFromage\r\n-- x",
        TEXT + b"\r\n" + b"x" * 998,
        b"\r\n",
        b"",
    ],
)
def test_out_06_a_clean_entity_is_the_same_object(content: bytes) -> None:
    form = canonical(content)
    assert form.clear
    assert form.content is content


@pytest.mark.parametrize("columns", [4, 64, 72, 80, 900])
def test_out_06_base64_of_any_width_becomes_76_columns(columns: int) -> None:
    """OUT-06: relays that write base64 anew write lines of 76; they change nothing then."""
    data, head = bytes(range(256)) * 9, b"Content-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
    digits = base64.b64encode(data)
    lines = [digits[start : start + columns] for start in range(0, len(digits), columns)]
    form = canonical(head + b"\r\n".join(lines) + b"\r\n")
    assert form.clear
    assert form.content == head.replace(b"BASE64", b"base64") + encode_base64(data)
    assert canonical(form.content).content is form.content


@given(entities)
def test_out_06_what_is_written_anew_stays(entity: bytes) -> None:
    """OUT-06: base64 written anew, in lines of 76 as SMTP relays do, is what was signed."""
    form = canonical(entity)
    for part in read_entity(form.content).walk():
        body = form.content[part.body : part.end]
        if form.clear and part.encoding == "base64" and not part.children and is_exact_base64(body):
            assert encode_base64(decode_base64(body)).rstrip() == body.rstrip()


@pytest.mark.parametrize("end", [b"=\r\n", b"=", b"=\r\n\r\n"])
def test_out_06_no_soft_break_ends_a_body(end: bytes) -> None:
    """OUT-06: a soft break that nothing follows is dropped by some relays."""
    head = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    form = canonical(TEXT + head + b"Gr=C3=BC=C3=9Fe" + b" from the little town" * 2 + end)
    assert form.clear
    (body,) = leaf_bodies(form.content)
    assert body.rstrip(b"\r\n") == "Grüße".encode() + b" from the little town" * 2
    assert read_entity(form.content).encoding == "quoted-printable"
    assert not re.search(rb"=[ \t]*(?:\r\n)*\Z", form.content)


@pytest.mark.parametrize(
    "body",
    [
        UMLAUTS,
        b"trailing \r\n",
        b"trailing\t",
        b"From here\r\n",
        b"line\r\nFrom here\r\n",
        b"x" * 999,
        b"short\r\n" + b"x" * 999 + b"\r\nshort\r\n",
        b"nul\0\r\n",
        b"bare\nfeed\r\n",
        b"bare\rreturn\r\n",
        b"bare return at the end\r",
    ],
)
@pytest.mark.parametrize("kind", [TEXT, b"", b"Content-Type: application/pdf\r\n"])
def test_out_06_every_trap_is_recoded(kind: bytes, body: bytes) -> None:
    form = canonical(kind + b"\r\n" + body)
    assert form.clear
    assert sound_lines(form.content)
    assert leaf_bodies(form.content) == [body]
    assert form.content.startswith(kind + b"Content-Transfer-Encoding: ")


@pytest.mark.parametrize(
    ("kind", "body", "encoding"),
    [
        (TEXT, UMLAUTS, b"quoted-printable"),
        (TEXT, "Привет, мир\r\n".encode() * 9, b"base64"),
        (TEXT, b"bare\nfeed", b"base64"),
        (b"Content-Type: image/png\r\n", UMLAUTS, b"base64"),
    ],
)
def test_out_06_text_is_quoted_and_data_is_base64(kind: bytes, body: bytes, encoding: bytes) -> None:
    form = canonical(kind + b"\r\n" + body)
    assert form.content.startswith(kind + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n")


def test_out_06_the_encoding_field_is_replaced_in_its_place() -> None:
    head = b"Content-ID: <a@b>\r\ncontent-transfer-encoding:\r\n 8bit\r\n" + TEXT
    form = canonical(head + b"\r\n" + UMLAUTS)
    assert form.content.startswith(
        b"Content-ID: <a@b>\r\nContent-Transfer-Encoding: quoted-printable\r\n" + TEXT + b"\r\nGr=C3=BC=C3=9Fe"
    )


@pytest.mark.parametrize("encoding", [b"8bit", b"BINARY", b"8Bit"])
@pytest.mark.parametrize("before", [b"", TEXT])
def test_out_06_a_clean_part_declared_8bit_becomes_7bit(before: bytes, encoding: bytes) -> None:
    """A relay without 8BITMIME re-codes what is declared 8bit, whether it is or not."""
    form = canonical(before + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\nhello\r\n")
    assert form.clear
    assert form.content == before + b"Content-Transfer-Encoding: 7bit\r\n\r\nhello\r\n"


def test_out_06_text_about_encodings_is_no_declaration() -> None:
    content = TEXT + b"\r\nwrote:\r\nContent-Transfer-Encoding: 8bit\r\n"
    form = canonical(content)
    assert form.clear
    assert form.content == content


def test_out_06_only_the_parts_that_need_it_change() -> None:
    clean = b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC"
    content = (
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--b\r\n"
        + clean
        + b"\r\n--b\r\n"
        + TEXT
        + b"\r\n"
        + UMLAUTS
        + b"\r\n--b--\r\nepilogue\r\n"
    )
    form = canonical(content)
    assert form.clear
    assert form.content == (
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\npreamble\r\n--b\r\n"
        + clean
        + b"\r\n--b\r\n"
        + TEXT
        + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe aus der kleinen Stadt am Rhein\r\n"
        + b"\r\n--b--\r\nepilogue\r\n"
    )


def test_out_06_a_forwarded_message_is_recoded_inside() -> None:
    head = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n" + TEXT
    form = canonical(head + b"\r\n" + UMLAUTS)
    assert form.clear
    assert form.content.startswith(head + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n")


@pytest.mark.parametrize(
    ("body", "encoding", "expected"),
    [
        (base64.b64encode(b"x" * 900), b"base64", None),
        (b"eHh4 \r\neHh4\r\n", b"base64", b"eHh4eHh4\r\n"),
        (b"From=20here \r\nsoft=\r\n break=", b"quoted-printable", b"From here=20\r\nsoft break"),
        (b"From here\r\n", b"quoted-printable", b"=46=\r\nrom here\r\n"),
        (
            b"raw words, \xc3\xbc=C3=BC and more\r\n" * 2,
            b"quoted-printable",
            b"raw words, =C3=BC=C3=BC and more\r\n" * 2,
        ),
    ],
)
def test_out_06_coded_parts_with_a_trap_are_coded_anew(body: bytes, encoding: bytes, expected: bytes | None) -> None:
    head = TEXT + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n"
    form = canonical(head + body)
    assert form.clear
    assert sound_lines(form.content)
    assert leaf_bodies(form.content) == leaf_bodies(head + body)
    if expected is not None:
        assert form.content == head + expected.replace(b"From here=20", b"=46=\r\nrom here=20")


HEADER = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
UNTOUCHABLE = {
    "8-bit header": b"Content-Type: text/plain; name=\xc3\xbc\r\n\r\nhello",
    "8-bit header of a part": HEADER + b"--b\r\nContent-Description: \xc3\xbc\r\n\r\nx\r\n--b--\r\n",
    "8-bit header of a forwarded message": b"Content-Type: message/rfc822\r\n\r\nSubject: \xc3\xbc\r\n\r\nhello",
    "mbox line": b"Content-Type: message/rfc822\r\n\r\nFrom alice Mon\r\nSubject: x\r\n\r\nhello",
    "long header line": TEXT + b"Content-Description: " + b"x" * 1000 + b"\r\n\r\nhello",
    "8-bit preamble": HEADER + b"\xc3\xbc\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "8-bit epilogue": HEADER + b"--b\r\n\r\nx\r\n--b--\r\n\xc3\xbc",
    "no delimiter": HEADER + UMLAUTS,
    "broken quoted-printable": TEXT + b"Content-Transfer-Encoding: quoted-printable\r\n\r\na=ZZ \r\n",
    "broken base64": TEXT + b"Content-Transfer-Encoding: base64\r\n\r\nYW*Jj \r\n",
    "unknown encoding": TEXT + b"Content-Transfer-Encoding: x-own\r\n\r\na \r\n",
    "two encodings": TEXT + b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n\xc3\xbc",
    "two types": TEXT + TEXT + b"\r\n\xc3\xbc",
    "encoded multipart": b"Content-Transfer-Encoding: base64\r\n" + HEADER + b"--b\r\n\r\n\xc3\xbc\r\n--b--\r\n",
    "half a multipart": b"Content-Type: multipart; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n",
    "encoded message": b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj \r\n",
    "delivery status": b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: \xc3\xbc\r\n",
    "signed": b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "signed, declared": b"Content-Type: multipart/signed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--\r\n",
    "signature": b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: binary\r\n\r\n\x30\x80",
    "too deep": b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(30))
    + b"\r\n\xc3\xbc",
}


@pytest.mark.parametrize("content", UNTOUCHABLE.values(), ids=UNTOUCHABLE.keys())
def test_out_06_what_cannot_be_recoded_comes_back_untouched_and_not_clear(content: bytes) -> None:
    form = canonical(content)
    assert not form.clear
    assert form.content is content


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"Content-Type: text/plain; \r\n\tcharset=utf-8\r\n", b"Content-Type: text/plain;\r\n \tcharset=utf-8\r\n"),
        (b"Content-Description: a \t\r\n", b"Content-Description: a\r\n"),
        (b"Content-Description: a \r\n \r\n b \r\n", b"Content-Description: a\r\n   b\r\n"),
        (b"Content-Description: a \r\n\t \r\n", b"Content-Description: a\r\n"),
    ],
)
def test_out_06_blanks_at_the_end_of_header_lines_move_behind_the_fold(field: bytes, expected: bytes) -> None:
    form = canonical(field + b"\r\nhello")
    assert form.clear
    assert form.content == expected + b"\r\nhello"


@given(entities)
def test_out_06_a_clear_form_has_no_trap_and_says_the_same(content: bytes) -> None:
    form = canonical(content)
    if not form.clear:
        assert form.content is content
        return
    assert sound_lines(form.content)
    assert shape(form.content) == shape(content)
    assert leaf_bodies(form.content) == leaf_bodies(content)
    assert canonical(form.content).content is form.content
    for before, after in zip(reading(content).walk(), reading(form.content).walk(), strict=True):
        assert fields(before) == fields(after)


def fields(part: object) -> list[tuple[str, str]]:
    """All fields but the transfer encoding, unfolded."""
    return [
        (name, value.replace("\r\n", "").strip())
        for name, value in part.items()  # type: ignore[attr-defined]
        if name.lower() != "content-transfer-encoding"
    ]


@given(multipart(st.lists(BODY.map(lambda body: b"\r\n" + body), min_size=2, max_size=2), kind=b"signed"), BODY)
def test_out_06_a_signature_of_someone_else_is_never_touched(signed: bytes, other: bytes) -> None:
    content = b"Content-Type: multipart/mixed; boundary=top\r\n\r\n--top\r\n%s\r\n--top\r\n\r\n%s\r\n--top--\r\n"
    form = canonical(content % (signed, other))
    child = read_entity(form.content).children[0]
    assert form.content[child.start : child.end] == signed
    assert not form.clear or sound_lines(signed)


@given(st.lists(st.sampled_from([b"x" * 997, b"x", b"\r\n", b"\n", b"\r", b" ", b"From ", b"\xff", b"\0"]), max_size=8))
def test_the_fast_test_agrees_with_the_slow_one(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    assert is_robust(content) == sound_lines(content)


@pytest.mark.parametrize(("size", "long"), [(998, False), (999, True)])
@pytest.mark.parametrize("before", [b"", b"short\r\n", b"y" * 998 + b"\r\n"])
@pytest.mark.parametrize("after", [b"", b"\r\n", b"\r\nshort\r\n"])
def test_lines_of_998_bytes_are_the_longest(before: bytes, size: int, after: bytes, long: bool) -> None:
    assert has_long_line(before + b"x" * size + after) is long
