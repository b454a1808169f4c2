"""Somebody who wants to know what this is: the README, its two commands, and then its dozen lines."""

from collections.abc import Callable

import pytest

from tests.authority import Authority, Issued
from tests.e2e.client import letter
from tests.e2e.documents import section
from tests.e2e.machine import Machine
from tests.e2e.roles.place import CUSTOMER, install, long, mail, offer_packages, put, repository, smallest

TRY = section("README.md", "smime-gateway")
DOZEN = section("README.md", "Put it in front of Postfix, in a dozen lines")
PASSPHRASE = "correct horse"

pytestmark = [pytest.mark.apart, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def machine(machines: Callable[[], Machine]) -> Machine:
    return machines()


@long
def test_the_demo_is_one_command(machine: Machine) -> None:
    """It sets up what it needs, tells its story to the end, and names the next step."""
    machine.run(f"git clone -q {repository(machine)} smime-gateway && cd smime-gateway", code=0)
    machine.run("python3 -m venv --without-pip .venv", code=0)
    offer_packages(machine, "/root/smime-gateway/.venv")
    with TRY.on(machine) as tell:
        told = tell.next("make demo", patience=600)
        tell.leave_out("make test", "this is it")
    assert "CMS Verification successful" in told.out
    assert "docs/installation.md" in told.out.split("The end")[1]
    assert machine.run("git status --short", code=0).out == ""


def test_a_dozen_lines_later_mail_leaves_sealed(
    machine: Machine, authority: Authority, support: Issued, customer: Issued
) -> None:
    install(machine, smallest())
    machine.run("cd /root", code=0)
    put(machine, "support.p12", support.p12(PASSPHRASE.encode()))
    put(machine, "customer.pem", customer.pem())
    with mail(machine) as servers, DOZEN.on(machine) as tell:
        assert "valid" in tell.next("smime-gateway config check").out
        imported = machine.dialogue(tell.line("smime-gateway import support.p12"), "passphrase of", PASSPHRASE)
        assert "key" in imported
        assert "added (rsa 2048)" in imported
        assert PASSPHRASE not in imported
        assert "added (trusted" in tell.next("smime-gateway import customer.pem").out
        assert "leaves signed, encrypted" in tell.next("smime-gateway check").out
        with machine.following(tell.line("smime-gateway serve")) as said:
            said.line("ready")
            with machine.following(tell.line("smime-gateway log --follow")) as lines:
                sent = letter(to=CUSTOMER)
                assert servers.submit(10025, sent.content, CUSTOMER).code == 250
                lines.line("signature=signed", CUSTOMER)
            machine.write("/root/password", "correct horse battery staple\n")
            tell.next("smime-gateway user add", {"--role admin": "--role admin < password"})
        (arrived,) = servers.world.by_id(sent.id)
        assert (arrived.field("content-type") or b"").startswith(b"application/pkcs7-mime")
