"""Certificates in directories: a real slapd, and servers that do what no server should."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gateway.asn1.der import integer, octets, sequence, tlv
from gateway.lookup.answer import MOST, Answer, NotAnswered
from gateway.lookup.ldap import LdapServer
from gateway.lookup.ldap_session import MOST_OCTETS
from tests.authority import Authority, Issued
from tests.lookup.slapd import BASE, PASSWORD, READER, Entry, Slapd, person, slapd

PEOPLE = 10_000
SOON = 1.0
"""Seconds of patience where a test waits for their end."""
ODD = "o*)(uid=*@customer.example"


@pytest.fixture(scope="module")
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@customer.example", kind="p256")


@pytest.fixture(scope="module")
def bob(authority: Authority) -> Issued:
    return authority.leaf("bob@customer.example", kind="p256")


@pytest.fixture(scope="module")
def server(authority: Authority, alice: Issued, bob: Issued) -> Iterator[Slapd]:
    chain = pkcs7.serialize_certificates([bob.x509, authority.intermediate.x509], Encoding.DER)
    known: list[Entry] = [
        person("Alice", "alice@customer.example", userCertificate_binary=[alice.der]),
        person("Bob", "robert@customer.example", userSMIMECertificate=[chain])
        | {"proxyAddresses": ["SMTP:robert@customer.example", "smtp:bob@customer.example"]},
        person("Many", "many@customer.example", userCertificate_binary=[alice.der, bob.der]),
        person("None", "none@customer.example"),
    ]
    crowd = [person(f"Person {n}", f"person{n}@customer.example") for n in range(PEOPLE - len(known))]
    with slapd([*crowd, *known]) as running:
        yield running


def at(server: Slapd, **changes: object) -> LdapServer:
    return replace(LdapServer("127.0.0.1", server.plain, BASE, name=READER, password=PASSWORD), **changes)


def verified(server: Slapd) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca)


# what comes


def test_a_certificate_is_found_by_mail(server: Slapd, alice: Issued) -> None:
    assert at(server)("alice@customer.example") == Answer((alice.der,))
    assert at(server)("ALICE@Customer.example") == Answer((alice.der,))


def test_by_proxy_address_as_active_directory_has_it_and_in_pkcs_7(
    server: Slapd, authority: Authority, bob: Issued
) -> None:
    assert set(at(server)("bob@customer.example").certificates) == {bob.der, authority.intermediate.der}


@pytest.mark.parametrize("address", ["none@customer.example", "nobody@customer.example"])
def test_none_is_an_answer(server: Slapd, address: str) -> None:
    assert at(server)(address) == Answer()


def test_nobodys_login(server: Slapd, alice: Issued) -> None:
    assert at(server, name="", password="")("alice@customer.example") == Answer((alice.der,))


def test_the_password_does_not_show(server: Slapd) -> None:
    assert PASSWORD not in repr(at(server))


def test_only_what_was_asked_for_counts(server: Slapd) -> None:
    assert at(server, attributes=("userSMIMECertificate",))("alice@customer.example") == Answer()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"password": "wrong"}, "password is wrong"),
        ({"password": ""}, "password is empty"),
        ({"base": "dc=elsewhere"}, "the base does not exist"),
        ({"base": "no name"}, "no name"),
        ({"port": 1}, "the connection failed"),
    ],
)
def test_what_is_wrong_is_said(server: Slapd, changes: dict[str, object], word: str) -> None:
    with pytest.raises(NotAnswered, match=word):
        at(server, **changes)("alice@customer.example")


@pytest.mark.parametrize("address", ["*@customer.example", "*", ODD, "a)(mail=*", "\\2a@customer.example", "(", "\0"])
def test_an_address_cannot_change_what_is_asked(server: Slapd, address: str) -> None:
    assert at(server)(address) == Answer()


# TLS


def test_tls_from_the_first_octet_and_on_a_plain_connection(server: Slapd, alice: Issued) -> None:
    tls = verified(server)
    first = at(server, host="localhost", port=server.tls, tls=tls)
    later = at(server, host="localhost", tls=tls, starttls=True)
    assert first("alice@customer.example") == later("alice@customer.example") == Answer((alice.der,))


@pytest.mark.parametrize("starttls", [False, True])
def test_tls_is_verified(server: Slapd, starttls: bool, authority: Authority) -> None:
    port = server.plain if starttls else server.tls
    strangers = ssl.create_default_context(cadata=authority.root.pem().decode())
    for host, tls in (("localhost", strangers), ("127.0.0.1", verified(server))):
        with pytest.raises(NotAnswered, match="the connection failed"):
            at(server, host=host, port=port, tls=tls, starttls=starttls)("alice@customer.example")


# servers that do what no server should

WELL = (tlv(0x0A, b"\0"), octets(b""), octets(b""))
BOUND = sequence(integer(1), tlv(0x61, *WELL))
DONE = sequence(integer(2), tlv(0x65, *WELL))
Script = Callable[[socket.socket], None]


@contextmanager
def scripted(script: Script) -> Iterator[LdapServer]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            script(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield LdapServer("127.0.0.1", listener.getsockname()[1], BASE, seconds=SOON)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def after_login(*answers: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(BOUND)
        connection.recv(4096)
        for each in answers:
            connection.sendall(each)
        time.sleep(3 * SOON)

    return script


def entry(values: Sequence[bytes], name: bytes = b"userCertificate;binary") -> bytes:
    attribute = sequence(octets(name), tlv(0x31, *map(octets, values)))
    return sequence(integer(2), tlv(0x64, octets(b"cn=x"), sequence(attribute)))


def code(number: int, operation: int = 0x65) -> bytes:
    return sequence(integer(2), tlv(operation, tlv(0x0A, bytes((number,))), octets(b""), octets(b"secret text")))


def test_a_thousand_answers_are_cut(alice: Issued) -> None:
    with scripted(after_login(*[entry([alice.der] * 100)] * 5, DONE)) as server:
        assert len(server("alice@customer.example").certificates) == MOST
    with scripted(after_login(entry([alice.der]), code(4))) as server:
        assert server("alice@customer.example") == Answer((alice.der,)), "the server's own limit is no fault"


def drip(connection: socket.socket) -> None:
    for octet in entry([b"x" * 5000]):
        connection.sendall(bytes((octet,)))
        time.sleep(0.05)


def reference(connection: socket.socket) -> None:
    after_login(sequence(integer(2), tlv(0x73, octets(b"ldap://127.0.0.1:1/"))), code(10))(connection)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (lambda connection: time.sleep(3 * SOON), "too long"),
        (drip, "too long"),
        (after_login(entry([b"x" * MOST_OCTETS])), "octets came"),
        (after_login(b"\x30\x88" + b"\x7f" * 8), "octets came"),
        (after_login(*[entry([b""])] * 300), "more entries"),
        (after_login(b"\x30\x80\0\0"), "indefinite"),
        (after_login(b"\x30\x00"), ""),
        (after_login(sequence(integer(2), octets(b"?"))), ""),
        (after_login(sequence(integer(0), tlv(0x78, *WELL))), "ended the session"),
        (after_login(code(51)), "it is busy"),
        (reference, "another server, which is not asked"),
        (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ""),
        (lambda connection: None, ""),
    ],
)
def test_bad_servers_end_in_time_and_without_an_answer(script: Script, word: str) -> None:
    began = time.monotonic()
    with scripted(script) as server, pytest.raises(NotAnswered, match=word or None) as told:
        server("alice@customer.example")
    assert time.monotonic() - began < 10 * SOON, "however it is paced, it ends"
    assert "secret" not in str(told.value)


def test_what_comes_before_tls_does_not_count(server: Slapd) -> None:
    """Someone in the middle may put a login's answer behind the one to StartTLS."""

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(sequence(integer(1), tlv(0x78, *WELL)) + sequence(integer(2), tlv(0x61, *WELL)))
        time.sleep(3 * SOON)

    with scripted(script) as middle, pytest.raises(NotAnswered):
        replace(middle, host="localhost", tls=verified(server), starttls=True)("alice@customer.example")


@pytest.mark.parametrize("value", [b"", b"\x30", b"no certificate", b"\x30\x80" * 60, b"-----BEGIN CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_none(value: bytes) -> None:
    with scripted(after_login(entry([value]), DONE)) as server:
        assert server("alice@customer.example") == Answer()
