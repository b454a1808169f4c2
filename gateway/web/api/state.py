"""``/health``: how the gateway is."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from gateway.admin.permission import Permission
from gateway.web.api.answer import told
from gateway.web.api.route import Guarded, needs
from gateway.web.health import readiness
from gateway.web.site import site

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
