"""Answers: views as the commands print them with ``--json``, lists in pages, and whether they are what one has."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from gateway.admin.view import Page, as_json
from gateway.errors import Absent, Refused

T = TypeVar("T")
USUAL, MOST = 50, 500
PEM = "application/x-pem-file"

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
After = Annotated[
    str | None, Query(max_length=200, description="`next` of the page before; nothing: the first page.", min_length=1)
]


class Items(BaseModel, Generic[T]):
    """A page. ``next``: `after` of the page behind it; null: there is none."""

    items: list[T]
    next: str | None


def told(request: Request, view: Any, status: int = 200) -> Response:
    """Return a view, or 304 to one who has just that (RFC 9110 §13.1.2)."""
    content = json.dumps(as_json(view), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    if request.method != "GET":
        return Response(content, status, media_type="application/json")
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    has = [word.strip().removeprefix("W/") for word in request.headers.get("if-none-match", "").split(",")]
    if tag in has or has == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(content, status, headers, "application/json")


def attached(content: bytes, kind: str, name: str) -> Response:
    """Return a file; ``name`` is made here of digits, never of what somebody sent (row WEB-04)."""
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@contextmanager
def given(field: str) -> Iterator[None]:
    """Have it be 422 where a field names what is not there; 404 is for what a path names."""
    try:
        yield
    except Absent as error:
        raise Refused(f"{field}: {error}") from error


def whole(views: Sequence[T]) -> Page[T]:
    """Return a list that fits on one page, for there are never many."""
    return Page(tuple(views))
