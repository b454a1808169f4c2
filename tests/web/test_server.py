"""The server under both listeners: what it puts up with, octet by octet."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.config.values import Endpoint, Network, network
from gateway.web import server
from gateway.web.server import Bounds, Server, Transport
from tests.e2e.daemon import free_port
from tests.smtp.fakes import run

BOUNDS = Bounds(connections=5, size=8192)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def _seen(request: Request) -> Response:
    return PlainTextResponse(f"{request.client.host if request.client else None} {request.url.scheme}")


async def _count(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _much(_: Request) -> Response:
    return PlainTextResponse("x" * 50_000_000)


APP = Starlette(routes=[Route("/", _seen), Route("/count", _count, methods=["POST"]), Route("/much", _much)])


@asynccontextmanager
async def serving(bounds: Bounds = BOUNDS, transport: Transport | None = None) -> AsyncIterator[tuple[Server, int]]:
    made, address = Server("test", APP, bounds, transport), Endpoint("127.0.0.1", free_port())
    task = asyncio.create_task(made.serve_at(address))
    while not made.started:
        await asyncio.sleep(0.01)
    try:
        yield made, address.port
    finally:
        made.should_exit = True
        await asyncio.wait_for(task, 10)


async def send(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send pieces with pauses; return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def story(tell: Callable[..., Any], *values: Any) -> None:
    async def whole() -> None:
        async with serving(*values) as (made, port):
            await asyncio.wait_for(tell(made, port), 30)

    run(whole())


@pytest.mark.parametrize("started", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_head_that_does_not_come_is_not_waited_for(started: bytes) -> None:
    """However slowly it comes: each octet gives no new time."""

    async def tell(_: Server, port: int) -> None:
        assert await send(port, started, *[b"x"] * 10, pause=0.05) == b"" or not started
        assert (await send(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).startswith(
            b"HTTP/1.1 200"
        )

    story(tell, replace(BOUNDS, head=0.3))


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def tell(made: Server, port: int) -> None:
        head = b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        assert await send(port, head, b"x") == b""
        assert not made.server_state.connections

    story(tell, replace(BOUNDS, patience=0.3))


def test_who_does_not_read_his_answer_is_sent_away() -> None:
    async def tell(made: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        while not made.server_state.connections:
            await asyncio.sleep(0.01)
        while made.server_state.connections:
            await asyncio.sleep(0.01)
        writer.close()
        assert reader is not None

    story(tell, replace(BOUNDS, patience=0.3))


def test_a_connection_that_is_kept_serves_again_and_again() -> None:
    async def tell(_: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(6):
            writer.write(GET + GET)
            for _ in range(2):
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
                while (await reader.readline()) != b"\r\n":
                    pass
                assert await reader.readexactly(14) == b"127.0.0.1 http"
            await asyncio.sleep(0.1)
        writer.close()

    story(tell, replace(BOUNDS, head=0.4, patience=0.4))


def test_the_number_of_connections_is_bounded() -> None:
    async def tell(made: Server, port: int) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(BOUNDS.connections)]
        while len(made.server_state.connections) < BOUNDS.connections:
            await asyncio.sleep(0.01)
        assert await send(port, GET) == b""
        for _, writer in silent:
            writer.close()
        while made.server_state.connections:
            await asyncio.sleep(0.01)
        assert (await send(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))).startswith(
            b"HTTP/1.1 200"
        )

    story(tell)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\r\n\r\n",
        b"GET /\xff\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * BOUNDS.size,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 600,
    ],
)
def test_what_is_no_request_gets_a_400(request_: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def tell(_: Server, port: int) -> None:
        assert (await send(port, request_)).startswith(b"HTTP/1.1 400 ")

    story(tell, replace(BOUNDS, head=1))
    assert not caplog.records


def test_no_name_of_the_server() -> None:
    async def tell(_: Server, port: int) -> None:
        assert b"\r\nserver:" not in (await send(port, GET, pause=0.1)).lower()

    story(tell, replace(BOUNDS, head=0.5))


@pytest.mark.parametrize(
    ("proxies", "fields", "seen"),
    [
        ([], b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", b"127.0.0.1 http"),
        (["127.0.0.0/8"], b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", b"192.0.2.1 https"),
        (["127.0.0.0/8"], b"X-Forwarded-For: 10.9.9.9, 192.0.2.1\r\n", b"192.0.2.1 http"),
        (["127.0.0.0/8", "192.0.2.0/24"], b"X-Forwarded-For: 10.9.9.9, 192.0.2.1\r\n", b"10.9.9.9 http"),
        (["10.0.0.0/8"], b"X-Forwarded-For: 192.0.2.1\r\n", b"127.0.0.1 http"),
        (["127.0.0.0/8"], b"", b"127.0.0.1 http"),
    ],
)
def test_only_proxies_may_say_who_asks(proxies: Sequence[str], fields: bytes, seen: bytes) -> None:
    """The last that no proxy vouches for counts; what a client wrote before that is his own word."""
    networks: list[Network] = [network(proxy) for proxy in proxies]

    async def tell(_: Server, port: int) -> None:
        answer = await send(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + fields + b"\r\n")
        assert answer.endswith(b"\r\n\r\n" + seen)

    story(tell, BOUNDS, Transport(proxies=networks))


def test_the_environment_does_not_say_who_is_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")

    async def tell(_: Server, port: int) -> None:
        fields = b"Connection: close\r\nX-Forwarded-For: 192.0.2.1\r\n"
        assert (await send(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")).endswith(b"127.0.0.1 http")

    story(tell)


def test_an_address_that_is_taken_is_said_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "LISTEN_AGAIN", 0.02)

    async def whole() -> None:
        async with serving() as (_, port):
            other = Server("other", APP, BOUNDS)
            waiting = asyncio.create_task(other.serve_at(Endpoint("127.0.0.1", port)))
            await asyncio.sleep(0.2)
            assert not other.started
        while not other.started:
            await asyncio.sleep(0.01)
        assert b"200" in await send(port, GET, pause=0.1)
        other.should_exit = True
        await waiting

    run(whole())
    assert [record.message for record in caplog.records if "cannot listen" in record.message] != []
    assert caplog.text.count("cannot listen") == 1


def test_under_tls_nothing_is_spoken_in_clear(tmp_path: Any, authority: Any) -> None:
    issued = authority.leaf("server@example.org", kind="p256")
    (tmp_path / "pem").write_bytes(issued.pem() + issued.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")

    async def tell(_: Server, port: int) -> None:
        assert await send(port, GET) == b""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        writer.write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert (await reader.read()).endswith(b"127.0.0.1 https")
        writer.close()

    story(tell, BOUNDS, Transport(context))


def test_an_answer_does_not_wait_for_the_clients_acknowledgement() -> None:
    """RFC 9293 §3.7.4: Nagle's algorithm is off on what is accepted."""

    async def accept() -> None:
        address = Endpoint("127.0.0.1", free_port())
        with (
            await Server("test", APP, BOUNDS).listen(address) as listener,
            socket.create_connection((address.host, address.port)),
            listener.accept()[0] as accepted,
        ):
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(accept())
