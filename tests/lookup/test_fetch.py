"""One request: where it may lead, how long it may take, and how little it says (rows NET-01, NET-03)."""

import gzip
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.lookup import Fetch, NotFetched
from tests.authority import SERVER_AUTH, Authority
from tests.lookup.site import LOOPBACK, Site, listening

LIMIT = 1000
SOON = 0.4
"""Seconds of patience where a test waits for their end."""


def refused(fetch: Fetch, url: str, word: str | None = None, limit: int = LIMIT) -> None:
    with pytest.raises(NotFetched, match=word):
        fetch.get(url, limit)


# what comes


def test_a_page_is_fetched_and_little_is_said(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.put("/a.crl?b=c", b"content", "200 OK", "Set-Cookie: id=1")
    assert site.fetch().get(site.url("/a.crl?b=c"), LIMIT) == b"content"
    assert site.requests == [
        b"GET /a.crl?b=c HTTP/1.1\r\nHost: crl.example:%d\r\nUser-Agent: pki-client\r\nAccept: */*\r\n"
        b"Accept-Encoding: identity\r\nConnection: close\r\n\r\n" % site.port
    ]


def test_a_body_may_come_in_chunks_or_up_to_the_end(site: Site) -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    site.behave(
        "/chunks", lambda to: to.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n")
    )
    site.behave("/end", lambda to: to.sendall(head + b"\r\nabcd"))
    assert [site.fetch().get(site.url(path), LIMIT) for path in ("/chunks", "/end")] == [b"abcd", b"abcd"]


@pytest.mark.parametrize(
    "status", ["404 Not Found", "204 No Content", "206 Partial Content", "304 Not Modified", "503 Later"]
)
def test_everything_but_200_is_no_answer(site: Site, status: str) -> None:
    site.put("/a", b"x", status)
    refused(site.fetch(), site.url("/a"), f"the server answered {status[:3]}")


@pytest.mark.parametrize("sent", [b"", b"\0" * 50, b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200])
def test_what_is_no_http(site: Site, sent: bytes) -> None:
    site.behave("/a", lambda to: to.sendall(sent))
    refused(site.fetch(), site.url("/a"), "no HTTP|connection failed")


def test_nothing_of_what_came_stands_in_the_text(site: Site) -> None:
    site.behave("/a", lambda to: to.sendall(b"HTTP/9 sesame\x1b[31m\r\nsesame: sesame\r\n\r\n"))
    with pytest.raises(NotFetched) as caught:
        site.fetch().get(site.url("/a"), LIMIT)
    assert "sesame" not in str(caught.value)


def test_a_server_that_is_not_there() -> None:
    with listening() as site:
        fetch, url = site.fetch(), site.url()
    refused(fetch, url, "the connection failed")


# where it leads (row NET-01)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0.0.0.0",
        "0",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ],
)
def test_net_01_no_spelling_of_loopback_is_asked(site: Site, host: str) -> None:
    fetch = Fetch(ports=frozenset({site.port}))
    refused(fetch, f"http://{host}:{site.port}/a")
    assert site.connections == 0


def test_net_01_only_ports_80_and_443(site: Site) -> None:
    fetch = Fetch(allowed=lambda address: True, resolve=lambda host, port: [LOOPBACK])
    refused(fetch, site.url(), "only 80 and 443")
    assert site.connections == 0


