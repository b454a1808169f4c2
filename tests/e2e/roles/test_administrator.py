"""The administrator of a Debian with Postfix: docs/installation.md from its first line to the uninstallation."""

import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import Authority, Issued
from tests.e2e.client import letter
from tests.e2e.documents import block, section
from tests.e2e.machine import ROOT, Machine
from tests.e2e.postfix import SERVICES
from tests.e2e.roles.place import (
    CONFIGURATION,
    CUSTOMER,
    INSTALLATION,
    STATE,
    SUPPORT,
    Mail,
    active,
    fingerprint,
    install,
    long,
    mail,
    offer_packages,
    program,
    put,
    repository,
    smallest,
)
from tests.letters import SECRET, encrypted, head
from tests.openssl import Witness

PAGE = "docs/installation.md"
INSTALL, CONFIGURE, KEY = (
    section(PAGE, "1. Install"),
    section(PAGE, "2. Configure"),
    section(PAGE, "3. The key-encryption key"),
)
START, WORKING = section(PAGE, "4. Start"), section(PAGE, "5. Is it working?")
MOVE, UNINSTALL, UPGRADE = (
    section(PAGE, "Move to another machine"),
    section(PAGE, "Uninstall"),
    section(PAGE, "Upgrade"),
)
TAKEOVER, BY_HAND = section(PAGE, "From a file to a credential"), section(PAGE, "Without systemd")
POSTFIX, BACKUP = section("docs/postfix.md", "Is it working?"), section("docs/operation.md", "Backup")
PRIVACY = section("docs/operation.md", "What is kept of a person")
ROTATION = section("docs/operation.md", "Another key-encryption key")

pytestmark = [pytest.mark.apart, pytest.mark.timeout(900)]
_POSTFIX = """
compatibility_level = 3.6
myhostname = mta.example.org
inet_interfaces = loopback-only
mynetworks = 127.0.0.0/8
mydestination =
relayhost = [127.0.0.1]:2525
maillog_file = /var/log/postfix.log
"""


@pytest.fixture(scope="module")
def machine(machines: Callable[[], Machine]) -> Machine:
    return machines()


@pytest.fixture(scope="module")
def servers(machine: Machine) -> Iterator[Mail]:
    with mail(machine, world=2525) as servers:
        yield servers


def mode(machine: Machine, path: str) -> str:
    return machine.run(f"stat -c '%a %U %G' {path}", code=0).out.strip()


def test_the_program_and_its_user_are_installed(machine: Machine) -> None:
    machine.run(f"ln -s {repository(machine)} URL", code=0)
    with INSTALL.on(machine) as tell:
        tell.next("umask 022")
        tell.leave_out("apt-get install git python3-venv openssl", "no network; the tests have them from .ci/packages")
        tell.leave_out("apt-get install libmilter-dev", "likewise")
        tell.next("git clone URL")
        tell.next("cd smime-gateway")
        tell.next("python3 -m venv")
        offer_packages(machine)
        tell.rest()
    assert machine.run("smime-gateway --version", code=0).out.startswith("smime-gateway, version ")
    assert mode(machine, "/etc/smime-gateway") == "750 root smime-gateway"
    assert mode(machine, STATE) == "700 smime-gateway smime-gateway"


def test_it_is_configured(machine: Machine) -> None:
    with CONFIGURE.on(machine) as tell:
        tell.next("install -m 640")
        assert mode(machine, CONFIGURATION) == "640 root smime-gateway"
        assert tell.next("smime-gateway config check").out == f"{CONFIGURATION}: valid\n"
    machine.write(CONFIGURATION, smallest() + "key_encryption_key: credential:kek\n")
    machine.run("smime-gateway config check", code=0)


def test_it_starts_with_a_credential(machine: Machine, support: Issued) -> None:
    """Before the service runs, nothing can be imported under a credential, and nothing else is made in its place."""
    with KEY.on(machine) as tell:
        tell.rest()
    name = put(machine, "support.pem", support.pem(), support.key_pem())
    early = machine.run(f"smime-gateway import /root/{name}", code=78)
    assert "start the service first" in early.err
    assert "kek" not in machine.run(f"ls {STATE}", code=0).out
    with START.on(machine) as tell:
        tell.next("install -m 644 systemd/smime-gateway.service")
        tell.next("systemctl daemon-reload")
        tell.next("systemctl enable --now")
        assert active(machine) == "active"
        assert "ready" in tell.next("journalctl -u").out
    machine.run(f"smime-gateway import /root/{name}", code=0)
    assert "kek" not in machine.run(f"ls {STATE}", code=0).out
    assert machine.run(f"find {STATE} ! -user smime-gateway", code=0).out == ""
    exposure = machine.run("systemd-analyze security smime-gateway --no-pager", code=0).out
    (level,) = re.findall(r"Overall exposure level for smime-gateway.service: ([\d.]+)", exposure)
    assert float(level) < 1.5


