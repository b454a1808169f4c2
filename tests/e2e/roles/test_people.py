"""Who lets others in: the first account, a program's token, the console and the API as they are, the audit log."""

import json
from collections.abc import Callable
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.authority import Issued
from tests.e2e.client import Answer
from tests.e2e.daemon import poll
from tests.e2e.documents import section
from tests.e2e.machine import Machine
from tests.e2e.roles.place import SUPPORT, install, put, smallest

FIRST = section("docs/console.md", "The first account")
PEOPLE = section("docs/accounts.md", "People: accounts")
PROGRAMS = section("docs/accounts.md", "Programs: tokens")
TOKENS = section("docs/api.md", "Tokens")
AUDIT = section("docs/accounts.md", "What was changed: the audit log")
PASSWORD = "correct horse battery staple\n"
CONSOLE = "http://127.0.0.1:9425"

pytestmark = [pytest.mark.apart, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def machine(machines: Callable[[], Machine], support: Issued) -> Machine:
    machine = machines()
    install(machine, smallest())
    put(machine, "support.pem", support.pem(), support.key_pem())
    machine.run("cd /root; smime-gateway import support.pem && systemctl enable --now smime-gateway", code=0)
    machine.write("/root/password", PASSWORD)
    return machine


def asked(machine: Machine, path: str, token: str = "", document: object = None) -> Answer:
    """What the admin listener answers."""
    fields = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if document is None else json.dumps(document).encode()
    with machine.network():
        try:
            with urlopen(Request(f"{CONSOLE}{path}", data, fields), timeout=60) as answer:
                return Answer(answer.status, answer.read().decode())
        except HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())
        except URLError as error:
            return Answer(0, str(error.reason))


def test_the_first_account_opens_the_console(machine: Machine) -> None:
    poll(lambda: asked(machine, "/healthz").code == 200, message="the console is not served")
    with FIRST.on(machine) as tell:
        tell.next("smime-gateway -c", {"--role admin": "--role admin < password"})
    assert "Sign in" in asked(machine, "/sign-in").text


def test_people_come_in(machine: Machine) -> None:
    machine.run("smime-gateway user delete ada", code=0)
    with PEOPLE.on(machine) as tell:
        tell.next("smime-gateway user add", {"--role admin": "--role admin < password"})
        shown = machine.dialogue(tell.line("smime-gateway user totp"), "code", "000000", code=65)
        assert "otpauth://" in shown
        assert "not the code" in shown
        assert "admin" in tell.next("smime-gateway user list").out


def test_a_program_asks(machine: Machine) -> None:
    with PROGRAMS.on(machine) as tell:
        made = tell.next("smime-gateway token create", {"192.0.2.10/32": "127.0.0.0/8"})
    with TOKENS.on(machine) as tell:
        assert "smgw_" in tell.next("smime-gateway token create").out
    (token,) = (word for word in made.out.split() if word.startswith("smgw_"))
    question = {"sender": SUPPORT, "recipients": ["customer@example.net"]}
    assert asked(machine, "/api/v1/check", document=question).code == 401
    answer = asked(machine, "/api/v1/check", token, question)
    assert answer.code == 200, answer
    found = json.loads(answer.text)
    assert found["sign"]["possible"]
    assert found["encrypt"]["recipients"][0]["reason"] == "no-certificate"
    assert asked(machine, "/api/v1/certificates", token).code == 403


def test_all_of_it_is_in_the_audit_log(machine: Machine) -> None:
    with AUDIT.on(machine) as tell:
        tell.next("smime-gateway audit list")
        tell.next("smime-gateway audit verify")
    rows = json.loads(machine.run("smime-gateway audit list --json", code=0).out)
    assert {"import", "add-account", "delete-account", "create-token"} <= {row["verb"] for row in rows}
