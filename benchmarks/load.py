"""Postfix's load generator and sink: ``smtp-source`` sends, ``smtp-sink`` takes and throws away."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from benchmarks.ratio import NotMeasured
from gateway.cli.demo.stage import free_port

SBIN = "/usr/sbin:/usr/local/sbin:/usr/bin"
PATIENCE = 120.0


def program(name: str) -> str:
    """Return where a program is. Raises ``NotMeasured``."""
    found = shutil.which(name) or shutil.which(name, path=SBIN)
    if found is None:
        raise NotMeasured(f"{name} is missing (package postfix)" if name.startswith("smtp-") else f"{name} is missing")
    return found


def send(port: int, messages: int, sender: str, *source: str, sessions: int = 10) -> float:
    """Send messages and return how many seconds it took; ``source`` are further arguments of smtp-source.

    Raises ``NotMeasured`` unless it ends with 0: it stops at the first message that is not taken.
    """
    command = [program("smtp-source"), "-s", str(sessions), "-m", str(messages), "-f", sender, *source]
    command += ["-t", "alice@example.com", "-M", "helpdesk.example.org", f"127.0.0.1:{port}"]
    started = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotMeasured(f"smtp-source did not come to its end in {PATIENCE:.0f} seconds") from error
    if done.returncode != 0:
        raise NotMeasured(f"smtp-source ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return time.perf_counter() - started


class Sink:
    """An smtp-sink on loopback, from ``with`` to its end."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        as_user = ["-u", "postfix"] if os.geteuid() == 0 else []
        if as_user and "postfix" not in (entry.pw_name for entry in pwd.getpwall()):
            raise NotMeasured("smtp-sink needs the user postfix when it is started by root")
        command = [program("smtp-sink"), *as_user, "-h", "sink.example.org", f"127.0.0.1:{self.port}", "1024"]
        self._process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(self.port)

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)


def await_port(port: int) -> None:
    """Return when somebody listens there. Raises ``NotMeasured`` after ten seconds."""
    _await(socket.AF_INET, ("127.0.0.1", port))


def await_socket(path: Path) -> None:
    """Return when somebody listens at that path. Raises ``NotMeasured`` after ten seconds."""
    _await(socket.AF_UNIX, str(path))


def _await(family: socket.AddressFamily, address: tuple[str, int] | str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket(family) as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.02)
    raise NotMeasured(f"nothing listens at {address} after ten seconds")
