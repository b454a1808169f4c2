"""What the admin listener tells anybody, and that it tells nobody more."""

import pytest
from fastapi.testclient import TestClient

from gateway.web.fields import FIELDS
from tests.web.conftest import Well


def test_health(ask: TestClient, well: Well) -> None:
    assert ask.get("/healthz").text == "ok\n"
    assert ask.get("/readyz").json() == {"ready": True, "checks": {"doors": "ok", "store": "ok"}}
    well.takes_mail, well.wanting = False, {"store"}
    assert ask.get("/healthz").status_code == 503
    answer = ask.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["store"]) == (503, "failed")


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/api/v1/certificates", "/api/v1/openapi.json", "/static/no"])
def test_what_every_answer_carries(ask: TestClient, path: str) -> None:
    """Nothing inline, nothing of other hosts, and no CORS field, whatever is asked and from where."""
    answer = ask.get(path, headers={"Origin": "https://evil.example"})
    assert {name: answer.headers[name] for name in FIELDS} == FIELDS
    assert answer.headers["cache-control"] == "no-store"
    assert not any(name.startswith("access-control") for name in answer.headers)
    assert "strict-transport-security" not in answer.headers


def test_preflights_get_nothing(ask: TestClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = ask.options("/api/v1/check", headers=asked)
    assert answer.status_code == 401
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("path", ["certificates", "nothing", "", "/openapi.json", "a%0Ab"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("token", [None, "Bearer", "Bearer x", "Basic eDp5", "Bearer " + "x" * 5000, "Bearer \xff"])
def test_web_06_without_a_token_the_api_tells_nothing(
    ask: TestClient, path: str, method: str, token: str | None
) -> None:
    """WEB-06: not even which paths and methods there are, and whatever is wrong with the body."""
    headers = {} if token is None else {"Authorization": token.encode("latin-1")}
    answer = ask.request(method, f"/api/v1/{path}", headers=headers, content=b"{" if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    if method != "HEAD":
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "unauthenticated"


def test_the_schema_is_anybodys(ask: TestClient) -> None:
    schema = ask.get("/api/v1/openapi.json").json()
    assert schema["info"]["version"] == "1"
    assert schema["servers"] == [{"url": "/api/v1"}]
    assert "0.1.0" not in str(schema)


def test_a_bug_in_a_page_is_told_without_details(
    ask: TestClient, well: Well, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> dict[str, bool]:
        raise ValueError("secret detail")

    monkeypatch.setattr(well, "checks", broken)
    answer = ask.get("/readyz")
    assert (answer.status_code, answer.text) == (500, "internal error\n")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "failed" in caplog.text
    assert ask.get("/healthz").status_code == 200
