"""What the admin listener serves: the API below ``/api/v1``, the console's pages, static files, health."""

from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.log import logger
from gateway.pki.bundle import MAX_SIZE
from gateway.web import console
from gateway.web.api import create_api
from gateway.web.body import BodyBound
from gateway.web.fields import Fields
from gateway.web.health import health_routes
from gateway.web.site import Site

STATIC = Path(__file__).parent / "static"


def create_app(site: Site) -> FastAPI:
    """Return the app over ``site``; nothing is opened yet. It tells nobody its schema: the API tells its own."""
    largest = max(MAX_SIZE, site.wiring.options.limits.message_size)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Fields), Middleware(Boundary), Middleware(BodyBound, upload=largest)],
    )
    app.state.site = site
    app.router.routes.extend(health_routes(site.health))
    app.mount("/api/v1", create_api(site))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.include_router(console.router)
    return app


class Boundary:
    """The outermost boundary: what no handler made an answer of is logged, and told without a detail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI app."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except HTTPException as error:
            answer = PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)
        except Exception:  # noqa: BLE001 - a bug in one page must not take the others away
            logger.exception("admin: a %s failed", scope["method"])
            answer = PlainTextResponse("internal error\n", 500)
        else:
            return
        if not started:
            await answer(scope, receive, send)