def test_it_works(machine: Machine, servers: Mail, authority: Authority, customer: Issued, tmp_path: Path) -> None:
    """What the page's last lines show: who can be sealed to, a sealed mail, and one that was really sent."""
    put(machine, "authority.pem", authority.root.pem())
    put(machine, "customer.pem", customer.pem(), authority.intermediate.pem())
    machine.run("smime-gateway import /root/authority.pem /root/customer.pem", code=0)
    sent = letter(to=CUSTOMER)
    put(machine, "smime-gateway/some-mail.eml", sent.content)
    with WORKING.on(machine) as tell:
        assert "leaves signed, encrypted" in tell.next("smime-gateway check").out
        assert "pkcs7-envelopedData" in tell.next("smime-gateway message process").out
    machine.write("/etc/postfix/main.cf", _POSTFIX)
    door = block("README.md", "Put it in front of Postfix, in a dozen lines", "text")
    machine.write("/etc/postfix/master.cf", SERVICES + door)
    machine.run("postfix start", code=0)
    assert servers.submit(10025, sent.content, CUSTOMER).code == 250
    (arrived,) = servers.world.by_id(sent.id)
    entity = Witness(tmp_path).decrypt(arrived.content, customer.pem() + customer.key_pem())
    assert b"Your ticket is solved." in Witness(tmp_path).verify(entity, authority.root.pem())
    assert "signed" in machine.run("smime-gateway log", code=0).out


def test_postfix_and_the_log_say_so(machine: Machine, servers: Mail) -> None:
    with POSTFIX.on(machine) as tell:
        assert "127.0.0.1:10026 inet" in tell.next("postconf -M").out
        tell.next("postfix check")
        tell.next("smime-gateway config check")
        tell.leave_out("swaks", "not among Debian's default packages; the story submits by itself")
        with machine.following(tell.line("smime-gateway log --follow")) as lines:
            assert servers.submit(10025, letter(to=CUSTOMER).content, CUSTOMER).code == 250
            lines.line(" outbound relay ", CUSTOMER)


def test_a_successor_takes_over_and_the_old_key_opens(
    machine: Machine, servers: Mail, authority: Authority, support: Issued
) -> None:
    """Rotation: what was encrypted to the old certificate is opened as ever."""
    successor = authority.leaf(SUPPORT, not_before=datetime(2026, 1, 1, tzinfo=UTC))
    put(machine, "successor.pem", successor.pem(), successor.key_pem())
    machine.run("smime-gateway import /root/successor.pem", code=0)
    states = {line.split()[0]: line for line in machine.run("smime-gateway cert list --with-key", code=0).lines}
    assert "superseded" in states[fingerprint(support)]
    assert "superseded" not in states[fingerprint(successor)]
    assert f"by {fingerprint(successor)}" in machine.run(f"smime-gateway check {SUPPORT} {CUSTOMER}", code=0).out
    arriving = encrypted(head(message_id="<old@customer.example>"), support)
    assert servers.submit(10024, arriving, SUPPORT, sender=CUSTOMER).code == 250
    (opened,) = servers.mailbox.by_id("<old@customer.example>")
    assert SECRET in opened.content


def test_a_revoked_certificate_is_used_no_more(machine: Machine, authority: Authority, customer: Issued) -> None:
    put(machine, "some.crl", authority.revocation_list(customer).public_bytes(Encoding.PEM))
    machine.run("smime-gateway import /root/some.crl", code=0)
    checked = machine.run(f"smime-gateway check {SUPPORT} {CUSTOMER}", code=0).out
    assert "revoked" in checked
    assert "leaves signed, not encrypted" in checked
    (line,) = (line for line in machine.run("smime-gateway crl list", code=0).lines if "imported" in line)
    machine.run(f"smime-gateway crl delete {line.split()[0]}", code=0)
    assert "leaves signed, encrypted" in machine.run(f"smime-gateway check {SUPPORT} {CUSTOMER}", code=0).out


def test_a_backup_brings_the_store_back(machine: Machine, support: Issued) -> None:
    with BACKUP.on(machine) as tell:
        tell.next("smime-gateway backup")
        machine.run(f"smime-gateway cert delete --yes {fingerprint(support)}", code=0)
        tell.next("systemctl stop")
        tell.leave_out("smime-gateway restore", "the key is a credential here: the lines after the next")
        start = tell.line("systemctl start")
        tell.next("install -m 600")
        tell.next("systemd-run")
        machine.run(start, code=0)
        assert fingerprint(support) in machine.run("smime-gateway cert list --with-key", code=0).out
        tell.next("systemctl stop")
        tell.leave_out("smime-gateway store copy", "there is no PostgreSQL here; tests/store/portable has both")
    machine.run("systemctl start smime-gateway", code=0)


def test_the_key_encryption_key_is_changed(machine: Machine, support: Issued) -> None:
    with ROTATION.on(machine) as tell:
        tell.next("smime-gateway kek rotate")
        tell.rest()
    assert active(machine) == "active"
    assert fingerprint(support) in machine.run("smime-gateway cert list --with-key", code=0).out
    machine.run("smime-gateway key list", code=0)


