"""``/crls``: revocation lists."""

import re
from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.admin import crls
from gateway.admin.crls import CrlDeleted, CrlView
from gateway.admin.permission import Grant, Permission
from gateway.errors import Absent
from gateway.web.api.answer import USUAL, After, Items, Limit, given, told
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce
from gateway.wiring import Wiring

router = APIRouter(route_class=Guarded, tags=["crls"])
_FULL = re.compile("[0-9a-f]{64}")


def seen(wiring: Wiring, _who: Grant, path: Mapping[str, str]) -> object:
    """See that there is such a CRL."""
    if not _FULL.fullmatch(path["id"]):
        raise Absent(f"no CRL {path['id']} is stored")
    return wiring.store.revocation_lists.get(path["id"])


@router.get("/crls", response_model=Items[CrlView])
@needs(Permission.READ)
def list_crls(request: Request, wiring: InForce, limit: Limit = USUAL, after: After = None) -> Response:
    """List revocation lists, by issuer, the newest first."""
    with given("after"):
        return told(request, crls.listed(wiring, after, limit))


@router.delete("/crls/{id}", response_model=CrlDeleted)
@needs(Permission.ADMIN, seen, whole=True)
def delete_crl(request: Request, wiring: InForce, who: Who, id: str) -> Response:
    """Delete a revocation list; what it revoked counts as before it came."""
    (gone,) = crls.delete_crls(wiring, who.actor, [id])
    return told(request, gone)
