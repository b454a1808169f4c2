"""``user``, ``token``, ``audit``: who may use console and API, and who changed what."""

import io
import re
import sqlite3
import sys
from pathlib import Path

import pyotp
import pytest

from gateway.admin.permission import Permission
from gateway.admin.sessions import Client, sign_in
from gateway.admin.tokens import authenticate
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.cli.running import Command, on_terminal

GROUPS = 'groups: [{name: support, addresses: ["support@example.org"]}]\n'
PASSWORD = "correct horse battery"


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys, GROUPS)


@pytest.fixture
def wiring(command: Command) -> Wiring:
    return Wiring(command.folder / "gateway.yaml")


def given(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))


@pytest.fixture
def ada(command: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    given(monkeypatch, PASSWORD + "\nnot this line\n")
    assert command("user", "add", "Ada", "--role", "admin").code == 0
    return "ada"


def test_an_account_from_standard_input(command: Command, wiring: Wiring, ada: str) -> None:
    run = command("user", "list", "--json")
    (view,) = run.json
    assert {name: view[name] for name in ("name", "role", "totp", "disabled", "signed_in_at")} == {
        "name": "ada",
        "role": "admin",
        "totp": False,
        "disabled": False,
        "signed_in_at": None,
    }
    assert sign_in(wiring, ada, PASSWORD, Client("192.0.2.1")).grant.may(Permission.ADMIN)
    wiring.close()


def test_a_terminal_is_asked_twice(command: Command, wiring: Wiring) -> None:
    code, out, shown = on_terminal(command, "user", "add", "ada", answers=f"{PASSWORD}\n{PASSWORD}\n".encode())
    assert (code, out) == (0, "account ada: added\n"), shown
    assert PASSWORD.encode() not in shown
    assert sign_in(wiring, "ada", PASSWORD, Client("192.0.2.1")).name == "ada"
    wiring.close()


@pytest.mark.parametrize(
    ("line", "said"),
    [("", "the password is missing"), ("\n", "is missing"), ("short\n", "at least 12"), ("a" * 2000, "too long")],
)
def test_what_is_no_password_is_named(command: Command, monkeypatch: pytest.MonkeyPatch, line: str, said: str) -> None:
    given(monkeypatch, line)
    run = command("user", "add", "ada")
    assert run.code == 65
    assert said in run.err
    assert command("user", "list", "--json").json == []


def test_a_name_is_taken_once(command: Command, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, PASSWORD)
    run = command("user", "add", ada)
    assert run.code == 65
    assert "there is an account 'ada' already" in run.err


def test_an_account_is_changed_and_ends(command: Command, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("user", "role", ada, "viewer", "--json").json["role"] == "viewer"
    given(monkeypatch, "another good password")
    assert command("user", "password", ada).code == 0
    assert command("user", "disable", ada, "--json").json["disabled"]
    assert "may sign in again" in command("user", "disable", "--off", ada).out
    assert command("user", "delete", ada, "--json").json == {"name": "ada", "deleted": True}
    assert command("user", "list", "--json").json == []
    verbs = [row["verb"] for row in command("audit", "list", "--json").json]
    expected = ["add-account", "set-role", "set-password", "disable-account", "enable-account", "delete-account"]
    assert verbs == expected


def test_codes_are_asked_for_once_a_first_one_is_right(
    command: Command, wiring: Wiring, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, "123")
    run = command("user", "totp", ada)
    assert run.code == 65
    assert not command("user", "list", "--json").json[0]["totp"]
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    monkeypatch.setattr("gateway.admin.passwords.new_totp_secret", lambda: secret)
    given(monkeypatch, pyotp.TOTP(secret).now())
    run = command("user", "totp", ada)
    assert (run.code, run.out) == (0, "account ada: is asked for one-time codes from now on\n")
    assert run.err.startswith(f"otpauth://totp/smime-gateway%20gw.example.org:ada?secret={secret}")
    assert sign_in(wiring, ada, PASSWORD, Client("192.0.2.1")).owes_code
    assert command("user", "totp", "--off", ada).code == 0
    wiring.close()


def test_a_token_is_printed_once(command: Command, wiring: Wiring) -> None:
    options = ("--scope", "read", "--scope", "check", "--group", "support", "--client", "192.0.2.0/24")
    made = command("token", "create", "desk", *options, "--until", "2099-12-31", "--json").json
    assert {name: made[name] for name in ("name", "scopes", "groups", "clients", "until")} == {
        "name": "desk",
        "scopes": ["read", "check"],
        "groups": ["support"],
        "clients": ["192.0.2.0/24"],
        "until": "2100-01-01T00:00:00Z",
    }
    grant = authenticate(wiring, made["token"], "192.0.2.9")
    assert grant is not None
    assert grant.permissions == {Permission.READ, Permission.CHECK}
    wiring.close()
    run = command("token", "create", "other", "--scope", "admin")
    assert re.fullmatch(r"smgw_[\w-]{43}\n", run.out)
    assert "not shown again" in run.err
    listed = command("token", "list", "--json")
    assert [view["name"] for view in listed.json] == ["desk", "other"]
    everything = (command.state / "store.db").read_bytes() + listed.out.encode() + command("audit", "list").out.encode()
    for secret in (made["token"], run.out.strip()):
        assert secret.encode() not in everything
    assert command("token", "delete", "desk").out == "deleted token desk\n"
    assert command("token", "create", "other", "--scope", "read").code == 65


def test_the_log_tells_who_did_what(command: Command, authority: Authority) -> None:
    root = command.put("root.pem", authority.root.pem())
    assert command("import", root, "--dry-run").code == 0
    assert command("audit", "list", "--json").json == []
    command("import", root)
    command("cert", "distrust", authority.root.certificate.fingerprint[:12])
    imported, distrusted = command("audit", "list", "--json").json
    assert (imported["verb"], distrusted["verb"]) == ("import", "distrust")
    assert imported["actor"]["kind"] == "system user"
    assert [each["name"] for each in imported["effects"]] == [authority.root.certificate.fingerprint]
    assert [each["result"] for each in distrusted["effects"]] == ["distrusted"]
    assert command("audit", "list", "--limit", "1", "--json").json == [distrusted]
    assert command("audit", "list", "--after", "2", "--json").json == [imported]
    assert "distrust" in command("audit", "list").out


def test_verification_names_the_first_row_that_does_not_hold(command: Command, ada: str) -> None:
    for role in ("viewer", "operator", "admin"):
        command("user", "role", ada, role)
    run = command("audit", "verify")
    assert run.code == 0
    assert run.lines[0] == "4 rows hold"
    store = sqlite3.connect(command.state / "store.db")
    with store:
        store.execute("UPDATE audit SET effects = replace(effects, 'operator', 'viewer') WHERE sequence = 3")
    store.close()
    run = command("audit", "verify")
    assert (run.code, run.err) == (65, "row 3 was changed\n")
    told = command("audit", "verify", "--json")
    assert told.code == 65
    assert {name: told.json[name] for name in ("valid", "rows", "broken")} == {"valid": False, "rows": 2, "broken": 3}
