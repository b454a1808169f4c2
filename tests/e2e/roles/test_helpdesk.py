"""The administrator of a helpdesk in containers: docs/helpdesks/zammad.md, then a working day with certificates."""

import json
import smtplib
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from gateway.config import parse, warnings
from tests.authority import Authority, Issued
from tests.e2e.client import Answer, Letter, letter, send
from tests.e2e.daemon import poll
from tests.e2e.documents import block, fences, section
from tests.e2e.machine import Machine
from tests.e2e.roles.place import CONFIGURATION, CUSTOMER, SUPPORT, Mail, fingerprint, install, mail, put
from tests.letters import SECRET, encrypted, head, signed

PAGE = "docs/helpdesks/zammad.md"
CERTIFICATES = section("docs/operation.md", "Certificates and keys")
HOST = "172.17.0.1"
HELPDESKS = ("freescout", "osticket", "otrs", "rt", "zammad")

pytestmark = [pytest.mark.apart, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def machine(machines: Callable[[], Machine], support: Issued) -> Machine:
    """Installed, with the page's configuration and the address that containers see of their host."""
    machine = machines()
    install(machine, block(PAGE, "Outgoing mail", "yaml"))
    machine.run(f"ip address add {HOST}/32 dev lo; cd /root", code=0)
    put(machine, "support.pem", support.pem(), support.key_pem())
    return machine


@pytest.fixture(scope="module")
def servers(machine: Machine) -> Iterator[Mail]:
    with mail(machine) as servers:
        machine.run("systemctl start smime-gateway", code=0)
        yield servers


def from_container(machine: Machine, content: bytes, *recipients: str, source: str = HOST) -> Answer:
    """Send a mail from the containers' network, or from another ``source``."""
    with machine.network():
        # smtplib leaves its socket open where the greeting is a refusal.
        with socket.create_connection((HOST, 10025), 60, (source, 0)) as greeted, greeted.makefile("rb") as lines:
            greeting = lines.readline().decode()
        if not greeting.startswith("220 "):
            return Answer(int(greeting[:3]), greeting[4:].rstrip())
        with closing(smtplib.SMTP(HOST, 10025, timeout=60, source_address=(source, 0))) as client:
            return send(client, content, *recipients)


def tagged(*, to: str) -> Letter:
    """An agent's mail that asks for encryption in its subject."""
    plain = letter(to=to)
    return Letter(plain.id, plain.content.replace(b"[Ticket#42]", b"[encrypt] [Ticket#42]"))


def kept(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(machine.run("smime-gateway held list --json", code=0).out)
    return found


@pytest.mark.parametrize("name", HELPDESKS)
def test_the_configuration_of_every_page_is_valid(name: str) -> None:
    (text,) = (text for _, language, text in fences(f"docs/helpdesks/{name}.md") if language == "yaml")
    assert warnings(parse("hostname: gw.example.org\n" + text)) == []


def test_certificates_are_imported_and_seen(
    machine: Machine, servers: Mail, authority: Authority, support: Issued, customer: Issued
) -> None:
    put(machine, "customer.pem", customer.pem())
    put(machine, "authority.pem", authority.root.pem(), authority.intermediate.pem())
    with CERTIFICATES.on(machine) as tell:
        imported = tell.next("smime-gateway import", {"FILE…": "support.pem customer.pem authority.pem"}).out
        assert imported.count(": added") == 5
        listed = tell.next("smime-gateway cert list").out
        assert f"{fingerprint(support)}" in listed
        shown = tell.next("smime-gateway cert show", {"ID": fingerprint(customer)}).out
        assert "(anchor)" in shown
        assert "rsa 2048" in tell.next("smime-gateway key list").out
    narrowed = machine.run(f"smime-gateway cert list --state current --filter {CUSTOMER}", code=0).lines
    assert [line.split()[0] for line in narrowed[1:]] == [fingerprint(customer)]
    assert fingerprint(support) not in machine.run("smime-gateway cert list --expiring 30d", code=0).out


def test_an_agent_asks_for_encryption(machine: Machine, servers: Mail) -> None:
    """The tag goes; who has no certificate gets nothing in clear; who comes from elsewhere is turned away, and told."""
    sealed = tagged(to=CUSTOMER)
    assert from_container(machine, sealed.content, CUSTOMER).code == 250
    (arrived,) = servers.world.by_id(sealed.id)
    assert (arrived.field("content-type") or b"").startswith(b"application/pkcs7-mime")
    assert arrived.field("subject") == b"[Ticket#42] Printer"
    refused = from_container(machine, tagged(to="stranger@example.net").content, "stranger@example.net")
    assert refused.code == 550
    assert "no-certificate" in refused.text
    assert "stranger@example.net" in refused.text
    assert from_container(machine, sealed.content, CUSTOMER, source="127.0.0.1").code == 554
    log = machine.run("smime-gateway log --long", code=0).out
    assert 'rule="listeners outbound: clients"' in log
    assert "127.0.0.1" in log


def test_a_mail_whose_key_comes_late_comes_again(machine: Machine, servers: Mail, authority: Authority) -> None:
    late = authority.leaf(SUPPORT)
    arriving = encrypted(head(message_id="<late@customer.example>"), late)
    assert servers.submit(10024, arriving, SUPPORT, sender=CUSTOMER).code == 250
    (held,) = poll(lambda: kept(machine), message="it was not held")
    assert (held["reason"], held["state"]) == ("no-key", "waiting")
    assert "the private key" in machine.run(f"smime-gateway held show {held['id']}", code=0).out
    put(machine, "late.pem", late.pem(), late.key_pem())
    machine.run("smime-gateway import late.pem", code=0)
    (again,) = servers.mailbox.wait(lambda mail: mail.field("x-smime-gateway-retry-of") is not None)
    assert SECRET in again.content
    assert again.field("in-reply-to") == b"<late@customer.example>"
    poll(lambda: kept(machine) == [], message="it is held still")


def test_a_signature_is_judged_again_when_somebody_asks(machine: Machine, servers: Mail) -> None:
    """``hold.keep: all``: nothing comes again by itself, ``held retry ID`` brings it."""
    other = Authority(name="Other")
    stranger = other.leaf("alice@customer.example")
    arriving = head(message_id="<stranger@customer.example>") + signed(stranger)
    assert servers.submit(10024, arriving, SUPPORT, sender="alice@customer.example").code == 250
    (held,) = poll(lambda: kept(machine), message="it was not held")
    put(machine, "other.pem", other.root.pem())
    put(machine, "other-intermediate.pem", other.intermediate.pem())
    machine.run("smime-gateway import other.pem other-intermediate.pem", code=0)
    poll(lambda: [one["state"] for one in kept(machine)] == ["judged"], message="it was not judged")
    machine.run(f"smime-gateway held retry {held['id']}", code=0)

    def judged() -> bool:
        values = [mail.field("x-smime-gateway-signature") or b"" for mail in servers.mailbox.mails]
        return any(value.startswith(b"pass; signer=alice@customer.example") for value in values)

    poll(judged, message="it did not come again")


def test_nothing_is_deleted_by_a_slip(machine: Machine, servers: Mail, customer: Issued, support: Issued) -> None:
    """An ID of a few digits, a private key without ``--yes``, one wrong ID among several: nothing is gone."""
    few = machine.run(f"smime-gateway cert delete {fingerprint(customer)[:4]}", code=64)
    assert "8" in few.err
    key = machine.run(f"smime-gateway cert delete {fingerprint(support)}", code=64)
    assert "--yes" in key.err
    machine.run(f"smime-gateway cert delete {fingerprint(customer)} {'0' * 16}", code=65)
    listed = machine.run("smime-gateway cert list", code=0).out
    assert fingerprint(customer) in listed
    assert fingerprint(support) in listed
    machine.write("/root/passphrase", "a new one\n")
    exported = machine.run(f"smime-gateway cert export {fingerprint(support)}", code=0).out
    assert exported.encode() == support.pem()
    machine.run(f"smime-gateway cert delete {fingerprint(customer)}", code=0)
    assert "no-certificate" in machine.run(f"smime-gateway check {SUPPORT} {CUSTOMER}", code=0).out


def test_a_milter_alone_keeps_nothing_that_it_could_not_bring_again(machine: Machine) -> None:
    """``hold.keep: all`` without any way back is refused, or needs ``hold.next_hop``; the check says which."""
    machine.write(
        "/root/milter.yaml",
        'listeners: []\nmilters:\n- {name: mx, direction: inbound, listen: "unix:/run/mx.sock"}\n'
        'groups:\n- {name: support, addresses: ["support@example.org"]}\ninbound: {hold: {keep: all}}\n',
    )
    checked = machine.run("smime-gateway -c /root/milter.yaml config check")
    assert "inbound.hold.next_hop" in checked.out + checked.err
    assert CONFIGURATION not in checked.out + checked.err
