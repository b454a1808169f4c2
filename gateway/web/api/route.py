"""Routes that say what they need, and are asked for by nobody who has not got it.

``needs`` stands under the router's decorator; a route without it cannot be made. It is looked at before the body is
read: first whether the token may do that at all (403), then whether what the path names is there for it (404); whatever
else is wrong comes after that, so that a weak token learns nothing (docs/api.md).
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from gateway.admin.permission import Grant, Permission
from gateway.web.problem import PROBLEMS
from gateway.web.site import wiring
from gateway.wiring import Wiring

Find = Callable[[Wiring, Grant, Mapping[str, str]], object]
"""Raises ``Absent`` where what a path names is not there, or not for this grant."""
F = TypeVar("F", bound=Callable[..., Any])
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_NEEDS = "needs"


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route needs. ``whole``: a grant that is not limited to groups."""

    permission: Permission
    find: Find | None
    whole: bool


def needs(permission: Permission, find: Find | None = None, *, whole: bool = False) -> Callable[[F], F]:
    """Return what marks a function as a route that needs this."""

    def mark(function: F) -> F:
        setattr(function, _NEEDS, Needs(permission, find, whole))
        return function

    return mark


class Guarded(APIRoute):
    """A route that is looked at as its ``needs`` say; the schema tells them, too."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **settings: Any) -> None:
        wanted: Needs = getattr(endpoint, _NEEDS)
        security = {"security": [{"token": [wanted.permission.value]}]}
        settings["openapi_extra"] = {**(settings.get("openapi_extra") or {}), **security}
        settings["responses"] = {**PROBLEMS, **(settings.get("responses") or {})}
        super().__init__(path, endpoint, **settings)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind its guard."""
        handle, wanted = super().get_route_handler(), getattr(self.endpoint, _NEEDS)
        kinds = _kinds(self)

        async def guarded(request: Request) -> Response:
            permit(grant(request), wanted.permission, whole=wanted.whole)
            if wanted.find is not None:
                await run_in_threadpool(wanted.find, wiring(request), grant(request), request.path_params)
            if kinds and _has_body(request) and kind(request) not in kinds:
                raise HTTPException(415, f"send {' or '.join(kinds)}")
            return await handle(request)

        return guarded


def _kinds(route: APIRoute) -> tuple[str, ...]:
    if route.body_field is None:
        return ()
    return FORMS if isinstance(route.body_field.field_info, Form) else ("application/json",)


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def kind(request: Request) -> str:
    """Return the media type of a body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def permit(who: Grant, permission: Permission, *, whole: bool = False) -> None:
    """Raise a 403 for one who may not do that."""
    if not who.may(permission):
        raise HTTPException(403, f"this needs the scope {permission}")
    if whole and not who.is_whole:
        raise HTTPException(403, "this is not for a token that is limited to groups")


def grant(request: Request) -> Grant:
    """Return what the one who asks may do."""
    found: Grant = request.state.grant
    return found


Who = Annotated[Grant, Depends(grant)]
"""As a parameter of a route: what the one who asks may do."""
