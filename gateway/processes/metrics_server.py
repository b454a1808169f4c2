"""The post that serves ``/metrics``, ``/healthz`` and ``/readyz``, for all processes, on a loopback listener.

It is a process of its own under the supervisor, which therefore still has nothing to fail on: neither a client that
hangs nor a store that is locked can hold up the processes that take mail. ``/healthz``: some process takes mail.
``/readyz``: mail can be taken and protected right now (``health``); 503 otherwise, with the names of the checks and
nothing else (row WEB-06). An address that cannot be had is tried again: monitoring never stops mail.

HTTP as far as GET and HEAD need it (RFC 9112): one request a connection, bounded in size, time and number.
"""

import asyncio
import json
import re
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from gateway.config import Options
from gateway.log import logger, start_logging
from gateway.metrics import exposition
from gateway.processes.child import BEAT, Child
from gateway.processes.health import Health

REQUEST_SIZE = 8192
CONNECTIONS = 20
PATIENCE = 10.0
"""Seconds for one request, from its first byte to the answer's last."""
LISTEN_AGAIN = 5.0
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (/[!->@-~]*+)(?:\?[!-~]*+)?+ HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    content: bytes
    type: str = "text/plain; charset=utf-8"

    def encode(self, *, head: bool) -> bytes:
        """Return it as it goes on the wire; ``head``: without its content."""
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            f"Content-Type: {self.type}",
            f"Content-Length: {len(self.content)}",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Connection: close",
            *(["Allow: GET, HEAD"] if self.status is HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if head else self.content)


class MetricsServer:
    """The three pages."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._connections = 0
        self._pages: dict[str, Callable[[], Awaitable[Answer]]] = {
            "/metrics": self._metrics,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }

    async def listen(self, host: str, port: int) -> asyncio.Server:
        """Listen, now or when the address can be had; what keeps us from it is logged once."""
        told = False
        while True:
            try:
                return await asyncio.start_server(self._serve, host, port, limit=REQUEST_SIZE)
            except OSError as error:
                if not told:
                    logger.error("metrics: cannot listen on %s port %d: %s; tried again", host, port, error.strerror)
                told = True
            await asyncio.sleep(LISTEN_AGAIN)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            async with asyncio.timeout(PATIENCE):
                if self._connections <= CONNECTIONS:
                    writer.write(await self._reply(reader))
                    await writer.drain()
        except (OSError, EOFError, TimeoutError):
            return  # who does not ask, or does not read, gets nothing
        finally:
            self._connections -= 1
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return Answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, b"too large\n").encode(head=False)
        line = _REQUEST_LINE.match(request)
        if line is None:
            return Answer(HTTPStatus.BAD_REQUEST, b"bad request\n").encode(head=False)
        method, path = line[1].decode(), line[2].decode()
        if method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD\n").encode(head=False)
        return (await self._answer(path)).encode(head=method == "HEAD")

    async def _answer(self, path: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, b"not found\n")
        try:
            return await page()
        except Exception:  # noqa: BLE001 - a bug in one page must not take the others away
            logger.exception("metrics: %s failed", path)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"internal error\n")

    async def _metrics(self) -> Answer:
        return Answer(HTTPStatus.OK, exposition(await self._health.asked()), CONTENT_TYPE_PLAIN_0_0_4)

    async def _healthz(self) -> Answer:
        if self._health.alive():
            return Answer(HTTPStatus.OK, b"ok\n")
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"no process takes mail\n")

    async def _readyz(self) -> Answer:
        checks = await self._health.checks()
        status = HTTPStatus.OK if all(checks.values()) else HTTPStatus.SERVICE_UNAVAILABLE
        words = {name: "ok" if well else "failed" for name, well in checks.items()}
        document = {"ready": status is HTTPStatus.OK, "checks": words}
        return Answer(status, json.dumps(document).encode() + b"\n", "application/json")


def serve_metrics(instance: str, child: Child) -> None:
    """Be the process: serve until SIGTERM, SIGINT or the end of the supervisor. Raises ``OSError``."""
    asyncio.run(_run(child, instance))


async def _run(child: Child, instance: str) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_reader(child, _hear, child, stopped)
    listen = child.options.metrics.listen
    server = MetricsServer(Health(child.options, instance))
    listening = asyncio.create_task(server.listen(listen.host, listen.port))
    child.ready()
    while not stopped.is_set():
        child.alive()
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), BEAT)
    loop.remove_reader(child)
    listening.cancel()


def _hear(child: Child, stopped: asyncio.Event) -> None:
    """Hear that there is a new configuration, or that the supervisor is gone."""
    if not child.hear(_adopt):
        stopped.set()


def _adopt(options: Options) -> None:
    """Log as is said now; what is asked here (doors, store, listener) changes only with a restart."""
    start_logging(options.log.format == "json")