@pytest.mark.parametrize(
    "found",
    [
        ["93.184.216.34", "127.0.0.1"],
        ["127.0.0.1", "93.184.216.34"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["fd00:ec2::254"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%lo"],
        ["what?"],
        [],
    ],
)
def test_net_01_one_address_that_is_not_public_spoils_all(site: Site, found: list[str]) -> None:
    fetch = Fetch(ports=frozenset({site.port}), resolve=lambda host, port: found)
    refused(fetch, site.url())
    assert site.connections == 0


def test_net_01_the_name_is_looked_up_once_and_that_address_is_asked(site: Site) -> None:
    """DNS rebinding: the second answer would lead elsewhere."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [LOOPBACK] if len(asked) == 1 else ["127.0.0.2"]

    with socket.create_server(("127.0.0.2", site.port)) as inside:
        inside.settimeout(0)
        site.put("/a", b"content")
        allowed = lambda address: str(address) == LOOPBACK  # noqa: E731
        fetch = Fetch(allowed=allowed, ports=frozenset({site.port}), resolve=rebinding)
        assert fetch.get(site.url("/a"), LIMIT) == b"content"
        assert asked == ["crl.example"]
        refused(fetch, site.url("/a"), "not public")
        with pytest.raises(BlockingIOError):
            inside.accept()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_without_what_came_before(site: Site, status: int) -> None:
    site.put("/old/a", b"", f"{status} Elsewhere", "Location: ../new/a", "Set-Cookie: id=1")
    site.put("/new/a", b"content")
    assert site.fetch().get(site.url("/old/a"), LIMIT) == b"content"
    assert site.paths() == ["/old/a", "/new/a"]
    assert b"Cookie" not in site.requests[1]
    assert b"Referer" not in site.requests[1]


def test_net_01_a_redirect_to_loopback_is_not_followed(site: Site) -> None:
    """``site`` is the public one here; the other stands for what must not be reached."""
    with listening("127.0.0.2") as inside:
        fetch = Fetch(
            allowed=lambda address: str(address) == LOOPBACK,
            ports=frozenset({site.port, inside.port}),
            resolve=lambda host, port: [LOOPBACK if host == "crl.example" else host],
        )
        site.put("/a", b"", "302 Found", f"Location: http://127.0.0.2:{inside.port}/secret")
        refused(fetch, site.url("/a"), "not public")
        assert (site.connections, inside.connections) == (1, 0)


@pytest.mark.parametrize(
    "where",
    [
        "file:///etc/passwd",
        "ldap://crl.example/x",
        "ftp://crl.example/x",
        "http://crl.example:25/x",
        "http://user@crl.example/x",
        "http://crl.example/a\tb",
        "http://crl.ex\xe4mple/",
    ],
)
def test_net_01_a_redirect_is_checked_as_the_first_url(site: Site, where: str) -> None:
    site.put("/a", b"", "302 Found", f"Location: {where}")
    refused(site.fetch(), site.url("/a"), "the URL")
    assert site.connections == 1


@pytest.mark.parametrize("where", ["http://[bad", "http://[::1", "//[x]/"])
def test_a_redirect_that_is_no_url(site: Site, where: str) -> None:
    site.put("/a", b"", "302 Found", f"Location: {where}")
    refused(site.fetch(), site.url("/a"), "no HTTP")


def test_net_01_three_redirects_are_followed_and_no_more(site: Site) -> None:
    for number in range(4):
        site.put(f"/{number}", b"", "302 Found", f"Location: /{number + 1}")
    site.put("/4", b"content")
    assert site.fetch().get(site.url("/1"), LIMIT) == b"content"
    refused(site.fetch(), site.url("/0"), "more than 3 redirects")
    site.put("/loop", b"", "302 Found", "Location: /loop")
    refused(site.fetch(), site.url("/loop"), "more than 3 redirects")
    assert site.paths() == ["/1", "/2", "/3", "/4", "/0", "/1", "/2", "/3", "/loop", "/loop", "/loop", "/loop"]


def test_the_next_address_is_tried_where_one_does_not_answer(site: Site) -> None:
    site.put("/a", b"content")
    found = ["127.0.0.3", LOOPBACK]
    fetch = Fetch(allowed=lambda _: True, ports=frozenset({site.port}), resolve=lambda host, port: found)
    assert fetch.get(site.url("/a"), LIMIT) == b"content"


# how long, how much (row NET-03)


@pytest.fixture
def over() -> Iterator[Event]:
    """Set when the test is over, for servers that wait."""
    event = Event()
    yield event
    event.set()


def dribble(to: socket.socket, over: Event, first: bytes, drop: bytes) -> None:
    with suppress(OSError):
        to.sendall(first)
        while not over.wait(0.05):
            to.sendall(drop)


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 O", b"K"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nA: ", b"b"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
)
def test_net_03_a_tarpit(site: Site, over: Event, first: bytes, drop: bytes) -> None:
    """Each drop comes in time; all of them together do not."""
    site.behave("/a", lambda to: dribble(to, over, first, drop))
    refused(site.fetch(SOON), site.url("/a"), "it took too long", limit=100_000)


def test_net_03_redirects_share_the_time(site: Site, over: Event) -> None:
    def slowly(to: socket.socket) -> None:
        over.wait(SOON / 2)
        to.sendall(b"HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n")

    site.behave("/a", slowly)
    refused(site.fetch(SOON), site.url("/a"), "it took too long")


def test_net_03_a_name_server_that_does_not_answer(site: Site, over: Event) -> None:
    def hanging(host: str, port: int) -> list[str]:
        over.wait()
        return [LOOPBACK]

    fetch = Fetch(allowed=lambda _: True, ports=frozenset({site.port}), resolve=hanging, seconds=SOON)
    for _ in range(3):  # more than there are threads for it
        refused(fetch, site.url(), "it took too long")
    assert site.connections == 0


def test_net_03_a_server_that_takes_no_connection(over: Event) -> None:
    with socket.socket() as full:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # they fill the queue
            each.setblocking(False)
            each.connect_ex((LOOPBACK, port))
        fetch = Fetch(allowed=lambda _: True, ports=frozenset({port}), resolve=lambda *_: [LOOPBACK], seconds=SOON)
        refused(fetch, f"http://crl.example:{port}/", "it took too long")
        for each in waiting:
            each.close()


def pour(to: socket.socket, head: bytes, piece: bytes) -> None:
    with suppress(OSError):
        to.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:
            to.sendall(piece)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"x" * 65536),
        (b"Content-Length: 1073741824\r\n", b"x" * 65536),
        (b"Transfer-Encoding: chunked\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"40000000\r\n" + b"x" * 65536),
    ],
)
def test_net_03_a_body_without_end(site: Site, head: bytes, piece: bytes) -> None:
    site.behave("/a", lambda to: pour(to, head, piece))
    refused(site.fetch(), site.url("/a"), "at most|more than", limit=100_000)


def test_a_body_may_be_as_large_as_the_limit(site: Site) -> None:
    site.put("/a", b"x" * LIMIT)
    assert len(site.fetch().get(site.url("/a"), LIMIT)) == LIMIT
    refused(site.fetch(), site.url("/a"), "at most 999", limit=LIMIT - 1)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_net_03_a_gzip_bomb_is_not_unpacked(site: Site, coding: str) -> None:
    site.put("/a", gzip.compress(b"\0" * 1_000_000), "200 OK", f"Content-Encoding: {coding}")
    refused(site.fetch(), site.url("/a"), "coded", limit=10_000)


# https


@pytest.fixture
def secure(tmp_path: Path, authority: Authority) -> Iterator[Site]:
    """A site whose certificate is for crl.example."""
    server = authority.leaf(
        issuer=authority.root, kind="p256", extended_key_usage=(SERVER_AUTH,), other_names=[x509.DNSName("crl.example")]
    )
    key = server.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(server.pem() + key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "both.pem")
    with listening(tls=tls) as opened:
        opened.put("/a", b"content")
        yield opened


def test_https_is_verified_for_the_name_of_the_url(secure: Site, authority: Authority) -> None:
    ours = ssl.create_default_context(cadata=authority.root.pem().decode())
    url = secure.url("/a").replace("http:", "https:")
    assert secure.fetch(tls=ours).get(url, LIMIT) == b"content"
    refused(secure.fetch(tls=ours), url.replace("crl.example", "other.example"), "the connection failed")
    refused(secure.fetch(), url, "the connection failed")


def test_net_03_a_tls_handshake_that_never_ends(over: Event) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        port = silent.getsockname()[1]
        fetch = Fetch(allowed=lambda _: True, ports=frozenset({port}), resolve=lambda *_: [LOOPBACK], seconds=SOON)
        refused(fetch, f"https://crl.example:{port}/", "it took too long")
