"""``/find``: what sources of certificates said last of an address. Nobody is asked: a token that may read asks none."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.admin.find import FindView, said_of
from gateway.admin.permission import Permission
from gateway.admin.reach import Reach
from gateway.web.api.answer import told
from gateway.web.api.check import Address
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce

router = APIRouter(route_class=Guarded, tags=["certificates"])


@router.get("/find", response_model=FindView)
@needs(Permission.READ)
def find(request: Request, wiring: InForce, who: Who, address: Address) -> Response:
    """Tell what each source said last of an address, and when; and the certificates that are stored for it."""
    return told(request, said_of(wiring.store, address, Reach.of(wiring, who)))
