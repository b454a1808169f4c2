"""The stage of the demonstration: a throw-away authority, a receiving server, and the daemon as a process of its own.

Certificates are made by the ``openssl`` command, so that nothing of ours vouches for itself.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.errors import Fault
from gateway.reply import EnhancedCode, reply

HELPDESK = "support@example.org"
CUSTOMER = "alice@example.com"
STRANGER = "bob@example.net"
"""Somebody whose certificate nobody has."""
PEOPLE = {"helpdesk": HELPDESK, "renewed": HELPDESK, "customer": CUSTOMER}
"""Whose certificates there are; ``renewed`` is the helpdesk's next one."""
PATIENCE = 30.0

_EXTENSIONS = """
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[mail]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = emailProtection
subjectAltName = email:{address}
"""


def openssl(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one ``openssl`` command in ``folder`` and return what it printed; the caller looks at the exit code."""
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)


def make_authority(folder: Path) -> None:
    """Make ``ca.pem`` and, for everyone in ``PEOPLE``, ``NAME.pem`` and ``NAME.key``. Raises ``Fault``."""
    (folder / "ca.cnf").write_text(_EXTENSIONS.format(address=HELPDESK))
    _make(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
          "-subj", "/O=Demonstration/CN=Throw-away root", "-days", "2",
          "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    for name, address in PEOPLE.items():
        (folder / f"{name}.cnf").write_text(_EXTENSIONS.format(address=address))
        _make(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
              "-subj", f"/O=Demonstration/CN={name}")  # fmt: skip
        _make(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
              "-days", "1", "-extfile", f"{name}.cnf", "-extensions", "mail", "-out", f"{name}.pem")  # fmt: skip


def _make(folder: Path, *arguments: str) -> None:
    done = openssl(*arguments, folder=folder)
    if done.returncode != 0:
        raise Fault(f"openssl {arguments[0]} failed: {done.stderr.strip().splitlines()[-1:]}")


class Mailbox:
    """A small SMTP server on loopback that keeps what it receives: the next hop."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port(), ident="Demonstration mail server")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._controller.port)

    def start(self) -> None:
        """Listen."""
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()

    def wait(self, number: int) -> bytes:
        """Wait for message ``number``, the first being 1, and return it. Raises ``Fault``."""
        deadline = time.monotonic() + PATIENCE
        while len(self.received) < number and time.monotonic() < deadline:
            time.sleep(0.05)
        if len(self.received) < number:
            raise Fault("the next hop received nothing")
        return self.received[number - 1]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep one message."""
        self.received.append(bytes(envelope.original_content or b""))
        return str(reply(250, EnhancedCode.OTHER, f"Ok: queued as DEMO{len(self.received)}"))


class Daemon:
    """``smime-gateway serve`` as a process, from start to clean stop."""

    def __init__(self, config: Path, port: int, log: Path) -> None:
        self._config = config
        self._port = port
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str | Path) -> list[str]:
        """Return a command line of ours with this configuration."""
        return [sys.executable, "-m", "gateway", "-c", str(self._config), *map(str, arguments)]

    def run(self, *arguments: str | Path) -> str:
        """Run one of our commands and return what it printed. Raises ``Fault`` when it fails."""
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Fault(f"smime-gateway {arguments[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start it and wait until its door answers. Raises ``Fault``."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self.command("serve"), stderr=log, stdout=log)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        raise Fault(f"the daemon did not start: {self._log.read_text().strip()}")

    def stop(self) -> int | None:
        """Ask it to drain and return its exit code; None: it was not running."""
        if self._process is None or self._process.poll() is not None:
            return None
        os.kill(self._process.pid, signal.SIGTERM)
        return self._process.wait(PATIENCE)


def free_port() -> int:
    """Return a port on loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_answer(folder: Path, to: str, text: str, message_id: str) -> bytes:
    """Return a customer's answer, signed, and encrypted to ``to``.pem, by ``openssl``. Raises ``Fault``."""
    (folder / "answer.txt").write_bytes(b"Content-Type: text/plain\r\n\r\n" + text.encode() + b"\r\n")
    _make(folder, "cms", "-sign", "-in", "answer.txt", "-signer", "customer.pem", "-inkey", "customer.key",
          "-out", "answer.p7s.eml")  # fmt: skip
    _make(folder, "cms", "-encrypt", "-aes-256-gcm", "-in", "answer.p7s.eml", "-out", "answer.p7m.eml", f"{to}.pem")
    sealed = (folder / "answer.p7m.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head = (
        f"From: Alice <{CUSTOMER}>\r\nTo: Support <{HELPDESK}>\r\nSubject: Re: [Ticket#1042] Your printer\r\n"
        f"Message-ID: <{message_id}>\r\nX-SMIME-Gateway-Signature: pass; signer=forged@example.com\r\n"
    )
    return head.encode() + sealed


def configuration(state: Path, doors: dict[str, int], next_hop: int) -> dict[str, Any]:
    """Return a configuration with a door for each direction and one group that signs, and encrypts where it can."""
    listeners = [
        {
            "name": direction,
            "direction": direction,
            "listen": f"127.0.0.1:{port}",
            "next_hop": f"127.0.0.1:{next_hop}",
        }
        for direction, port in doors.items()
    ]
    group = {"name": "support", "addresses": [HELPDESK], "sign": "required", "encrypt": "if-possible"}
    return {
        "hostname": "gw.example.org",
        "state": str(state),
        "workers": 1,
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
        "listeners": listeners,
        "groups": [group],
    }


def shown(command: Sequence[str | Path]) -> str:
    """Return a command line as a reader would type it."""
    return " ".join(["smime-gateway", *map(str, command)])
