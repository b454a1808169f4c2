"""What went wrong, as the API says it: ``application/problem+json`` (RFC 9457) with a ``code`` for programs."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from gateway.errors import Absent, Conflict, Fault, Forbidden, Refused
from gateway.log import logger
from gateway.store import Misconfigured, NotPermitted

CODES = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "invalid",
    409: "conflict",
    413: "too-large",
    415: "invalid",
    422: "invalid",
    429: "rate",
    500: "internal",
    503: "unavailable",
}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="smime-gateway"'}
RETRY_AFTER = {"Retry-After": "5"}
_REFUSALS: tuple[tuple[type[Refused], int], ...] = (
    (Misconfigured, 503),
    (NotPermitted, 503),
    (Absent, 404),
    (Conflict, 409),
    (Forbidden, 403),
    (Refused, 422),
)
_MEDIA_TYPE = "application/problem+json"


class Invalid(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    problem: str


class Problem(BaseModel):
    """What went wrong. `code` is for programs, `detail` for people; `errors` where fields of the request are wrong."""

    title: str
    status: int
    code: str = Field(examples=["not-found"])
    detail: str
    errors: list[Invalid] = []


PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503)
}
"""For the schema of every route."""


class ProblemAnswer(JSONResponse):
    """An answer that says what went wrong."""

    media_type = _MEDIA_TYPE

    def __init__(
        self, status: int, detail: str, code: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        """``code``: where it says more than the status."""
        title = HTTPStatus(status).phrase
        document = {"title": title, "status": status, "code": code or CODES[status], "detail": detail}
        super().__init__(document | more, status, headers)


def tell_problems(app: FastAPI) -> None:
    """Have whatever goes wrong in ``app`` told so."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(Fault, _fault)
    app.add_exception_handler(Exception, _bug)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return ProblemAnswer(error.status_code, error.detail, headers=error.headers)


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Name what is wrong and where; the value itself may be a secret, and is not repeated."""
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, item["loc"])), "problem": item["msg"]} for item in error.errors()]
    status = 400 if any(item["type"] == "json_invalid" for item in error.errors()) else 422
    return ProblemAnswer(status, "; ".join(f"{item['field']}: {item['problem']}" for item in errors), errors=errors)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    status = next(status for kind, status in _REFUSALS if isinstance(error, kind))
    if status == 503:
        return _fault(_, error)
    return ProblemAnswer(status, str(error), error.reason if status == 422 else None)


def _fault(_: Request, error: Exception) -> JSONResponse:
    logger.warning("admin: %s", error)
    return ProblemAnswer(503, "our surroundings failed; trying again later may help", headers=RETRY_AFTER)


def _bug(_: Request, _error: Exception) -> JSONResponse:
    return ProblemAnswer(500, "this is a bug in the gateway; its log says more")
