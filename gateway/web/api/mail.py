"""``/activity`` and ``/held``: what became of mail, and mail that waits."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from gateway.admin import activity, held
from gateway.admin.activity import Mail
from gateway.admin.held import HeldDeleted, HeldReady, HeldView
from gateway.admin.permission import Grant, Permission
from gateway.engine.transaction import Direction
from gateway.errors import Absent
from gateway.web.api.answer import USUAL, After, Items, Limit, given, told, whole
from gateway.web.api.route import Guarded, Who, needs, permit
from gateway.web.site import InForce
from gateway.wiring import Wiring, build_rules

router = APIRouter(route_class=Guarded, tags=["mail"])

_FULL = re.compile("[0-9a-f]{32}")
"""An id of held mail: by a beginning, somebody might find out what is there that is not for him."""
Word = Annotated[str | None, Query(min_length=1, max_length=1000)]
Id = Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]


class Batch(BaseModel):
    """One thing to be done to several held messages, to all of them or to none."""

    action: Literal["retry", "delete"]
    ids: list[Id] = Field(min_length=1, max_length=500)


def recorded(wiring: Wiring, who: Grant, path: Mapping[str, str]) -> None:
    """See that there is such a record for this grant."""
    _mail(wiring, who, path["id"])


def waiting(wiring: Wiring, who: Grant, path: Mapping[str, str]) -> None:
    """See that there is such a held message for this grant."""
    _held(wiring, who, path["id"])


@router.get("/activity", response_model=Items[dict[str, Any]])
@needs(Permission.READ)
def list_activity(
    request: Request,
    wiring: InForce,
    who: Who,
    direction: Direction | None = None,
    status: Word = None,
    address: Word = None,
    group: Word = None,
    id: Word = None,
    message_id: Word = None,
    queue_id: Word = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """List the records of messages, newest first."""
    groups = _groups(who) if group is None else tuple({group} & (who.groups or {group}))
    query = activity.Query(
        direction=direction,
        status=status,
        address=address,
        since=since,
        id=id,
        message_id=message_id,
        queue_id=queue_id,
        until=until,
        groups=groups,
    )
    with given("after"):
        return told(request, activity.listed(wiring, query, after, limit))


@router.get("/activity/{id}", response_model=Mail)
@needs(Permission.READ, recorded)
def show_activity(request: Request, wiring: InForce, who: Who, id: str) -> Response:
    """Tell one record, the ids of all records of the same mail, and what would cure what became of it."""
    return told(request, _mail(wiring, who, id))


@router.get("/held", response_model=Items[HeldView])
@needs(Permission.READ)
def list_held(
    request: Request,
    wiring: InForce,
    who: Who,
    filter: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = USUAL,
    after: After = None,
) -> Response:
    """List held mail, newest last."""
    with given("after"):
        if after is not None:
            _held(wiring, who, after)
        return told(request, held.listed(wiring, filter, after, limit, who.groups))


@router.post("/held/batch", response_model=Items[HeldReady | HeldDeleted])
@needs(Permission.IMPORT)
def change_held(request: Request, wiring: InForce, who: Who, batch: Batch) -> Response:
    """Have several held messages tried again, or delete them (`admin`): all of them, or none."""
    if batch.action == "delete":
        permit(who, Permission.ADMIN)
    ids = list(dict.fromkeys(batch.ids))
    for name in ids:
        _held(wiring, who, name)
    if batch.action == "delete":
        return told(request, whole(held.delete_held(wiring, who.actor, ids)))
    return told(request, whole(held.retry_held(wiring, who.actor, ids)))


@router.get("/held/{id}", response_model=HeldView)
@needs(Permission.READ, waiting)
def show_held(request: Request, wiring: InForce, who: Who, id: str) -> Response:
    """Tell what a message is held for, and how its attempts ended."""
    return told(request, _held(wiring, who, id))


@router.post("/held/{id}/retry", response_model=HeldReady)
@needs(Permission.IMPORT, waiting)
def retry_held(request: Request, wiring: InForce, who: Who, id: str) -> Response:
    """Have a held message tried again as soon as the service can."""
    (ready,) = held.retry_held(wiring, who.actor, [id])
    return told(request, ready)


@router.delete("/held/{id}", response_model=HeldDeleted)
@needs(Permission.ADMIN, waiting)
def delete_held(request: Request, wiring: InForce, who: Who, id: str) -> Response:
    """Delete a held message; what was delivered of it is not touched."""
    (gone,) = held.delete_held(wiring, who.actor, [id])
    return told(request, gone)


def _groups(who: Grant) -> tuple[str, ...] | None:
    return None if who.groups is None else tuple(who.groups)


def _mail(wiring: Wiring, who: Grant, name: str) -> Mail:
    mail = activity.shown(wiring, name, who.groups) if name.isascii() and name.isalnum() else None
    if mail is None or mail.record["id"] != name:
        raise Absent("there is no such record")
    return mail


def _held(wiring: Wiring, who: Grant, name: str) -> HeldView:
    views = held.shown(wiring, [name]) if _FULL.fullmatch(name) else []
    rules = build_rules(wiring.options)
    for view in views:
        if who.groups is None or held.is_for(rules, view, who.groups):
            return view
    raise Absent("there is no such held message")
