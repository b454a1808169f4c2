"""``/keys``: private keys; none is ever told, and one leaves only where that is asked for, encrypted."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.admin import keys, reach
from gateway.admin.key_view import KeyView
from gateway.admin.keys import KeyDeleted
from gateway.admin.permission import Grant, Permission
from gateway.admin.reach import Reach
from gateway.web.api.answer import PEM, USUAL, After, Items, Limit, attached, given, told
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce
from gateway.wiring import Wiring

router = APIRouter(route_class=Guarded, tags=["keys"])


class Export(BaseModel):
    """Under which passphrase a key leaves: the one it came with, or for one that came without, a new one."""

    passphrase: str = Field(min_length=1, max_length=1024, examples=["correct horse battery staple"])
    password: str | None = Field(
        None,
        max_length=1024,
        description="Not looked at: only accounts have one, the console asks them for it, and a token stands for none.",
    )


def seen(wiring: Wiring, who: Grant, path: Mapping[str, str]) -> None:
    """See that there is such a key for this grant."""
    reach.key(wiring, who, path["id"])


@router.get("/keys", response_model=Items[KeyView])
@needs(Permission.READ)
def list_keys(request: Request, wiring: InForce, who: Who, limit: Limit = USUAL, after: After = None) -> Response:
    """List private keys: what is known of them, nothing of the keys themselves."""
    with given("after"):
        if after is not None:
            reach.key(wiring, who, after)
        return told(request, keys.listed(wiring, after, limit, Reach.of(wiring, who)))


@router.post(
    "/keys/{id}/export",
    response_class=Response,
    responses={200: {"content": {PEM: {}}}},
)
@needs(Permission.ADMIN, seen)
def export_key(wiring: InForce, who: Who, id: str, export: Export) -> Response:
    """Return a private key as PEM, encrypted under the passphrase; that it left is in the audit log."""
    pem = keys.export_key(wiring, who.actor, id, export.passphrase.encode())
    return attached(pem, PEM, f"{id[:16]}.key.pem")


@router.delete("/keys/{id}", response_model=KeyDeleted)
@needs(Permission.ADMIN, seen)
def delete_key(request: Request, wiring: InForce, who: Who, id: str) -> Response:
    """Delete a private key; its certificates stay."""
    (gone,) = keys.delete_keys(wiring, who.actor, [id])
    return told(request, gone)
