"""``/gateways``: those that share the store."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.admin import gateways
from gateway.admin.gateways import GatewayView
from gateway.admin.permission import Permission
from gateway.web.api.answer import USUAL, After, Items, Limit, told
from gateway.web.api.route import Guarded, needs
from gateway.web.site import InForce

router = APIRouter(route_class=Guarded, tags=["gateways"])


@router.get("/gateways", response_model=Items[GatewayView])
@needs(Permission.READ)
def list_gateways(request: Request, wiring: InForce, limit: Limit = USUAL, after: After = None) -> Response:
    """List the gateways that share the store, by host and start: who beats, who is elected, whose rules differ."""
    return told(request, gateways.listed(wiring, after, limit))
