"""Certificates from web servers: what is asked, where it may lead, what is taken (row NET-03)."""

import ssl
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from gateway.lookup.answer import MOST, Answer, NotAnswered
from gateway.lookup.key_server import MOST_OCTETS, KeyServer, filled, template_fault
from tests.authority import SERVER_AUTH, Authority, Issued
from tests.lookup.site import Site, listening

ALICE = "alice@customer.example"


@pytest.fixture(scope="module")
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE, kind="p256")


def at(site: Site, path: str = "/of/{address}", seconds: float = 2.0) -> KeyServer:
    return KeyServer(f"http://127.0.0.1:{site.port}{path}", seconds=seconds)


def test_whatever_import_reads_is_taken(site: Site, authority: Authority, alice: Issued) -> None:
    chain = pkcs7.serialize_certificates([alice.x509, authority.intermediate.x509], Encoding.DER)
    for page, expected in (
        (alice.pem(), {alice.der}),
        (alice.der, {alice.der}),
        (chain, {alice.der, authority.intermediate.der}),
    ):
        site.put("/of/alice%40customer.example", page)
        assert set(at(site)(ALICE).certificates) == expected


def test_a_key_that_lies_there_is_left_there(site: Site, alice: Issued) -> None:
    site.put("/of/alice%40customer.example", alice.p12(b"secret"))
    assert at(site)(ALICE) == Answer()
    site.put("/of/alice%40customer.example", alice.key_pem())
    assert at(site)(ALICE) == Answer()


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
def test_none_is_an_answer(site: Site, status: str) -> None:
    site.put("/of/alice%40customer.example", b"", status)
    assert at(site)(ALICE) == Answer()


@pytest.mark.parametrize("status", ["403 Forbidden", "429 Too Many", "500 Oops", "503 Later"])
def test_everything_else_is_none(site: Site, status: str) -> None:
    site.put("/of/alice%40customer.example", b"", status)
    with pytest.raises(NotAnswered, match=status[:3]):
        at(site)(ALICE)


@pytest.mark.parametrize(
    "address", ["../../admin@x.example", "a?b=c#d@x.example", "a/b@x.example", "a%2fb@x.example", "a\r\nX: y@x.example"]
)
def test_an_address_stays_in_its_place(site: Site, address: str) -> None:
    at(site)(address)
    (path,) = site.paths()
    assert path.startswith("/of/") and path.count("/") == 2 and "?" not in path and ".." not in path.split("/")
    assert len(site.requests[0].split(b"\r\n")) == 8, "no field more than there always are"


def test_the_places_are_filled() -> None:
    hashed = sha256(b"a+b@x.example").hexdigest()
    assert filled("https://keys.example/{domain}/{local}?a={address}&h={sha256}", "A+b@x.example") == (
        f"https://keys.example/x.example/A%2Bb?a=A%2Bb%40x.example&h={hashed}"
    )


def test_redirects_stay_on_the_host(site: Site, alice: Issued) -> None:
    with listening() as other:
        other.put("/stolen", alice.pem())
        site.put("/there", alice.pem())
        for target, leads in (("/there", True), (f"http://127.0.0.1:{other.port}/stolen", False)):
            site.put("/of/alice%40customer.example", b"", "302 Found", f"Location: {target}")
            if leads:
                assert at(site)(ALICE) == Answer((alice.der,))
            else:
                with pytest.raises(NotAnswered, match="only"):
                    at(site)(ALICE)
        for target in (
            f"http://localhost:{site.port}/there",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
            "https://127.0.0.1/",
        ):
            site.put("/of/alice%40customer.example", b"", "302 Found", f"Location: {target}")
            with pytest.raises(NotAnswered):
                at(site)(ALICE)
        assert other.connections == 0


def test_a_huge_answer_is_not_read(site: Site) -> None:
    site.put("/of/alice%40customer.example", b"x" * (MOST_OCTETS + 1))
    with pytest.raises(NotAnswered, match="at most"):
        at(site)(ALICE)


def test_a_thousand_certificates_are_cut(site: Site, alice: Issued) -> None:
    site.put("/of/alice%40customer.example", alice.der * 200)
    assert len(at(site)(ALICE).certificates) == MOST


def test_a_server_that_says_nothing(site: Site) -> None:
    site.behave("/of/alice%40customer.example", lambda to: to.recv(1) and None)
    with pytest.raises(NotAnswered, match="too long"):
        at(site, seconds=0.5)(ALICE)


def test_https_is_verified_by_the_authority_that_is_named(tmp_path: Path, authority: Authority, alice: Issued) -> None:
    server = authority.leaf(
        issuer=authority.root, kind="p256", extended_key_usage=(SERVER_AUTH,), other_names=[x509.DNSName("localhost")]
    )
    (tmp_path / "both.pem").write_bytes(server.pem() + server.key_pem())
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "both.pem")
    with listening(tls=serving) as site:
        site.put("/of/alice%40customer.example", alice.pem())
        url = f"https://localhost:{site.port}/of/{{address}}"
        named = ssl.create_default_context(cadata=authority.root.pem().decode())
        assert KeyServer(url, named)(ALICE) == Answer((alice.der,))
        with pytest.raises(NotAnswered, match="the connection failed"):
            KeyServer(url, ssl.create_default_context())(ALICE)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("https://keys.example/{address}", None),
        ("http://[::1]:8080/x?h={sha256}", None),
        ("https://{domain}/{local}", "the host is fixed"),
        ("https://keys.example/", "asks for nobody"),
        ("https://keys.example/{domain}", "asks for nobody"),
        ("https://keys.example/{mail}", "not known"),
        ("ftp://keys.example/{address}", "neither http nor https"),
        ("https://user@keys.example/{address}", "names a user"),
        ("https://keys.example:x/{address}", "does not parse"),
        ("keys.example/{address}", "neither http nor https"),
        ("https:///{address}", "no host"),
    ],
)
def test_templates_are_judged(url: str, word: str | None) -> None:
    fault = template_fault(url)
    assert fault is None if word is None else word in (fault or "")
