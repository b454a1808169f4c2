"""``/privacy``: what is kept of a person, and its removal."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from gateway.admin import privacy
from gateway.admin.permission import Permission
from gateway.admin.privacy import ErasedView, PersonView
from gateway.web.api.answer import told
from gateway.web.api.check import Address
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce

router = APIRouter(route_class=Guarded, tags=["privacy"])


class Person(BaseModel):
    """Whom it is about. An address goes into the body, for paths and queries stand in the logs of proxies."""

    address: Address = Field(examples=["alice@example.com"])


@router.post("/privacy/export", response_model=PersonView)
@needs(Permission.ADMIN, whole=True)
def export_person(request: Request, wiring: InForce, person: Person) -> Response:
    """Tell all that is kept of a person: records, held mail without its content, certificates."""
    return told(request, privacy.exported(wiring, person.address))


@router.post("/privacy/erase", response_model=ErasedView)
@needs(Permission.ADMIN, whole=True)
def erase_person(request: Request, wiring: InForce, who: Who, person: Person) -> Response:
    """Delete a person's records, held mail and certificates that nobody imported; what was imported stays (`imported`).

    The audit log keeps that it was done, not of whom.
    """
    return told(request, privacy.erase(wiring, who.actor, person.address))
