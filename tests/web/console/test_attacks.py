"""What strangers, slips and hostile octets get from the pages (WEB-03, WEB-04, WEB-06)."""

import re
from collections.abc import Callable, Iterator

import pytest

from gateway.admin import audit
from gateway.clock import now
from gateway.wiring import Wiring
from tests.authority import Issued
from tests.e2e.console.stand import HOSTILE
from tests.web.console.conftest import Reader
from tests.web.console.test_forgery import CHANGING, EVERY, address

ODD_NAMES = ["..%2f..%2fetc%2fpasswd", "%00", "a%0d%0aSet-Cookie:%20x=y", "%ff", HOSTILE, "%F0%9F%98%80", "x" * 5000]
NAMED = sorted({(method, path) for method, path in EVERY if "{" in path})
PIECE = b"x" * 2**16


@pytest.mark.parametrize("path", CHANGING)
def test_of_a_stranger_no_file_comes_into_memory(browse: Callable[..., Reader], path: str) -> None:
    sent = []

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="name"; filename="f"\r\n\r\n'
        for _ in range(1000):
            sent.append(PIECE)
            yield PIECE

    fields = {"Content-Type": "multipart/form-data; boundary=b", "Sec-Fetch-Site": "same-origin"}
    answer = browse().client.post(address(path), content=body(), headers=fields, follow_redirects=False)
    assert answer.status_code in (400, 401)
    assert "smime-gateway 0" not in answer.text


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: name[:12])
def test_odd_names_are_names(admin: Reader, name: str) -> None:
    """No page breaks on one, and nothing of it becomes a line of the answer's header."""
    token = admin.token()
    for method, path in NAMED:
        there = re.sub(r"\{.*?\}", lambda _: name, path)
        answer = admin.get(there) if method == "GET" else admin.post(there, token=token)
        assert answer.status_code in (303, 403, 404, 405, 422), (method, path)
        assert "x=y" not in answer.headers.get("set-cookie", "")
        assert HOSTILE[:12] not in answer.text


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "..\\app.py", "/etc/passwd", "%00"])
def test_nothing_but_static_files_is_static(admin: Reader, name: str) -> None:
    assert admin.get(f"/static/{name}").status_code in (400, 404)


PAGES = ["/certificates", "/pending", "/audit", "/accounts", "/tokens", "/account", "/add"]


def test_what_certificates_and_people_say_is_text(admin: Reader, wiring: Wiring, people: dict[str, Issued]) -> None:
    """WEB-03: subjects, names of files, what is typed, what a browser says of itself."""
    admin.fields["User-Agent"] = HOSTILE
    admin.sign_in("admin")
    name = people["hostile"].certificate.fingerprint
    places = [f"/certificates/{name}", f"/certificates/change?do=delete&id={name}"]
    places += [f"/{page}={HOSTILE}" for page in ("certificates?text", "certificates?after", "audit?after")]
    pages = [admin.get(path).text for path in (*PAGES, *places)]
    pages += [
        admin.send("/add", files={"file": (HOSTILE, people["hostile"].pem())}).text,
        admin.send("/add", text=HOSTILE).text,
        admin.send("/accounts", name=HOSTILE, password=HOSTILE, role="viewer").text,
        admin.send("/tokens", name=HOSTILE, scope="read", clients=HOSTILE).text,
        admin.send("/tokens", name="t", scope="read", group=HOSTILE).text,
        admin.post("/sign-in", name=HOSTILE, password=HOSTILE, next=HOSTILE).text,
    ]
    assert sum("&lt;script&gt;" in text for text in pages) > 5
    for text in pages:
        assert HOSTILE not in text
        assert "<img src=x" not in text


def test_of_two_who_delete_the_same_the_second_is_told(signed_in: Callable[[str], Reader], wiring: Wiring) -> None:
    first, second = signed_in("admin"), signed_in("admin")
    tokens = [reader.token() for reader in (first, second)]
    name = wiring.store.certificates.find(["grace@example.com"], now())["grace@example.com"][0].certificate.fingerprint
    things = [
        ("/accounts/viewer/delete", {}),
        ("/certificates/change", {"do": "delete", "id": name, "losing": "0"}),
    ]
    first.send("/tokens", name="desk", scope="read")
    things.append(("/tokens/desk/delete", {}))
    for path, form in things:
        assert first.post(path, token=tokens[0], **form).status_code == 303, path
        answer = second.post(path, token=tokens[1], **form)
        assert answer.status_code in (404, 409), path
    assert audit.verified(wiring).valid
