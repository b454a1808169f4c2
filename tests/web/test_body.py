"""How much of a body is taken in."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.web.body import AROUND, SMALL, BodyBound

FILE = 4 * 1024 * 1024


async def _count(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _unread(_: Request) -> Response:
    return PlainTextResponse("unread", 403)


APP = Starlette(
    routes=[Route("/", _count, methods=["POST"]), Route("/unread", _unread, methods=["POST"])],
    middleware=[Middleware(BodyBound, upload=FILE)],
)
KINDS = [
    ("application/json", SMALL),
    ("", SMALL),
    ("multipart/form-data-not", SMALL),
    ("multipart/form-data; boundary=x", FILE + AROUND),
    ("Multipart/Form-Data", FILE + AROUND),
    ("message/rfc822", FILE + AROUND),
]


def octets(number: int) -> Iterator[bytes]:
    """In pieces, so that they are sent without a length unless a field gives one."""
    for at in range(0, number, 65536):
        yield b"x" * min(65536, number - at)


@pytest.mark.parametrize(("kind", "bound"), KINDS)
@pytest.mark.parametrize("announced", [True, False])
def test_as_much_as_may_be_and_no_more(kind: str, bound: int, announced: bool) -> None:
    ask = TestClient(APP)
    for size, status in ((bound, 200), (bound + 1, 413)):
        length = {"Content-Length": str(size)} if announced else {}
        answer = ask.post("/", content=octets(size), headers={"Content-Type": kind} | length)
        assert answer.status_code == status
        assert status != 200 or answer.text == str(size)


def test_a_length_that_is_no_number_of_octets() -> None:
    headers = {"Content-Length": "9" * 400}
    assert TestClient(APP).post("/", content=octets(1), headers=headers).status_code == 413


def test_what_nobody_reads_is_not_judged() -> None:
    """Who may not ask at all hears that first."""
    answer = TestClient(APP).post("/unread", content=octets(1), headers={"Content-Length": str(SMALL + 1)})
    assert answer.status_code == 403
