"""What went wrong, as the API says it: ``application/problem+json`` (RFC 9457) with a ``code`` for programs."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from gateway.errors import Fault
from gateway.log import logger

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


class ProblemAnswer(JSONResponse):
    """An answer that says what went wrong."""

    media_type = "application/problem+json"

    def __init__(
        self, status: int, detail: str, code: str | None = None, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        """``code``: where it says more than the status."""
        title = HTTPStatus(status).phrase
        document = {"title": title, "status": status, "code": code or CODES[status], "detail": detail}
        super().__init__(document | more, status, headers)


def tell_problems(app: FastAPI) -> None:
    """Have whatever goes wrong in ``app`` told so."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Fault, _fault)
    app.add_exception_handler(Exception, _bug)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return ProblemAnswer(error.status_code, error.detail, headers=dict(error.headers or {}))


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Name what is wrong and where; the value itself may be a secret, and is not repeated."""
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, item["loc"])), "problem": item["msg"]} for item in error.errors()]
    status = 400 if any(item["type"] == "json_invalid" for item in error.errors()) else 422
    return ProblemAnswer(status, "; ".join(f"{item['field']}: {item['problem']}" for item in errors), errors=errors)


def _fault(_: Request, error: Exception) -> JSONResponse:
    logger.warning("admin: %s", error)
    return ProblemAnswer(503, "our surroundings failed; trying again later may help", headers=RETRY_AFTER)


def _bug(_: Request, _error: Exception) -> JSONResponse:
    return ProblemAnswer(500, "this is a bug in the gateway; its log says more")
