"""What a route of the console is: whatever goes wrong in one becomes a page that says so, and no more than that."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.responses import HTMLResponse, Response

from gateway import errors
from gateway.admin.sessions import returning
from gateway.errors import Absent, Conflict, Fault, GatewayError, Refused
from gateway.log import logger
from gateway.web.body import TooLarge
from gateway.web.console import cookie, forgery
from gateway.web.console.page import page, translated
from gateway.web.console.sealed import Stale
from gateway.web.console.visit import CodeOwed, Forbidden, NotSignedIn, Visit
from gateway.web.console.words import phrase
from gateway.web.site import wiring

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

TROUBLE: Mapping[type[Exception], tuple[int, str]] = {
    Absent: (404, phrase("Not here")),
    Conflict: (409, phrase("It does not go with what is there")),
    errors.Forbidden: (403, phrase("Not allowed")),
    Stale: (409, phrase("Too late")),
    Refused: (422, phrase("It cannot be done")),
    Fault: (503, phrase("Something is out of order")),
    GatewayError: (422, phrase("It cannot be done")),
    forgery.Forged: (403, phrase("Not from a page of this console")),
    Forbidden: (403, phrase("Not allowed")),
    TooLarge: (413, phrase("Too large")),
    RequestValidationError: (422, phrase("It cannot be done")),
    MultiPartException: (400, phrase("It cannot be done")),
}
"""Status and heading; the most special class comes first."""
_SAID = {
    Forbidden: phrase("Your role does not allow this: ask an administrator."),
    TooLarge: phrase("This is larger than what is taken in here."),
    RequestValidationError: phrase("The address of this page is not complete, or a value in it is none."),
    MultiPartException: phrase("The form did not arrive whole."),
    Fault: phrase("Trying again later may help; the gateway's log says more."),
}


class PageRoute(APIRoute):
    """A route that answers with pages."""

    def get_route_handler(self) -> Handler:
        """Return the handler, with what goes wrong in it caught."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedIn:
                return page(request, "sign_in.html", 401, next=back(request), name="")
            except CodeOwed:
                token = forgery.form_token(cookie.secret(request) or "")
                return page(request, "code.html", 401, next=back(request), token=token)
            except HTTPException as error:
                return await _trouble(request, error.status_code, "", error.detail)
            except tuple(TROUBLE) as error:
                kind = next(kind for kind in TROUBLE if isinstance(error, kind))
                status, heading = TROUBLE[kind]
                if kind is Fault:
                    logger.warning("console: %s", error)
                said = _SAID.get(kind)
                text = str(error) if said is None else translated(request, said)
                return await _trouble(request, status, translated(request, heading), text)

        return handled


def back(request: Request) -> str:
    """Return where to go once signed in: to the page that was asked for."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}" if request.method == "GET" else "/"


async def _trouble(request: Request, status: int, heading: str, text: str) -> HTMLResponse:
    visit = None if status == 503 else await run_in_threadpool(_visit, request)
    facts = {} if visit is None else {"hostname": visit.wiring.options.hostname}
    return page(request, "trouble.html", status, visit=visit, heading=heading or text, text=text, **facts)


def _visit(request: Request) -> Visit | None:
    """Return who is signed in, for the frame around the trouble."""
    secret, in_force = cookie.secret(request), wiring(request)
    session = returning(in_force, secret) if secret else None
    return None if session is None or session.owes_code else Visit(request, in_force, session)


def pages() -> APIRouter:
    """Return an empty router for pages."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)
