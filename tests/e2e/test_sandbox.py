"""The daemon under its own systemd unit, as far as one process can do to itself what systemd would (row KEY-09)."""

import base64
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway.mail.arrival import digest
from tests.e2e import sandbox
from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE, People
from tests.e2e.daemon import PLAIN, SUPPORT, Daemon, poll
from tests.e2e.sink import Sink
from tests.letters import SECRET, encrypted, head
from tests.tools import missing

ROOT = Path(__file__).parents[2]
UNIT, DROP_IN = ROOT / "systemd/smime-gateway.service", ROOT / "config/postfix/milter/systemd.conf"
USER, POSTFIX = 64099, 64098
"""A user of our own and the group that stands for Postfix's; neither has a name here."""


class Sandboxed(Daemon):
    """A daemon that runs under the unit; so do its commands."""

    def __init__(self, hops: dict[str, int]) -> None:
        super().__init__(hops, key_encryption_key="credential:kek", workers=2)
        self.sockets = self.folder / "sockets"
        self.notify = self.folder / "notify"
        milters = [{"name": "mx", "direction": "inbound", "listen": f"unix:{self.sockets}/mx.sock", "mode": "0660"}]
        document = yaml.safe_load((self.folder / "gateway.yaml").read_text()) | {"milters": milters}
        (self.folder / "gateway.yaml").write_text(yaml.safe_dump(document))
        self.folder.chmod(0o755)
        self._own("state", 0o700, USER)
        self._own("runtime", 0o700, USER)
        self._own("sockets", 0o2750, POSTFIX)
        self._own("credentials", 0o500, USER)
        key = self.folder / "credentials" / "kek"
        key.write_text(base64.b64encode(os.urandom(32)).decode() + "\n")
        os.chown(key, USER, USER)
        key.chmod(0o400)

    def _own(self, name: str, mode: int, group: int) -> None:
        folder = self.folder / name
        folder.mkdir()
        os.chown(folder, USER, group)
        folder.chmod(mode)

    def command(self, *arguments: str | Path) -> list[str]:
        box = [sys.executable, "-m", "tests.e2e.sandbox", str(UNIT), str(DROP_IN), "--"]
        return box + super().command(*arguments)


@pytest.fixture(scope="module")
def sink_here() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture(scope="module")
def boxed(sink_here: Sink, people: People) -> Iterator[Sandboxed]:
    if tool := sandbox.missing_tool():
        missing(tool)
    if not sandbox.possible():
        pytest.skip("needs root and namespaces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/var/lib")  # /tmp is another one inside
        with Sandboxed({"outbound": sink_here.port, "inbound": sink_here.port}) as daemon:
            patch.setenv("SANDBOX_UID", str(USER))
            patch.setenv("SANDBOX_WRITABLE", f"{daemon.folder}/state:{daemon.folder}/runtime:{daemon.sockets}")
            patch.setenv("RUNTIME_DIRECTORY", f"{daemon.folder}/runtime")
            patch.setenv("CREDENTIALS_DIRECTORY", f"{daemon.folder}/credentials")
            patch.setenv("WATCHDOG_USEC", "2000000")
            daemon.import_(*people.files())
            before = os.umask(0)  # systemd's notify socket is open to all
            daemon.start()
            os.umask(before)
            yield daemon


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_key_09_every_directive_is_accounted_for() -> None:
    """KEY-09: whatever stands in the unit is either applied by the sandbox, or said why not."""
    there = set(sandbox.directives(UNIT, DROP_IN))
    known = set(sandbox.EXERCISED) | set(sandbox.LEFT_OUT)
    assert there <= known
    assert known - there <= {"ReadWritePaths"}


def test_key_09_no_process_has_a_privilege(boxed: Sandboxed) -> None:
    for pid in (boxed.pid, *boxed.workers, *boxed.children("metrics"), *boxed.children("milter")):
        found = status(pid)
        assert found["Uid"].split() == [str(USER)] * 4
        assert found["Gid"].split() == [str(USER)] * 4
        assert found["Groups"] == ""
        assert {int(found[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert found["NoNewPrivs"] == "1"
        assert found["Seccomp"] == "2"
        assert found["Seccomp_filters"] == "2"
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
        assert re.search(r"Max open files +8192 +8192 ", limits)


def test_key_09_mail_goes_through(boxed: Sandboxed, sink_here: Sink, people: People) -> None:
    """Signed and encrypted on its way out, opened on its way in, with a key from the credential."""
    out = letter(to=ALICE)
    assert submit(boxed.doors["outbound"], out.content, ALICE).code == 250
    (sent,) = sink_here.by_id(out.id)
    assert (sent.field("content-type") or b"").startswith(b"application/pkcs7-mime")
    arriving = encrypted(head(message_id="<sandbox@customer.example>"), people.issued[SUPPORT])
    assert SECRET not in arriving
    assert submit(boxed.doors["inbound"], arriving, SUPPORT, sender=ALICE).code == 250
    (opened,) = sink_here.by_id("<sandbox@customer.example>")
    assert SECRET in opened.content
    poll(lambda: "sandbox@customer.example" in boxed.run("log", "--json"), message="no record in the store")


def test_dec_10_a_suspect_can_be_tried_alone(boxed: Sandboxed, sink_here: Sink) -> None:
    """A process is started for it; it comes through, and is suspected no more."""
    suspect = letter(to=ALICE)
    (folder,) = (boxed.folder / "runtime").glob("*/suspects")
    note = folder / digest(suspect.content).hex()
    note.write_bytes(b"x")
    assert submit(boxed.doors["outbound"], suspect.content, ALICE).code == 250
    assert len(sink_here.by_id(suspect.id)) == 1
    assert not note.exists()
    assert "strike" not in boxed.log


def test_key_09_the_milters_socket_is_postfixs(boxed: Sandboxed) -> None:
    """The folder's setgid bit gives it the group, though the daemon is not in it."""
    path = boxed.sockets / "mx.sock"
    found = poll(lambda: path.stat() if path.exists() else None, message="no socket")
    assert found is not None
    assert stat.S_ISSOCK(found.st_mode)
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (USER, POSTFIX, 0o660)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF))
        assert client.recv(5)[4:] == b"O"


def test_key_09_systemds_own_verbs(boxed: Sandboxed) -> None:
    """Watchdog, ``ExecReload`` as the service's user, a worker killed and replaced; at last a stop."""
    boxed.notify.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(boxed.notify))
        boxed.notify.chmod(0o777)
        listening.settimeout(30)
        poll(lambda: listening.recv(1000) == b"WATCHDOG=1")
        (reload,) = sandbox.directives(UNIT)["ExecReload"]
        command = reload.replace("$MAINPID", str(boxed.pid)).split()
        subprocess.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command], check=True)
        poll(lambda: listening.recv(1000).startswith(b"RELOADING=1\n"))
        poll(lambda: listening.recv(1000) == b"READY=1")
    assert "reload: done" in boxed.log
    before = boxed.workers
    os.kill(before[0], signal.SIGKILL)
    poll(lambda: len(boxed.workers) == 2 and before[0] not in boxed.workers, message="nobody took its place")
    port = boxed.doors["outbound"]
    poll(lambda: submit(port, letter(sender=PLAIN).content, sender=PLAIN).code == 250)
    assert boxed.stop() == 0
    assert "Operation not permitted" not in boxed.log
