"""``/health``, ``/overview``, ``/groups``: how the gateway stands, and what holds in it."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from gateway.admin import groups
from gateway.admin.groups import GroupView
from gateway.admin.overview import OverviewView, overview
from gateway.admin.permission import Permission
from gateway.web.api.answer import Items, told, whole
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.flow import Flow
from gateway.web.health import readiness
from gateway.web.site import InForce, site

router = APIRouter(route_class=Guarded, tags=["state"])


class Readiness(BaseModel):
    """Whether mail can be taken and protected, and what must hold for that."""

    ready: bool
    checks: dict[str, Literal["ok", "failed"]]


@router.get("/health", response_model=Readiness)
@needs(Permission.READ)
async def health(request: Request) -> Response:
    """Say what `/readyz` says, with status 200 whatever it is."""
    return told(request, readiness(await site(request).health.checks()))


@router.get("/overview", response_model=OverviewView)
@needs(Permission.READ)
def show_overview(request: Request, wiring: InForce, who: Who, flow: Flow) -> Response:
    """Tell whether mail flows, what became of it within a day, and what needs attention."""
    return told(request, overview(wiring, flow, who.groups))


@router.get("/groups", response_model=Items[GroupView])
@needs(Permission.READ)
def list_groups(request: Request, wiring: InForce, who: Who) -> Response:
    """List the groups in the order in which they match, with the policy that is effective for each."""
    return told(request, whole(groups.listed(wiring, who.groups)))
