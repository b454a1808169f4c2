"""``/healthz`` and ``/readyz``, the same on both listeners.

``/healthz``: some process takes mail. ``/readyz``: mail can be taken and protected right now; 503 otherwise, with the
names of the checks and nothing else (row WEB-06).
"""

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


class Health(Protocol):
    """How the gateway is."""

    def alive(self) -> bool:
        """Whether any process takes mail."""

    async def checks(self) -> Mapping[str, bool]:
        """Return what must hold for mail to be taken, by name."""

    async def hops(self) -> Mapping[str, bool]:
        """Return by door whether its next hop takes mail."""


def health_routes(health: Health) -> list[Route]:
    """Return the two routes."""

    async def healthz(_: Request) -> Response:
        if health.alive():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("no process takes mail\n", 503)

    async def readyz(_: Request) -> Response:
        told = readiness(await health.checks())
        return JSONResponse(told, 200 if told["ready"] else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


def readiness(checks: Mapping[str, bool]) -> dict[str, object]:
    """Return what is told of the checks."""
    return {
        "ready": all(checks.values()),
        "checks": {name: "ok" if well else "failed" for name, well in checks.items()},
    }
