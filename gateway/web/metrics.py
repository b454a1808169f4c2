"""What the metrics listener serves: three pages, and nothing that needs a console."""

from collections.abc import Awaitable, Callable

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.web.boundary import Boundary
from gateway.web.fields import Fields
from gateway.web.health import Health, health_routes


def create_metrics_app(health: Health, exposed: Callable[[], Awaitable[bytes]]) -> Starlette:
    """Return the app; ``exposed`` gives the page that Prometheus reads."""

    async def metrics(_: Request) -> Response:
        return Response(await exposed(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = Starlette(
        routes=[Route("/metrics", metrics), *health_routes(health)],
        middleware=[Middleware(Fields), Middleware(Boundary, name="metrics")],
    )
    app.router.redirect_slashes = False
    return app
