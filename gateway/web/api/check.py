"""``/check``: the composer's question."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import Response

from gateway.admin.check import AnswerView, checked
from gateway.admin.permission import Permission
from gateway.admin.reach import Reach
from gateway.errors import Absent, Malformed
from gateway.mail.address import parse_path
from gateway.web.api.answer import told
from gateway.web.api.route import Guarded, Who, needs
from gateway.web.site import InForce

router = APIRouter(route_class=Guarded, tags=["check"])


def _address(text: str) -> str:
    try:
        return parse_path(text)
    except Malformed as error:
        raise ValueError(f"is no {error}") from error


Address = Annotated[str, Field(max_length=320), AfterValidator(_address)]


class Question(BaseModel):
    """Who writes to whom."""

    sender: Address = Field(examples=["support@example.org"])
    recipients: list[Address] = Field(min_length=1, max_length=100, examples=[["alice@example.com"]])


@router.post("/check", response_model=AnswerView)
@needs(Permission.CHECK)
def check(request: Request, wiring: InForce, who: Who, question: Question) -> Response:
    """Say whether a mail can be signed and encrypted, for each recipient, and if not, why. The store alone is asked."""
    if not Reach.of(wiring, who).has([question.sender]):
        raise Absent("no group of this token has that sender")
    return told(request, checked(wiring, question.sender, tuple(dict.fromkeys(question.recipients))))
