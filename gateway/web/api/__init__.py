"""The API below ``/api/v1``: an app of its own, so that whatever goes wrong in it is told as a problem.

Who asks is found out before anything else, also for paths and methods that do not exist: whoever has no token learns
nothing but the schema.
"""

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.web.identity import Unauthenticated, authenticate, bearer, client
from gateway.web.problem import CHALLENGE, ProblemAnswer, tell_problems
from gateway.web.site import Site

VERSION = "1"
SCHEMA = "/openapi.json"


def create_api(site: Site) -> FastAPI:
    """Return the API over ``site``."""
    api = FastAPI(
        title="smime-gateway",
        version=VERSION,
        openapi_url=SCHEMA,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Authentication, site=site)],
    )
    api.state.site = site
    tell_problems(api)
    return api


class Authentication:
    """Lets in who has a token, as ``request.state.actor``; the schema is anybody's."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI app."""
        if scope["path"] != scope["root_path"] + SCHEMA:
            asks = HTTPConnection(scope)
            try:
                asks.state.actor = await run_in_threadpool(authenticate, self._site, bearer(asks), client(asks))
            except Unauthenticated:
                answer = ProblemAnswer(401, "a valid token is needed: Authorization: Bearer TOKEN", headers=CHALLENGE)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
