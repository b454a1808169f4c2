"""What every page is: its frame, and what it says where something goes wrong."""

from collections.abc import Callable

import pytest

from gateway.errors import Fault
from gateway.store.certificates.listing import Listing
from gateway.web.console.page import page
from gateway.web.console.rendering import short, static
from tests.web.console.conftest import Reader


def test_each_role_is_led_to_its_pages(viewer: Reader, operator: Reader, admin: Reader) -> None:
    for reader, seen, unseen in (
        (viewer, ("/certificates", "/pending"), ("/add", "/accounts", "/tokens", "/audit")),
        (operator, ("/certificates", "/add"), ("/accounts", "/tokens", "/audit")),
        (admin, ("/add", "/accounts", "/tokens", "/audit"), ()),
    ):
        text = reader.get("/certificates").text
        assert all(f'<li><a href="{path}"' in text for path in seen)
        assert not any(f'<li><a href="{path}"' in text for path in unseen)
        assert '<a href="/certificates" aria-current="page">' in text


def test_what_was_done_is_said_in_words_of_ours_only(viewer: Reader) -> None:
    assert "Deleted." in viewer.get("/certificates?done=deleted").text
    assert "evil" not in viewer.get("/certificates?done=evil").text


def test_static_files_are_kept_by_their_content(viewer: Reader) -> None:
    address = static("console.css")
    assert address in viewer.get("/certificates").text
    answer = viewer.get(address)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert viewer.get("/certificates").headers["cache-control"] == "no-store"


def test_a_store_that_cannot_be_asked_is_said_and_no_more(viewer: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise Fault("the database at /secret/place is away")

    monkeypatch.setattr(Listing, "page", broken)
    answer = viewer.get("/certificates")
    assert answer.status_code == 503
    assert "out of order" in answer.text
    assert "/secret/place" not in answer.text


def test_nothing_in_a_page_is_inline_or_from_elsewhere(admin: Reader, browse: Callable[..., Reader]) -> None:
    pages = [browse().get("/").text]
    pages += [admin.get(path).text for path in ("/certificates", "/add", "/pending", "/accounts", "/tokens", "/audit")]
    for text in pages:
        assert "style=" not in text
        assert "<style" not in text
        assert "onclick" not in text
        assert text.count("<script") == text.count('<script src="/static/') == 1
        assert 'src="http' not in text
        assert 'href="http' not in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("CN=Ada Lovelace,O=Test", "Ada Lovelace"),
        ("O=Test,CN=Doe\\, Jane", "Doe, Jane"),
        ("O=Test+CN=Both", "Both"),
        ("CN=\\<b\\>", "<b>"),
        ("O=No Common Name", "O=No Common Name"),
        ("OCN=x,O=y", "OCN=x,O=y"),
        ("", ""),
    ],
)
def test_the_common_name_stands_for_the_whole(name: str, shown: str) -> None:
    assert short(name) == shown


def test_a_template_that_lacks_a_fact_is_a_bug_and_no_empty_page() -> None:
    from jinja2 import UndefinedError
    from starlette.requests import Request

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(UndefinedError):
        page(Request(scope), "sign_in.html")
