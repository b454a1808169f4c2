"""The API below ``/api/v1``: an app of its own, so that whatever goes wrong in it is told as a problem.

Who asks is found out before anything else, also for paths and methods that do not exist: whoever has no token learns
nothing but the schema.

====================================  ==================================================================
``route``                             a route says what it ``needs``, and is guarded so
``answer``                            views as JSON, pages, ETags
``certificates`` ``imports``          certificates, and what files bring
``keys`` ``crls``                     private keys, revocation lists
``check`` ``find``                    the composer's question; what sources said of an address
``explain``                           what would become of a message, and why
``mail``                              records, held mail
``people``                            accounts, tokens, the audit log
``privacy``                           what is kept of a person, and its removal
``state`` ``gateways``                how the gateway stands, and its groups; those that share its store
====================================  ==================================================================

A new route: a function in the module of its noun, under ``@router.METHOD(path, response_model=VIEW)`` and below that
``@needs(PERMISSION)``. It takes ``request``, ``wiring: InForce`` and ``who: Who``, calls one use-case of ``admin``, and
returns ``told(request, view)``; a list takes ``limit`` and ``after`` and is ``Items[VIEW]``. What a path names is
looked for by a function in ``needs(…, find)`` that raises ``Absent``, also where it is not for this grant; what is for
nobody who is limited to groups says ``whole=True``. Whatever a use-case raises is made a problem of
(``web.problem``). The module's router goes into ``ROUTERS``; ``tests/web/test_api_schema.py`` then tries it with
whatever its schema allows.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.admin.permission import Grant
from gateway.admin.tokens import authenticate
from gateway.errors import Fault, Refused
from gateway.log import logger
from gateway.web.api import (
    certificates,
    check,
    crls,
    explain,
    find,
    gateways,
    imports,
    keys,
    mail,
    people,
    privacy,
    state,
)
from gateway.web.identity import bearer, client
from gateway.web.problem import CHALLENGE, RETRY_AFTER, Problem, ProblemAnswer, tell_problems
from gateway.web.site import Site

VERSION = "1"
SCHEMA = "/openapi.json"
NOUNS = (certificates, imports, keys, crls, check, explain, find, mail, people, privacy, state, gateways)
ROUTERS = tuple(noun.router for noun in NOUNS)


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
    for router in ROUTERS:
        api.include_router(router)
    tell_problems(api)
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    """Have the schema tell of tokens, and of problems instead of FastAPI's own answers."""
    schema: dict[str, Any] = get_openapi(title=api.title, version=api.version, routes=api.routes)
    schema["servers"] = [{"url": "/api/v1"}]
    components = schema.setdefault("components", {})
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    api.openapi_schema = schema


class Authentication:
    """Lets in who has a token, as ``request.state.grant``; the schema is anybody's."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be an ASGI app."""
        if scope["path"] != scope["root_path"] + SCHEMA:
            asks = HTTPConnection(scope)
            try:
                grant = await run_in_threadpool(self._known, asks)
            except (Fault, Refused) as error:  # the store cannot be asked, or not be opened
                logger.warning("admin: %s", error)
                await ProblemAnswer(503, "the store cannot be asked", headers=RETRY_AFTER)(scope, receive, send)
                return
            if grant is None:
                answer = ProblemAnswer(401, "a valid token is needed: Authorization: Bearer TOKEN", headers=CHALLENGE)
                await answer(scope, receive, send)
                return
            asks.state.grant = grant
        await self._app(scope, receive, send)

    def _known(self, asks: HTTPConnection) -> Grant | None:
        token, address = bearer(asks), client(asks)
        return None if token is None else authenticate(self._site.wiring, token, str(address or "?"))
