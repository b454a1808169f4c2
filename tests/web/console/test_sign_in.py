"""Who is let in, for how long, and that nobody else's page can act in his name."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pyotp
import pytest

from gateway.admin import accounts, sessions
from gateway.store.accounts.sessions import ABSOLUTE, IDLE
from gateway.wiring import Wiring
from tests.e2e.console.stand import MACHINE, PASSWORD
from tests.web.console.conftest import Reader

Browse = Callable[..., Reader]


def test_web_01_nobody_sees_a_page_before_signing_in(browse: Browse) -> None:
    """WEB-01, WEB-06: 401 and the form, whatever the address; no version, no name of the gateway."""
    reader = browse()
    for path in ("/", "/certificates", "/accounts", "/no/such/page", "/certificates/change?do=delete&id=ab"):
        answer = reader.get(path)
        assert answer.status_code == 401
        assert 'name="password"' in answer.text
        assert "gw.example.org" not in answer.text
    assert 'value="/certificates/change?do=delete&amp;id=ab"' in answer.text


def test_signing_in_leads_to_the_page_that_was_asked_for(browse: Browse) -> None:
    reader = browse()
    answer = reader.sign_in("admin", next_="/certificates?state=expired")
    assert (answer.status_code, answer.headers["location"]) == (303, "/certificates?state=expired")
    page = reader.get("/certificates?state=expired")
    assert page.status_code == 200
    assert "grace@example.com" in page.text
    assert "ada@example.com" not in page.text


@pytest.mark.parametrize(
    "place", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", ""]
)
def test_nobody_is_led_elsewhere(browse: Browse, place: str) -> None:
    reader = browse()
    assert reader.sign_in("admin", next_=place).headers["location"] == "/"
    assert reader.get("/language/de", params={"next": place}).headers["location"] == "/"


def test_web_01_the_cookie_is_for_nobody_else(browse: Browse) -> None:
    """WEB-01: HttpOnly and SameSite=Strict; over TLS ``__Host-`` and Secure, and then no other counts."""
    plain = browse().sign_in("admin").headers["set-cookie"]
    assert plain.startswith("session=")
    assert {"httponly", "samesite=strict", "path=/"} <= set(plain.lower().split("; "))
    assert "domain" not in plain.lower()
    away = browse("192.0.2.7", "https://gw.example.org")
    over_tls = away.sign_in("admin").headers["set-cookie"]
    assert over_tls.startswith("__Host-session=")
    assert {"httponly", "samesite=strict", "path=/", "secure"} <= set(over_tls.lower().split("; "))
    assert away.get("/account").status_code == 200


def test_plain_http_is_served_on_this_machine_only(browse: Browse) -> None:
    reader = browse("192.0.2.7")
    assert reader.get("/").status_code == 403
    assert reader.sign_in("admin").status_code == 403
    assert "set-cookie" not in reader.sign_in("admin").headers


def test_web_01_each_sign_in_is_a_new_session_and_signing_out_ends_it(browse: Browse) -> None:
    """WEB-01: what the browser held before is worth nothing."""
    reader = browse()
    reader.client.cookies.set("session", "chosen-by-somebody-else")
    reader.sign_in("admin")
    (first,) = [cookie.value for cookie in reader.client.cookies.jar if cookie.value != "chosen-by-somebody-else"]
    assert reader.send("/sign-out").status_code == 303
    assert reader.get("/account").status_code == 401
    again = browse()
    again.client.cookies.set("session", first)
    assert again.get("/account").status_code == 401


def test_sessions_end_by_themselves(browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    """WEB-01: without use, and after a time whatever is done."""
    reader, start = browse(), sessions.now()
    reader.sign_in("viewer")

    def later(by: timedelta) -> None:
        def then() -> datetime:
            return start + by

        monkeypatch.setattr(sessions, "now", then)

    later(IDLE - timedelta(minutes=1))
    assert reader.get("/certificates").status_code == 200
    later(2 * IDLE)
    assert reader.get("/certificates").status_code == 401
    reader.sign_in("viewer")
    begun = 2 * IDLE
    for steps in range(1, 100):
        later(begun + steps * (IDLE / 2))
        if reader.get("/certificates").status_code == 401:
            break
    assert steps * (IDLE / 2) == ABSOLUTE


def test_wrong_passwords_are_answered_alike_and_then_have_to_wait(browse: Browse) -> None:
    reader = browse()
    answers = [reader.sign_in(name, "wrong " * 3) for name in ("admin", "nobody", "<script>alert(1)</script>")]
    assert {answer.status_code for answer in answers} == {401}
    assert all("wrong" in answer.text for answer in answers)
    assert "<script>alert" not in answers[-1].text
    for _ in range(10):
        last = reader.sign_in("admin", "wrong " * 3)
    assert last.status_code == 429
    assert "Try again in" in last.text
    assert browse("::1").sign_in("admin").status_code == 303  # somebody else is not kept out


def test_a_code_is_asked_for_on_a_page_of_its_own(browse: Browse, wiring: Wiring) -> None:
    secret = accounts.propose_totp(wiring, "operator").secret
    accounts.turn_totp_on(wiring, MACHINE, "operator", secret, pyotp.TOTP(secret).now())
    reader = browse()
    assert reader.sign_in("operator", next_="/pending").status_code == 303
    asked = reader.get("/pending")
    assert asked.status_code == 401
    assert 'action="/sign-in/code"' in asked.text
    token = reader.token("/pending")
    wrong = reader.post("/sign-in/code", token=token, code="000000", next="/pending")
    assert wrong.status_code == 401
    assert reader.get("/certificates").status_code == 401
    assert reader.post("/certificates/change", token=token, do="delete", id="00").status_code == 401
    code = pyotp.TOTP(secret).now()
    right = reader.post("/sign-in/code", token=token, code=code, next="/pending")
    assert (right.status_code, right.headers["location"]) == (303, "/pending")
    assert reader.get("/pending").status_code == 200


def test_codes_are_set_up_with_an_authenticator(viewer: Reader, browse: Browse) -> None:
    page = viewer.send("/account/codes")
    secret = re.search(r'<code class="secret">(\w+)</code>', page.text)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page.text)
    assert secret and sealed
    assert "<svg" in page.text
    assert secret[1] not in sealed[1]
    assert viewer.send("/account/codes/on", sealed=sealed[1], code="000000").status_code == 422
    other = browse()
    other.sign_in("admin")
    code = pyotp.TOTP(secret[1]).now()
    assert other.send("/account/codes/on", sealed=sealed[1], code=code).status_code == 409  # not his page
    assert viewer.send("/account/codes/on", sealed=sealed[1], code=code).status_code == 303
    again = viewer.send("/account/codes/on", sealed=sealed[1], code=code)
    assert again.status_code == 409  # a session alone puts no other authenticator in the place of this one
    assert browse().sign_in("viewer").status_code == 303
    assert viewer.send("/account/codes/off", password="wrong").status_code == 422
    assert viewer.send("/account/codes/off", password=PASSWORD).status_code == 303


def test_ones_own_sessions_are_seen_and_ended(viewer: Reader, signed_in: Callable[[str], Reader]) -> None:
    other = signed_in("viewer")
    ids = re.findall(r'name="id" value="(\w+)"', viewer.get("/account").text)
    assert len(ids) == 1  # and the one that reads
    assert viewer.send("/account/sessions/end", id=ids[0]).status_code == 303
    assert other.get("/account").status_code == 401
    assert viewer.get("/account").status_code == 200


def test_nobody_ends_somebody_elses_session_there(viewer: Reader, admin: Reader, wiring: Wiring) -> None:
    for session in sessions.listed(wiring, "admin"):
        viewer.send("/account/sessions/end", id=session.id)
    assert admin.get("/account").status_code == 200


def test_a_new_password_takes_the_old_one_and_ends_the_other_sessions(
    viewer: Reader, signed_in: Callable[[str], Reader], browse: Browse
) -> None:
    other, new = signed_in("viewer"), "another long passphrase"
    assert viewer.send("/account/password", password="wrong", new=new).status_code == 422
    assert viewer.send("/account/password", password=PASSWORD, new="short").status_code == 422
    assert viewer.send("/account/password", password=PASSWORD, new=new).status_code == 303
    assert viewer.get("/account").status_code == 200
    assert other.get("/account").status_code == 401
    assert browse().sign_in("viewer", new).status_code == 303


def test_who_is_disabled_is_out_at_once(viewer: Reader, wiring: Wiring, browse: Browse) -> None:
    accounts.set_disabled(wiring, MACHINE, "viewer", True)
    assert viewer.get("/certificates").status_code == 401
    assert browse().sign_in("viewer").status_code == 401


def test_the_language_is_chosen_by_browser_and_by_switch(viewer: Reader) -> None:
    viewer.fields["Accept-Language"] = "de-DE,en;q=0.5"
    assert '<html lang="de">' in viewer.get("/certificates").text
    assert viewer.get("/language/en", params={"next": "/pending"}).headers["location"] == "/pending"
    assert '<html lang="en">' in viewer.get("/certificates").text
    assert "set-cookie" not in viewer.get("/language/xx").headers
