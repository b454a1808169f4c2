"""``/explain``: what would become of a message, and why."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.admin.explain import ExplainView, Question, explained
from gateway.admin.permission import Permission
from gateway.engine.transaction import Direction
from gateway.web.api.answer import told
from gateway.web.api.route import Guarded, Who, kind, needs
from gateway.web.site import InForce

router = APIRouter(route_class=Guarded, tags=["check"])
MESSAGE, JSON = "message/rfc822", "application/json"


class Envelope(BaseModel):
    """A message of which only the envelope is known."""

    direction: Direction
    sender: str = Field(max_length=320, examples=["support@example.org"])
    recipients: list[Annotated[str, Field(max_length=320)]] = Field(
        min_length=1, max_length=100, examples=[["alice@example.com"]]
    )


BODIES = {
    JSON: {"schema": Envelope.model_json_schema(ref_template="#/components/schemas/{model}")},
    MESSAGE: {"schema": {"type": "string", "format": "binary"}},
}


async def question(request: Request) -> Question:
    """Read the question from the body, which is of one of two kinds."""
    content = await request.body()
    if kind(request) == MESSAGE:
        return Question(content=content)
    if kind(request) != JSON:
        raise HTTPException(415, f"send {JSON} or {MESSAGE}")
    try:
        asked = Envelope.model_validate_json(content)
    except ValidationError as error:
        raise RequestValidationError([each | {"loc": ("body", *each["loc"])} for each in error.errors()]) from error
    return Question(asked.direction, asked.sender, tuple(asked.recipients))


@router.post(
    "/explain",
    response_model=ExplainView,
    openapi_extra={"requestBody": {"required": True, "content": BODIES}},
)
@needs(Permission.CHECK)
async def explain(
    request: Request, wiring: InForce, who: Who, asked: Annotated[Question, Depends(question)]
) -> Response:
    """Say rule by rule what would become of a message, and the shape of what would leave; never its content.

    No private key is used, but with `admin`: then a message that arrives is opened, which counts and is audited.
    """
    opener = who.actor if who.may(Permission.ADMIN) else None
    return told(request, await run_in_threadpool(explained, wiring, asked, opener, who.groups))
