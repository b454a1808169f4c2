"""The daemon as an administrator runs it: ``python -m gateway -c FILE serve``, a process group of its own, free ports.

Its store is in a throw-away folder; it is ready when it says so by the sd_notify protocol, as under systemd.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml

PATIENCE = 30.0
SUPPORT, STRICT, PLAIN = "support@example.org", "strict@example.org", "plain@example.org"
GROUPS = [
    {"name": "support", "addresses": [SUPPORT], "sign": "required", "encrypt": "if-possible"},
    {"name": "strict", "addresses": [STRICT], "sign": "required", "encrypt": "required"},
    {"name": "plain", "addresses": [PLAIN], "sign": "never", "encrypt": "never"},
]
T = TypeVar("T")


def poll(what: Callable[[], T], seconds: float = PATIENCE, message: str = "it did not come") -> T:
    """Ask again and again until the answer is true, and return it; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < deadline, message
        time.sleep(0.02)
    return answer


def free_port() -> int:
    """Return a port on loopback that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _name(pid: str) -> str:
    """What ``ps`` calls a process; empty: it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


class Daemon:
    """One gateway. ``hops`` maps a door's name to its next hop's port; a name with "inbound" in it is that way."""

    def __init__(self, hops: dict[str, int], **options: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="smime-gateway-e2e-"))
        self.hops = hops
        self.doors = {name: free_port() for name in hops}
        self.metrics = free_port()
        self._config = self.folder / "gateway.yaml"
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._group = 0
        listeners = [
            {
                "name": name,
                "direction": "inbound" if "inbound" in name else "outbound",
                "listen": f"127.0.0.1:{self.doors[name]}",
                "next_hop": f"127.0.0.1:{hop or self.doors[name]}",
            }
            for name, hop in hops.items()
        ]
        document = {
            "hostname": "gw.example.org",
            "state": str(self.folder / "state"),
            "workers": 2,
            "metrics": {"listen": f"127.0.0.1:{self.metrics}"},
            "admin": {"listen": None},
            "listeners": listeners,
            "groups": GROUPS,
            "internal": {"addresses": ["journal@example.org"]},
            "log": {"format": "json"},
        } | options
        self._config.write_text(yaml.safe_dump(document))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    # -- as a process -------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers alive."""
        return self.children("worker")

    def children(self, name: str) -> list[int]:
        """The process ids of the supervisor's children with that word in their name."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if name in _name(pid)]

    def start(self) -> Self:
        """Start it and wait until it says that it is ready; returns itself."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self._log.open("ab") as log:
            path = self.folder / "notify"
            path.unlink(missing_ok=True)
            ready.bind(str(path))
            ready.settimeout(0.1)
            self._process = subprocess.Popen(
                self.command("serve"),
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"RUNTIME_DIRECTORY": str(self.folder)} | os.environ | {"NOTIFY_SOCKET": str(path)},
            )
            self._group = self._process.pid
            poll(lambda: self._said_ready(ready), message="the daemon did not become ready")
        return self

    def _said_ready(self, channel: socket.socket) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the daemon did not start: {self.log[-3000:]}"
        try:
            return channel.recv(100) == b"READY=1"
        except TimeoutError:
            return False

    def stop(self) -> int:
        """Ask it to drain; return its exit code."""
        self.terminate()
        return self.wait()

    def terminate(self) -> None:
        """Send SIGTERM to the supervisor."""
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Return its exit code when it has ended."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """End the whole process group at once, as a power failure would."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._group, signal.SIGKILL)
        self._process.wait(PATIENCE)
        # The workers are not our children: they are gone when their group is.
        poll(self._group_is_gone)

    def _group_is_gone(self) -> bool:
        try:
            os.killpg(self._group, 0)
        except ProcessLookupError:
            return True
        return False

    # -- as a command line --------------------------------------------------------------------------------------

    def command(self, *arguments: str | Path) -> list[str]:
        """A command line of ours with this configuration."""
        return [sys.executable, "-m", "gateway", "-c", str(self._config), *map(str, arguments)]

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        """Run a command to its end, which must be ``code``; return what it printed."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=3 * PATIENCE, check=False
        )
        assert done.returncode == code, f"{arguments[0]}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def import_(self, *contents: bytes) -> str:
        """Import these files."""
        paths = []
        for number, content in enumerate(contents):
            paths.append(self.folder / f"import-{number}")
            paths[-1].write_bytes(content)
        return self.run("import", *paths)

    # -- what it says -------------------------------------------------------------------------------------------

    @property
    def log(self) -> str:
        """All it logged."""
        return self._log.read_text()

    def records(self, message_id: str) -> list[dict[str, Any]]:
        """The records of one message so far, read from the log."""
        lines = [line for line in self.log.splitlines() if line.startswith("{")]
        return [document for document in map(json.loads, lines) if document.get("message_id") == message_id]

    def record(self, message_id: str) -> dict[str, Any]:
        """The one record of a message; waits for it."""
        records: Sequence[dict[str, Any]] = poll(
            lambda: self.records(message_id), message=f"no record: {self.log[-3000:]}"
        )
        assert len(records) == 1
        return records[0]
