"""An app on one address: uvicorn, within bounds of time, number and size that hold for clients of any temper.

uvicorn by itself waits for ever for the head of a request, and for a client to read its answer; and it listens once or
not at all. Here a client has ``Bounds.head`` seconds for a head and ``Bounds.patience`` for the whole of a request,
from its head to the last octet of its answer; one connection too many is closed; and an address that cannot be had is
tried again, for neither monitoring nor the console may stop mail. Signals are the process's affair, not the server's.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway.config.values import Endpoint, Network
from gateway.log import logger

LISTEN_AGAIN = 10.0
"""Seconds after which an address that could not be had is tried again."""
BACKLOG = 100


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take. ``size``: octets of a request's head; ``head``, ``patience``: seconds."""

    connections: int
    size: int = 16 * 1024
    head: float = 10.0
    patience: float = 120.0


@dataclass(frozen=True, slots=True)
class Transport:
    """What lies between a client and the app: TLS of our own, and the proxies whose word on clients is taken."""

    tls: ssl.SSLContext | None = None
    proxies: Sequence[Network] = ()


class Server(uvicorn.Server):
    """One app. ``name`` stands in the log."""

    def __init__(self, name: str, app: Any, bounds: Bounds, transport: Transport | None = None) -> None:
        self.name = name
        tls, proxies = (transport.tls, transport.proxies) if transport else (None, ())
        config = uvicorn.Config(
            app,
            http=_bounded(bounds),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=[str(network) for network in proxies],
            backlog=BACKLOG,
            h11_max_incomplete_event_size=bounds.size,
        )
        config.load()
        config.ssl = tls
        super().__init__(config)

    async def listen(self, address: Endpoint) -> socket.socket:
        """Return a socket that listens, now or when the address can be had; what keeps us from it is logged once."""
        told = False
        while True:
            try:
                family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
                listener = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
            except OSError as error:
                if not told:
                    where, why = address, error.strerror
                    logger.error(
                        "%s: cannot listen on %s: %s; tried again every %g s", self.name, where, why, LISTEN_AGAIN
                    )
                told = True
            else:
                # Connections inherit it. asyncio sees to it only where a socket names its protocol, and without it an
                # answer over a kept connection waits for the client's delayed acknowledgement, some 40 ms.
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return listener
            await asyncio.sleep(LISTEN_AGAIN)

    async def serve_at(self, address: Endpoint) -> None:
        """Serve there until ``should_exit`` is set, and end what is under way."""
        with await self.listen(address) as listener:
            await self.serve([listener])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


def _bounded(bounds: Bounds) -> type[H11Protocol]:
    """Return uvicorn's protocol under these bounds."""

    class Bounded(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _under_way: RequestResponseCycle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > bounds.connections:
                transport.abort()
            else:
                self._restart()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._timer is not None:
                self._timer.cancel()

        def _watch(self) -> None:
            """Give the next request its own time."""
            now = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
            if now is not self._under_way:
                self._under_way = now
                self._restart()

        def _restart(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
            # Who has not read his answer yet has as long for it as for a request.
            busy = self._under_way is not None or self.transport.get_write_buffer_size() > 0
            self._timer = self.loop.call_later(bounds.patience if busy else bounds.head, self.transport.abort)

    return Bounded
