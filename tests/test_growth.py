"""No parser takes more than its share: twice the input, twice the steps (row LIM-06).

Steps are lines of Python executed, counted while a parser reads a family of hostile inputs in two sizes; how long
anything takes is not looked at. What the regular expressions do inside one line is the affair of ``test_expressions``.
Where there is a limit, the sizes stay below it, or the refusal is counted.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

import gateway
from gateway.asn1.ber import read
from gateway.cms.probe import read_cms
from gateway.engine.results import cut_forged, forged_fields
from gateway.errors import GatewayError
from gateway.mail.address import folded
from gateway.mail.author import read_author
from gateway.mail.canonical import canonical
from gateway.mail.content_type import content_type
from gateway.mail.encoded_word import decode_words
from gateway.mail.entity import decoded_body, read_entity
from gateway.mail.header import read_header, unfold
from gateway.mail.lexical import without_comments
from gateway.mail.mailbox import addresses_seen, mailboxes
from gateway.mail.message_id import names, under
from gateway.mail.transport import fit, seven_bit, with_crlf
from gateway.pki.bundle import read_bundle
from gateway.smime.open import read_layer, root_layer

SIZES = (4_000, 16_000)
"""Octets: four times as many."""
BOUND = 4.6
"""Of the steps: proportional, and some to spare for what is done once per line or part."""
ROOM = 400
"""Steps of the smaller one that are not looked at: of what ends at once, chance is all there is to compare."""
IDS = ["smime.gw.example.org"]
pytestmark = pytest.mark.slow

Make = Callable[[int], bytes]


def repeated(unit: bytes, before: bytes = b"", behind: bytes = b"") -> Make:
    return lambda size: before + unit * ((size - len(before) - len(behind)) // len(unit)) + behind


def steps(parse: Callable[[bytes], Any], content: bytes) -> int:
    """How many lines of the package's code are executed."""
    package = gateway.__path__[0]
    count = 0

    def line(*_: Any) -> Any:
        nonlocal count
        count += 1
        return line

    def call(frame: Any, *_: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(package) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        with suppress(GatewayError):
            parse(content)
    finally:
        sys.settrace(before)
    return count


UNITS: Sequence[bytes] = (
    b"a", b" ", b"\t", b"\\", b'"', b'\\"', b'"a" ', b"(", b")", b"()", b"(\\", b";", b"; ", b";a=", b';a="', b";a=b",
    b"*0=", b";a*0*=%41", b";a*0=b", b"'", b"<", b">", b"<>", b"@", b"a@", b"a@b,", b"a@b.example, ",
    b"<a@b>", b",", b":",
    b"g:;", b"a:", b"[", b"=?", b"=?u?q?a?=", b"=?utf-8?q?a?= ", b"=?utf-8?b?QUJD?= =?latin1?q?b?=", b"?=",
    b"\xff", b"\0",
    b"\v", b"\r\n ", b" \r\n\t", b"\xc2\xa0", "ü".encode(), b".", b"a.", b"--", b"\r\n\t\r\n ",
)  # fmt: skip
VALUES: dict[str, Callable[[bytes], Any]] = {
    "content_type": lambda value: content_type(b"multipart/mixed; a=" + value),
    "parameters": lambda value: content_type(b"a/b" + value),
    "mailboxes": lambda value: mailboxes(value, groups=True),
    "addresses_seen": addresses_seen,
    "decode_words": decode_words,
    "without_comments": lambda value: without_comments(value.decode("latin-1")),
    "unfold": unfold,
    "names": lambda value: list(names([value])),
    "folded": lambda value: folded(value.decode("latin-1")),
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("parse", VALUES.values(), ids=VALUES)
def test_field_values(parse: Callable[[bytes], Any], unit: bytes) -> None:
    for make in (
        repeated(unit),
        repeated(unit, b'"'),
        repeated(unit, b"(x", b"x)"),
        repeated(unit, b"<", b"@b.example>"),
    ):
        assert_linear(parse, make)


def assert_linear(parse: Callable[[bytes], Any], make: Make) -> None:
    small, large = (steps(parse, make(size)) for size in SIZES)
    assert large <= BOUND * max(small, ROOM)


FIELDS = (
    b"Message-ID: %s\r\n\r\n", b"Message-ID\v: %s\r\n\r\n", b"References: %s\r\nMessage-ID: %s\r\n\r\n",
    b"From: %s\r\n\r\n", b"From: a <a@b.example> %s\r\n\r\n", b"Authentication-Results: %s\r\n\r\n",
    b"Authentication-Results\v: %s\r\n\r\n", b"X-SMIME-Gateway-Id\0%s\r\n\r\n", b"%s\r\n\r\n", b"x\r\n%s\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    b"Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\nx\r\n",
)  # fmt: skip


def headers(content: bytes) -> None:
    header = read_header(content)
    read_author(header)
    under(header, b"<1@x>")
    forged_fields(header, IDS)
    assert header.reads_one_way in (True, False)


HEADERS: dict[str, Callable[[bytes], Any]] = {
    "header": headers,
    "cut_forged": lambda content: cut_forged(content, IDS),
    "read_entity": read_entity,
    "root_layer": lambda content: root_layer(content, read_header(content)),
    "canonical": canonical,
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("parse", HEADERS.values(), ids=HEADERS)
def test_headers(parse: Callable[[bytes], Any], field: bytes) -> None:
    for unit in UNITS:
        assert_linear(parse, lambda size, unit=unit: field.replace(b"%s", unit * (size // len(unit))))


LINES = (
    b"a: b\r\n", b"rubbish\r\n", b"\v: x\r\n", b"From\v: a@b.example\r\n", b"X-SMIME-Gateway-Id: 1\r\n", b" x\r\n",
    b"X-SMIME-Gateway-Id\r\n\v: 1\r\n", b"Authentication-Results: a; x=y\r\n", b"From: a@b.example\r\n",
    b"Authentication-Results\r\n :\r\n", b"\v\r\n", b"x\r\n \r\n", b"Subject: [tag]\r\n", b"Content-Type: a/b\r\n",
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("parse", HEADERS.values(), ids=HEADERS)
def test_many_lines(parse: Callable[[bytes], Any], line: bytes) -> None:
    assert_linear(parse, repeated(line, b"Received: x\r\n", b"\r\n"))


def entities(content: bytes) -> None:
    for entity in read_entity(content).walk():
        with suppress(GatewayError):
            decoded_body(entity)
        with suppress(GatewayError):
            read_layer(entity)


BODIES: dict[str, Callable[[bytes], Any]] = {
    "entities": entities,
    "with_crlf": with_crlf,
    "fit": fit,
    "seven_bit": lambda content: seven_bit(content + b"\xff"),
    "canonical": canonical,
}
MULTIPART = b"Content-Type: multipart/signed; protocol=application/pkcs7-signature; boundary=b\r\n\r\n"
PARTS = (
    b"\r\n--b\r\n", b"--b", b"\r\n--b ", b"\r\n--bb", b"\r\n--b--", b"\r\n--b\r\n\r\nx", b"\n", b"\r",
    b"\r\n", b"\0", b"=", b"=\r\n",
    b"\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx", b"\r\n-", b"From ", b"\r\nFrom x",
    b"\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n", b"M", b"TUlJ\r\n", b"= ", b"A=", b"\xff", b"=3D\r\n", b" \r\n",
    b"\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAw",
)  # fmt: skip


@pytest.mark.parametrize("unit", PARTS)
@pytest.mark.parametrize("parse", BODIES.values(), ids=BODIES)
def test_bodies(parse: Callable[[bytes], Any], unit: bytes) -> None:
    for encoding in (b"base64", b"quoted-printable", b"binary"):
        assert_linear(parse, repeated(unit, b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n"))
    assert_linear(parse, repeated(unit, MULTIPART))
    assert_linear(parse, repeated(unit, MULTIPART, b"\r\n--b\r\n\r\n\r\n--b--\r\n"))


def elements(data: bytes) -> None:
    open_ = [read(data)]
    while open_:
        element = open_.pop()
        if element.tag & 0x20:
            open_ += element.children


def within(unit: bytes) -> Make:
    """Many elements in one of definite length."""
    return lambda size: b"\x30\x82" + (size // len(unit) * len(unit)).to_bytes(2, "big") + unit * (size // len(unit))


@pytest.mark.parametrize(
    "unit", [b"\x05\0", b"\x04\0", b"\x30\x80\0\0", b"\x24\x80\0\0", b"\x30\0", b"\x31\x02\x05\0", b"\0\0"]
)
def test_asn1(unit: bytes) -> None:
    for make in (
        within(unit),
        repeated(unit, b"\x30\x80", b"\0\0"),
        repeated(unit),
        repeated(b"\x30\x80"),
        repeated(b"\x30\x82\x10\0"),
    ):
        assert_linear(elements, make)
        assert_linear(read_cms, make)


@pytest.mark.parametrize(
    "unit",
    [
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN X-----\n-----END X-----\n",
        b"-----BEGIN ",
        b"-",
        b"-----END X-----\n",
        b"MIIB\n",
        b"\n",
        b"0",
    ],
)
def test_files(unit: bytes) -> None:
    assert_linear(lambda data: read_bundle(data, []), repeated(unit))


def test_what_grows_faster_is_seen() -> None:
    def quadratic(value: bytes) -> None:
        for count in range(len(value) // 100):
            without_comments("()" * count)

    with pytest.raises(AssertionError):
        assert_linear(quadratic, repeated(b"a"))
