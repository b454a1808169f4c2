"""The post that serves ``/metrics``, ``/healthz`` and ``/readyz``, for all processes, on a loopback listener.

It is a process of its own under the supervisor, which therefore still has nothing to fail on: neither a client that
hangs nor a store that is locked can hold up the processes that take mail. It needs no console. ``/healthz``: some
process takes mail. ``/readyz``: mail can be taken and protected right now (``health``).
"""

import asyncio

from gateway.config import Options
from gateway.log import start_logging
from gateway.metrics import exposition
from gateway.processes.child import Child
from gateway.processes.health import Health
from gateway.processes.web_post import attend
from gateway.web.metrics import create_metrics_app
from gateway.web.server import Bounds, Server

BOUNDS = Bounds(connections=20, size=8192, head=10, patience=10)


def serve_metrics(instance: str, child: Child) -> None:
    """Be the process: serve until SIGTERM or the end of the supervisor."""
    asyncio.run(_run(child, instance))


async def _run(child: Child, instance: str) -> None:
    await attend(child, metrics_server(Health(child.options, instance)), child.options.metrics.listen, _adopt)


def metrics_server(health: Health, bounds: Bounds = BOUNDS) -> Server:
    """Return the server of the three pages."""

    async def exposed() -> bytes:
        return exposition(await health.asked())

    return Server("metrics", create_metrics_app(health, exposed), bounds)


def _adopt(options: Options) -> None:
    """Log as is said now; what is asked here (doors, store, listener) changes only with a restart."""
    start_logging(options.log.format == "json")
