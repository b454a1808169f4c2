"""WEB-01, WEB-02: every route, as the table of routes has them, for those who may not and for pages of other sites."""

from collections.abc import Callable, Iterator

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from gateway.admin.permission import Permission
from gateway.web import console
from tests.web.console.conftest import Reader

ANYBODYS = {"/sign-in", "/language/{code}"}


def routes(among: list[BaseRoute] = console.router.routes) -> Iterator[APIRoute]:
    for route in among:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from routes(route.original_router.routes)  # type: ignore[attr-defined]


EVERY = [(method, route.path) for route in routes() for method in sorted(route.methods)]
CHANGING = [path for method, path in EVERY if method == "POST"]


def address(path: str) -> str:
    return path.replace("{fingerprint}", "ab" * 32).replace("{name}", "viewer").replace("{path:path}", "no/such")


def test_the_table_is_read() -> None:
    assert len(EVERY) > 25
    assert {method for method, _ in EVERY} == {"GET", "POST"}


def test_web_01_without_a_session_no_route_answers(browse: Callable[..., Reader]) -> None:
    """WEB-01."""
    reader = browse()
    for method, path in EVERY:
        answer = reader.get(address(path)) if method == "GET" else reader.post(address(path), name="x")
        assert (answer.status_code in (401, 403)) is (path not in ANYBODYS or method == "POST"), path
        assert "gw.example.org" not in answer.text


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://127.0.0.1:9425"},
    {},
)


def test_web_02_no_page_of_another_site_changes_anything(admin: Reader) -> None:
    """WEB-02: though it had the session's cookie and its token."""
    token = admin.token()
    for path in CHANGING:
        for fields in FOREIGN:
            admin.fields = fields
            assert admin.post(address(path), token=token).status_code == 403, path


def test_web_02_no_form_changes_anything_without_its_token(admin: Reader) -> None:
    """WEB-02: one of no page, or of another session."""
    for path in CHANGING:
        for form in ({}, {"token": ""}, {"token": "0" * 64}, {"token": "x"}, {"token": "\xe9"}):
            assert path in ANYBODYS or admin.post(address(path), **form).status_code == 403, path


def test_older_browsers_say_where_they_come_from(admin: Reader) -> None:
    token = admin.token()
    admin.fields = {"Origin": "http://127.0.0.1:9425"}
    assert admin.post("/account/codes", token=token).status_code == 200


NEEDS = {
    "/accounts": Permission.ADMIN,
    "/tokens": Permission.ADMIN,
    "/audit": Permission.ADMIN,
    "/certificates/{fingerprint}/key": Permission.ADMIN,
    "/add": Permission.IMPORT,
    "/held/delete": Permission.ADMIN,
    "/held/retry": Permission.IMPORT,
}


def test_web_01_no_role_reaches_what_is_not_its_own(viewer: Reader, operator: Reader) -> None:
    """WEB-01: what needs more than to read is named above."""
    for method, path in EVERY:
        needs = next((needs for start, needs in NEEDS.items() if path == start or path.startswith(f"{start}/")), None)
        for reader, refused in ((viewer, needs is not None), (operator, needs is Permission.ADMIN)):
            send = reader.get if method == "GET" else reader.send
            if path != "/sign-out":
                assert (send(address(path)).status_code == 403) is refused, path
