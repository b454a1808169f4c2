"""What the stories' machines have: where the source comes from, the gateway as the documentation installs it, mail."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.authority import Issued
from tests.e2e.client import Answer, submit
from tests.e2e.documents import block, sections
from tests.e2e.machine import CHECKOUT, PACKAGES, Machine
from tests.e2e.sink import Sink

long = pytest.mark.skipif(not os.environ.get("CI"), reason="takes long: .ci/run does it, or CI=1")
SUPPORT, CUSTOMER = "support@example.org", "customer@example.net"
CONFIGURATION = "/etc/smime-gateway/gateway.yaml"
STATE = "/var/lib/smime-gateway"
INSTALLATION = {section.heading: section for section in sections("docs/installation.md")}
_COPY = (
    "tar -C {source} --exclude=.git --exclude=.venv --exclude=build --exclude='*.egg-info' -c . | tar -C {target} -x"
)
_COMMIT = (
    "git -C {target} add -A && git -C {target} -c user.name=story -c user.email=story@example.org commit -qm {text}"
)
_SCRIPTS = {
    "smime-gateway": "from gateway.cli import main\nmain()\n",
    "pip": "import sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n",
}


def repository(machine: Machine, source: str = CHECKOUT, target: str = "/srv/repository") -> str:
    """Commit what ``source`` holds into a repository of the machine's, made now where there is none; its folder."""
    script = f"git init -q {target} && rm -rf {target}/* && " + _COPY + " && " + _COMMIT
    machine.run(script.format(source=source, target=target, text="source"), code=0)
    return target


def offer_packages(machine: Machine, environment: str = "/opt/smime-gateway") -> None:
    """Let a new environment find what pip would fetch: the tests' own packages, which the locks name."""
    (libraries,) = machine.path(f"{environment}/lib").glob("python3*/site-packages")
    (libraries / "packages.pth").write_text(f"import sys; sys.path.insert(0, {PACKAGES!r})\n")


def program(machine: Machine, source: str = CHECKOUT) -> None:
    """The program alone, as pip would install it; without pip, which takes its time."""
    machine.run(f"cd {source} && umask 022 && python3 -m venv --without-pip /opt/smime-gateway", code=0)
    offer_packages(machine)
    machine.run("cp -r gateway /opt/smime-gateway/lib/python3*/site-packages/", code=0)
    for name, text in _SCRIPTS.items():
        machine.write(f"/opt/smime-gateway/bin/{name}", f"#!/opt/smime-gateway/bin/python\n{text}")
        machine.run(f"chmod 755 /opt/smime-gateway/bin/{name}", code=0)
    machine.run("ln -sf /opt/smime-gateway/bin/smime-gateway /usr/local/bin/", code=0)


def install(machine: Machine, configuration: str, source: str = CHECKOUT) -> None:
    """What docs/installation.md leaves behind before the first start, without a credential."""
    program(machine, source)
    for heading in ("1. Install", "2. Configure", "4. Start"):
        for line in INSTALLATION[heading].lines:
            if line.startswith(("install ", "systemd-", "systemctl daemon-reload")):
                machine.run(line, code=0)
    machine.write(CONFIGURATION, configuration)


def smallest() -> str:
    """The gateway.yaml of the README, as it stands there."""
    return block("README.md", "Put it in front of Postfix, in a dozen lines", "yaml")


@dataclass
class Mail:
    """Who takes the machine's mail: the mailbox server behind the inbound door, and the world behind Postfix."""

    machine: Machine
    mailbox: Sink
    world: Sink

    def submit(self, port: int, content: bytes, *recipients: str, sender: str = SUPPORT) -> Answer:
        """Send one message to a port of the machine."""
        with self.machine.network():
            return submit(port, content, *recipients, sender=sender)


@contextmanager
def mail(machine: Machine, world: int = 10026) -> Iterator[Mail]:
    """Both servers; ``world`` is the port of the second one (10026: there is no Postfix, the gateway talks to it)."""
    with machine.network():
        servers = Mail(machine, Sink(25).start(), Sink(world).start())
    yield servers
    servers.mailbox.stop()
    servers.world.stop()


def put(machine: Machine, name: str, *parts: bytes) -> str:
    """Write a file into root's home; its name."""
    machine.write(f"/root/{name}", b"".join(parts))
    return name


def active(machine: Machine) -> str:
    """What systemd says of the service."""
    return machine.run("systemctl is-active smime-gateway").out.strip()


def fingerprint(issued: Issued) -> str:
    """The beginning of a certificate's fingerprint, enough for any command."""
    return issued.certificate.fingerprint[:16]
