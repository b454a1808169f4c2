"""The engineer on call: something breaks; metric, health, journal and record say what, and the page's cure cures it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.authority import Authority, Issued
from tests.e2e.client import Letter, letter
from tests.e2e.daemon import poll
from tests.e2e.documents import section
from tests.e2e.machine import CHECKOUT, Machine
from tests.e2e.roles.place import CONFIGURATION, CUSTOMER, STATE, SUPPORT, Mail, install, mail, put, smallest
from tests.e2e.sink import Sink

SET_UP = section("docs/monitoring.md", "Set up")
LOG = section("docs/operation.md", "The log")

pytestmark = [pytest.mark.apart, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def machine(machines: Callable[[], Machine], support: Issued) -> Machine:
    machine = machines()
    install(machine, smallest() + "metrics: {listen: '127.0.0.1:9426'}\n")
    put(machine, "support.pem", support.pem(), support.key_pem())
    machine.run("cd /root; smime-gateway import support.pem && systemctl enable --now smime-gateway", code=0)
    return machine


@pytest.fixture(scope="module")
def servers(machine: Machine) -> Iterator[Mail]:
    with mail(machine) as servers:
        yield servers


def asked(machine: Machine, path: str) -> tuple[int, str]:
    """What the listener of the metrics answers."""
    with machine.network():
        try:
            with urlopen(f"http://127.0.0.1:9426{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


def checks(machine: Machine) -> dict[str, str]:
    """What ``/readyz`` says of each check."""
    found: dict[str, str] = json.loads(asked(machine, "/readyz")[1])["checks"]
    return found


def metric(machine: Machine, name: str) -> float:
    """The value of one series as Prometheus would read it; 0 where there is none."""
    lines = asked(machine, "/metrics")[1].splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"smime_gateway_{name} ")), 0.0)


def journal(machine: Machine, *words: str) -> None:
    """Wait for a line in the journal of the service."""

    def found() -> bool:
        lines = machine.run("journalctl -u smime-gateway --no-pager", code=0).lines
        return any(all(word in line for word in words) for line in lines)

    poll(found, message=f"no line with {words}")


def submit(servers: Mail, sent: Letter) -> int:
    return servers.submit(10025, sent.content, CUSTOMER).code


def test_prometheus_gets_its_rules(machine: Machine) -> None:
    machine.run(f"cd {CHECKOUT}", code=0)
    with SET_UP.on(machine) as tell:
        tell.rest()
    machine.run("cd /root", code=0)
    configured = machine.path(f"{CHECKOUT}/config/monitoring/prometheus.yml").read_text()
    assert "/etc/prometheus/rules/smime-gateway.yml" in configured
    assert "SmimeGatewayDown" in machine.path("/etc/prometheus/rules/smime-gateway.yml").read_text()
    assert asked(machine, "/healthz")[0] == 200


def test_the_log_answers(machine: Machine, servers: Mail) -> None:
    """One signed mail that was not encrypted: found by every way of the page, with the reason."""
    sent = letter(to=CUSTOMER)
    with servers.machine.following("smime-gateway log --follow --json") as lines:
        assert submit(servers, sent) == 250
        record: dict[str, Any] = json.loads(lines.line(sent.id))
    beginning = record["id"][:12]
    with LOG.on(machine) as tell:
        assert sent.id in tell.next("smime-gateway log ").out
        assert f"not-encrypted(no-certificate) missing={CUSTOMER}" in tell.next("smime-gateway log --status").out
        assert sent.id in tell.next("smime-gateway log --address", {"customer@example.net": CUSTOMER}).out
        assert tell.next("smime-gateway log --queue-id").out == ""
        assert sent.id in tell.next("smime-gateway log --id", {"01a2023b35a4": beginning}).out
        shown = tell.next("smime-gateway log show", {"01a2023b35a4": beginning}).out
        assert "no-certificate" in shown
        with machine.following(tell.line("smime-gateway log --follow")) as lines:
            again = letter(to=CUSTOMER)
            assert submit(servers, again) == 250
            lines.line(again.id)


def test_the_mail_server_is_away(machine: Machine, servers: Mail) -> None:
    servers.world.stop()
    sent = letter(to=CUSTOMER)
    assert submit(servers, sent) in (421, 451)
    journal(machine, "door outbound: ")
    poll(lambda: metric(machine, 'next_hop_up{door="outbound"}') == 0, message="it is up")
    assert asked(machine, "/readyz")[0] == 503
    assert checks(machine)["next_hops"] == "failed"
    with machine.network():
        servers.world = Sink(10026).start()
    assert submit(servers, sent) == 250
    assert len(servers.world.by_id(sent.id)) == 1


def test_a_worker_dies(machine: Machine, servers: Mail) -> None:
    pid = machine.run("pgrep -u smime-gateway worker | head -1", code=0).out.strip()
    machine.run(f"kill -9 {pid}", code=0)
    journal(machine, "ended with", "it is replaced")
    poll(lambda: metric(machine, 'errors_total{kind="child"}') == 1, message="it was not counted")
    assert "active (running)" in machine.run("systemctl status smime-gateway", code=0).out
    assert submit(servers, letter(to=CUSTOMER)) == 250


def test_a_slip_in_the_configuration(machine: Machine, servers: Mail) -> None:
    """What runs goes on; the journal and ``config check`` name the key; mended and reloaded, it is in force."""
    before = machine.path(CONFIGURATION).read_text()
    machine.write(CONFIGURATION, before.replace("sign: required", "sign: always"))
    machine.run("systemctl reload smime-gateway")
    journal(machine, "groups[0].sign")
    poll(lambda: metric(machine, "config_reload_success") == 0, message="it was taken")
    assert "groups[0].sign" in machine.run("smime-gateway config check", code=78).err
    assert submit(servers, letter(to=CUSTOMER)) == 250
    machine.write(CONFIGURATION, before.replace("encrypt: if-possible", "encrypt: required"))
    machine.run("systemctl reload smime-gateway", code=0)
    poll(lambda: metric(machine, "config_reload_success") == 1, message="it was not taken")
    assert submit(servers, letter(to=CUSTOMER)) == 550
    poll(lambda: metric(machine, 'refused_total{reason="no-certificate"}') == 1, message="it was not counted")
    machine.write(CONFIGURATION, before)
    machine.run("systemctl reload smime-gateway", code=0)
    poll(lambda: submit(servers, letter(to=CUSTOMER)) == 250)


def test_our_certificate_has_expired(machine: Machine, servers: Mail, authority: Authority) -> None:
    """The gauge of the group says so, the refusal and the list, too; its successor cures it."""
    past = authority.leaf(SUPPORT, not_after=datetime(2026, 1, 1, tzinfo=UTC))
    put(machine, "past.pem", past.pem(), past.key_pem())
    (ours,) = json.loads(machine.run("smime-gateway cert list --with-key --json", code=0).out)
    machine.run(f"smime-gateway import past.pem; smime-gateway cert delete --yes {ours['fingerprint']}", code=0)
    poll(lambda: metric(machine, 'group_signing{group="support"}') == 0, message="it signs still")
    assert submit(servers, letter(to=CUSTOMER)) == 550
    assert "expired" in machine.run(f"smime-gateway check {SUPPORT} {CUSTOMER}", code=0).out
    assert past.certificate.fingerprint[:16] in machine.run("smime-gateway cert list --expiring 30d", code=0).out
    new = authority.leaf(SUPPORT)
    put(machine, "new.pem", new.pem(), new.key_pem())
    machine.run("smime-gateway import new.pem", code=0)
    poll(lambda: metric(machine, 'group_signing{group="support"}') == 1, message="it does not sign")
    assert past.certificate.fingerprint[:16] not in machine.run("smime-gateway cert list --expiring 30d", code=0).out
    assert submit(servers, letter(to=CUSTOMER)) == 250


def test_somebody_locks_the_store(machine: Machine, servers: Mail) -> None:
    """Mail goes on, the journal says why its record is not in the store, and the next one is again."""
    held = 'BEGIN EXCLUSIVE" ".shell touch /run/locked" ".shell sleep 15'
    machine.run(f'systemd-run -q --unit=locking sqlite3 {STATE}/store.db "{held}"', code=0)
    poll(lambda: machine.path("/run/locked").exists(), message="it was not locked")
    assert submit(servers, letter(to=CUSTOMER)) == 250
    journal(machine, "another process holds its lock")
    machine.run("systemctl stop locking")
    after = letter(to=CUSTOMER)
    assert submit(servers, after) == 250
    poll(lambda: after.id in machine.run("smime-gateway log", code=0).out, message="it is not in the log")
