"""Accounts, tokens and the audit log, as administrators see and change them."""

import re
from collections.abc import Callable

from sqlalchemy import update

from gateway.admin import accounts, tokens
from gateway.store import schema
from gateway.wiring import Wiring
from tests.e2e.console.stand import PASSWORD
from tests.web.console.conftest import Reader


def test_an_account_from_its_making_to_its_end(admin: Reader, browse: Callable[..., Reader], wiring: Wiring) -> None:
    assert admin.send("/accounts", name="ada", role="viewer", password="short").status_code == 422
    assert admin.send("/accounts", name="no name!", role="viewer", password=PASSWORD).status_code == 422
    assert admin.send("/accounts", name="ada", role="king", password=PASSWORD).status_code == 422
    made = admin.send("/accounts", name="ada", role="viewer", password=PASSWORD)
    assert made.headers["location"] == "/accounts/ada?done=account-added"
    assert admin.send("/accounts", name="ada", role="viewer", password=PASSWORD).status_code == 422
    ada = browse()
    ada.sign_in("ada")
    assert ada.get("/add").status_code == 403
    assert admin.send("/accounts/ada/role", role="operator").status_code == 303
    assert ada.get("/add").status_code == 200
    assert admin.send("/accounts/ada/password", password="x").status_code == 422
    assert admin.send("/accounts/ada/password", password=PASSWORD + "!").status_code == 303
    assert ada.get("/add").status_code == 401
    assert ada.sign_in("ada", PASSWORD + "!").status_code == 303
    assert admin.send("/accounts/ada", do="disable").status_code == 303
    assert ada.get("/add").status_code == 401
    assert 'value="enable"' in admin.get("/accounts/ada").text
    assert admin.send("/accounts/ada", do="enable").status_code == 303
    assert admin.send("/accounts/ada", do="eat").status_code == 404
    assert admin.get("/accounts/ada/delete").status_code == 200
    assert admin.send("/accounts/ada/delete").status_code == 303
    assert admin.get("/accounts/ada").status_code == 404
    assert admin.send("/accounts/ada/delete").status_code == 404
    assert "ada" not in {account.name for account in accounts.listed(wiring)}


def test_nobody_takes_away_his_own_rights(admin: Reader) -> None:
    for path, form in (
        ("/accounts/admin", {"do": "disable"}),
        ("/accounts/ADMIN/role", {"role": "viewer"}),
        ("/accounts/admin/delete", {}),
        ("/accounts/admin/password", {"password": PASSWORD + "!"}),
    ):
        assert admin.send(path, **form).status_code == 403
    assert admin.get("/accounts").status_code == 200


def test_a_tokens_secret_is_shown_once(admin: Reader, wiring: Wiring) -> None:
    """WEB-05."""
    made = admin.send(
        "/tokens", name="zammad", scope=["check", "read"], group=["support"], clients="192.0.2.0/24", until="2034-12-31"
    )
    secret = re.search(r'id="secret">(\S+)</code>', made.text)
    assert secret
    assert tokens.authenticate(wiring, secret[1], "192.0.2.9") is not None
    assert tokens.authenticate(wiring, secret[1], "198.51.100.9") is None
    again = admin.get("/tokens").text
    assert secret[1] not in again
    assert "zammad" in again
    (token,) = tokens.listed(wiring)
    assert (token.groups, token.clients, token.created_by) == (("support",), ("192.0.2.0/24",), "account admin")
    assert admin.get("/tokens/zammad/delete").status_code == 200
    assert admin.send("/tokens/zammad/delete").status_code == 303
    assert tokens.authenticate(wiring, secret[1], "192.0.2.9") is None
    assert admin.get("/tokens/zammad/delete").status_code == 404


def test_a_token_that_cannot_be_is_said_to_be_none(admin: Reader, wiring: Wiring) -> None:
    for wrong in (
        {"scope": []},
        {"scope": ["eat"]},
        {"scope": ["read"], "clients": "nowhere"},
        {"scope": ["read"], "clients": "192.0.2.1/24"},
        {"scope": ["read"], "until": "yesterday"},
        {"scope": ["read"], "until": "2001-01-01"},
        {"scope": ["read"], "group": ["none such"]},
    ):
        assert admin.send("/tokens", name="t", **wrong).status_code == 422
    assert tokens.listed(wiring) == []


def test_the_audit_log_is_read_and_verified(admin: Reader, wiring: Wiring) -> None:
    """KEY-08: a row that was changed is found."""
    admin.send("/accounts", name="ada", role="viewer", password=PASSWORD)
    page = admin.get("/audit").text
    assert "make account" in page
    assert 'href="/accounts/ada"' in page
    assert "none was changed" in admin.send("/audit").text
    with wiring.store.database.write() as connection:
        connection.execute(update(schema.audit).where(schema.audit.c.sequence == 2).values(verb="trust"))
    verified = admin.send("/audit").text
    assert "tampered" in verified
    assert admin.get("/audit?after=x").status_code == 422
    assert admin.get("/audit?after=2").text.count("<tr>") == 2
