"""Arguments of MAIL, RCPT and XFORWARD."""

import pytest

from gateway.engine.transaction import Client
from gateway.smtp.capability import Capabilities
from gateway.smtp.command import (
    Rejection,
    declared_size,
    forwarded,
    read_mail,
    read_rcpt,
    read_xforward,
    xforward_lines,
)

ALL = Capabilities({"8BITMIME": (), "SMTPUTF8": (), "DSN": (), "SIZE": ("0",)})
NONE = Capabilities()


def refused(argument: str | None, offers: Capabilities = ALL, extended: bool = True, verb: str = "mail") -> str:
    read = read_mail if verb == "mail" else read_rcpt
    with pytest.raises(Rejection) as rejection:
        read(argument, offers, extended=extended)
    return str(rejection.value.reply)[:9]


@pytest.mark.parametrize("value", ["=", "", "=NEVER,SUCCESS", "=SUCCESS,", "=SUCCESS,,DELAY", "=ALWAYS", "=,FAILURE"])
def test_a_notify_that_says_nothing_is_refused(value: str) -> None:
    """RFC 3461 §4.1: what is not understood must not be taken for a wish that was not said."""
    assert refused(f"TO:<a@b.c> NOTIFY{value}", verb="rcpt") == "501 5.5.4"


def test_parameters_pass_with_their_case() -> None:
    path = read_mail("from:<A@Example.org>  RET=hdrs ENVID=AbC+2B1 body=8BitMime SMTPUTF8 SIZE=12", ALL, extended=True)
    assert path.address == "A@Example.org"
    assert path.parameters == ("RET=hdrs", "ENVID=AbC+2B1", "body=8BitMime", "SMTPUTF8", "SIZE=12")
    assert declared_size(path) == 12
    assert forwarded(path.parameters, ALL, size=False) == path.parameters[:-1]
    assert forwarded(path.parameters, ALL, size=True) == path.parameters
    assert forwarded(path.parameters, NONE, size=True) == path.parameters[:-1]


def test_smt_10_the_null_sender_is_a_sender() -> None:
    """SMT-10."""
    assert read_mail("FROM:<>", NONE, extended=False).address == ""


def test_recipient_with_delivery_status_parameters() -> None:
    path = read_rcpt("TO:<b@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;B+40@example.net", ALL, extended=True)
    assert path.parameters == ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;B+40@example.net")


def test_quoted_local_part_may_hold_a_bracket() -> None:
    assert read_rcpt('TO:<"a>b"@example.net> NOTIFY=NEVER', ALL, extended=True).parameters == ("NOTIFY=NEVER",)


@pytest.mark.parametrize(
    "path",
    [
        "<d@\\re.f>",
        "<a\x00b@e.f>",
        "<a b@e.f>",
        "<@x,@y:d@e.f>",
        "<a@b@c>",
        "<a@>",
        "<@b>",
        "<a@b",
        "a@b>",
        "<a\r\nRCPT TO:<x@y>@b>",
        "<a\x7f@b.c>",
        "<" + "a" * 65 + "@b.c>",
        "<a@" + "b" * 251 + ".c>",
        "<a@b.c>x",
        "<a@b.c>x@y",
    ],
)
def test_smt_04_malformed_addresses_stop_here(path: str) -> None:
    """SMT-04: controls, over-long and ambiguous paths never reach the next hop."""
    assert refused("FROM:" + path).startswith("501 5.")
    assert refused("TO:" + path, verb="rcpt").startswith("501 5.")


@pytest.mark.parametrize("argument", [None, "", "FROM", "<a@b.c>", "TO:<a@b.c>", "FROM: "])
def test_malformed_mail(argument: str | None) -> None:
    assert refused(argument) == "501 5.5.4"


def test_a_recipient_is_needed() -> None:
    assert refused("TO:<>", verb="rcpt") == "501 5.1.3"
    assert read_rcpt("TO:<Postmaster>", ALL, extended=True).address == "Postmaster"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("BODY=BINARYMIME", "555 5.5.4"),
        ("REQUIRETLS", "555 5.5.4"),
        ("BY=120;R", "555 5.5.4"),
        ("AUTH=<>", "555 5.5.4"),
        ("X", "555 5.5.4"),
        ("=x", "501 5.5.4"),
        ("RET=", "501 5.5.4"),
    ],
)
def test_smt_11_unknown_parameters_are_refused(parameters: str, code: str) -> None:
    """SMT-11: what we do not carry is refused, not dropped."""
    assert refused(f"FROM:<a@b.c> {parameters}") == code


@pytest.mark.parametrize(
    ("parameters", "code"),
    [("SMTPUTF8", "550 5.6.7"), ("BODY=8BITMIME", "555 5.5.4"), ("RET=FULL", "555 5.5.4"), ("ENVID=x", "555 5.5.4")],
)
def test_smt_11_what_the_next_hop_lacks_is_refused(parameters: str, code: str) -> None:
    """SMT-11: a parameter needs the next hop's keyword."""
    assert refused(f"FROM:<a@b.c> {parameters}", NONE) == code


def test_parameters_need_ehlo() -> None:
    assert refused("FROM:<a@b.c> SIZE=1", extended=False) == "501 5.5.4"


def test_xforward_is_read_and_written() -> None:
    pairs = read_xforward("name=mail.example.net ADDR=192.0.2.1 IDENT=4ABC HELO=[UNAVAILABLE]")
    assert pairs == (
        ("NAME", "mail.example.net"),
        ("ADDR", "192.0.2.1"),
        ("IDENT", "4ABC"),
        ("HELO", "[UNAVAILABLE]"),
    )
    client = Client("127.0.0.1", xforward=pairs)
    assert client.queue_id == "4ABC"
    assert xforward_lines(client, ("NAME", "IDENT")) == [b"XFORWARD NAME=mail.example.net IDENT=4ABC\r\n"]
    assert xforward_lines(client, ()) == []


@pytest.mark.parametrize(
    "argument", [None, "NAME", "NAME=", "COLOUR=red", "NAME=a b", "NAME=\x07", "NAME=" + "x" * 256]
)
def test_malformed_xforward(argument: str | None) -> None:
    with pytest.raises(Rejection):
        read_xforward(argument)


def test_xforward_of_a_client_that_a_milter_told_of() -> None:
    client = Client("192.0.2.7", helo="me", xforward=(("IDENT", "4ABC"),))
    assert xforward_lines(client, ("ADDR", "HELO", "IDENT")) == [b"XFORWARD ADDR=192.0.2.7 HELO=me IDENT=4ABC\r\n"]


def test_xforward_of_our_own_view_and_long_values() -> None:
    client = Client("2001:db8::1", helo="ä b+", protocol="ESMTP")
    assert xforward_lines(client, ("NAME", "ADDR", "PROTO", "HELO")) == [
        b"XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PROTO=ESMTP HELO=+C3+A4+20b+2B\r\n"
    ]
    long = Client(xforward=tuple((name, "x" * 255) for name in ("NAME", "HELO", "IDENT")))
    assert all(len(line) <= 512 for line in xforward_lines(long, ("NAME", "HELO", "IDENT")))
    assert len(xforward_lines(long, ("NAME", "HELO", "IDENT"))) == 3