def test_what_is_kept_of_a_person_is_shown_and_goes(machine: Machine) -> None:
    with PRIVACY.on(machine) as tell:
        tell.next("smime-gateway privacy export")
        tell.next("smime-gateway privacy erase")


@long
def test_it_moves_to_another_machine(
    machine: Machine, machines: Callable[[], Machine], servers: Mail, support: Issued
) -> None:
    """Without the key-encryption key the store over there opens for nobody; with it, mail is opened."""
    there = machines()
    install(there, smallest())
    there.run(INSTALLATION["3. The key-encryption key"].lines[0], code=0)
    there.run(INSTALLATION["3. The key-encryption key"].lines[2], code=0)
    with MOVE.on(machine) as tell:
        tell.next("systemctl stop")
        tell.next("(umask 077; tar")
        tell.next("(umask 077; systemd-creds decrypt")
        for name in ("smime-gateway.tar.gz", "kek"):
            assert mode(machine, name).startswith("600 ")
            there.write(f"/root/{name}", machine.path(f"/root/smime-gateway/{name}").read_bytes())
        there.run("cd /root", code=0)
        tell.machine = there
        tell.next("tar -C / -xzpf")
        assert "start the service first" in there.run("smime-gateway key list", code=78).err
        tell.rest()
    assert active(there) == "active"
    assert there.run(f"find {STATE} ! -user smime-gateway", code=0).out == ""
    with mail(there) as moved:
        arriving = encrypted(head(message_id="<moved@customer.example>"), support)
        assert moved.submit(10024, arriving, SUPPORT, sender=CUSTOMER).code == 250
        (opened,) = moved.mailbox.by_id("<moved@customer.example>")
    assert SECRET in opened.content


def test_nothing_is_left_after_the_uninstallation(machine: Machine) -> None:
    with UNINSTALL.on(machine) as tell:
        tell.rest()
    places = "/etc /opt /run /usr/bin /usr/lib /usr/local /var/lib"
    assert machine.run(f"find {places} -path /run/packages -prune -o -iname '*smime*gateway*' -print").out == ""
    machine.run("id smime-gateway", code=1)
    assert "smime-gateway" not in machine.run("systemctl list-unit-files --no-pager", code=0).out


@long
def test_it_runs_without_systemd(machine: Machine, servers: Mail, support: Issued) -> None:
    """``serve`` in a root shell: it becomes the owner of the state directory, and ends in order."""
    program(machine)
    with BY_HAND.on(machine) as tell:
        tell.rest()
    machine.write(CONFIGURATION, smallest())
    machine.run(
        "chmod 640 /etc/smime-gateway/gateway.yaml; chgrp smime-gateway /etc/smime-gateway/gateway.yaml", code=0
    )
    machine.run("smime-gateway import /root/support.pem", code=0)
    with machine.following("exec smime-gateway serve") as lines:
        lines.line("ready")
        users = machine.run("ps -C smime-gateway,gateway-worker -o user=", code=0).out.split()
        assert set(users) == {"smime-gateway"}
        arriving = encrypted(head(message_id="<by-hand@customer.example>"), support)
        assert servers.submit(10024, arriving, SUPPORT, sender=CUSTOMER).code == 250
        (opened,) = servers.mailbox.by_id("<by-hand@customer.example>")
    assert SECRET in opened.content
    assert machine.run(f"find {STATE} ! -user smime-gateway", code=0).out == ""


@long
def test_the_version_before_is_upgraded(machines: Callable[[], Machine], support: Issued) -> None:
    """From the commit before the newest migration, with a store of that time; then its key becomes a credential."""
    machine = machines()
    machine.run("mkdir /srv/before && tar -C /srv/before -x", given=before(), code=0)
    origin = repository(machine, "/srv/before")
    machine.run(f"git clone -q {origin} /root/smime-gateway", code=0)
    install(machine, smallest(), "/root/smime-gateway")
    build = next(line for line in INSTALLATION["1. Install"].lines if line.endswith("--no-deps ."))
    machine.run(build, code=0)
    put(machine, "support.pem", support.pem(), support.key_pem())
    machine.run("smime-gateway import /root/support.pem && systemctl enable smime-gateway", code=0)
    repository(machine)
    with UPGRADE.on(machine) as tell:
        tell.rest()
    assert active(machine) == "active"
    assert machine.run("ls /opt/smime-gateway/lib/python3*/site-packages/gateway/house.py").code != 0
    assert fingerprint(support) in machine.run("smime-gateway cert list --with-key", code=0).out
    with TAKEOVER.on(machine) as tell:
        tell.rest()
    assert active(machine) == "active"
    assert "start the service" not in machine.run("smime-gateway key list", code=0).err
    assert "kek" not in machine.run(f"ls {STATE}", code=0).out


def before() -> bytes:
    """An archive of this project as it was before the newest migration of the store."""
    versions = "gateway/store/migrations/versions"
    newest = _git("log", "-1", "--format=%H", "--diff-filter=A", "--", versions).decode().strip()
    if not newest or _git("rev-parse", "--is-shallow-repository").strip() == b"true":
        pytest.skip("needs the history")
    return _git("archive", f"{newest}^")


def _git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False).stdout
