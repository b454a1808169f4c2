"""A milter in processes of its own, as the daemon runs it: one socket, two processes, an engine that a test chooses.

What the engine does stands in the subject of each mail, so that a test needs no way into these processes.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.milter.client import ACTIONS, OFFERED, Gone, MailServer
from tests.tools import require_pymilter


def command(folder: Path, processes: int = 2, limit: int = 1_000_000) -> list[str]:
    """The command line of such a milter."""
    words = (folder / "milter.sock", folder / "reports", processes, limit)
    return [sys.executable, "-m", "tests.milter.scripted", *map(str, words)]


class Milter:
    """The processes behind a socket; ``reports`` are the lines they wrote, one a message."""

    def __init__(self, folder: Path, processes: int = 2, limit: int = 1_000_000) -> None:
        self.socket = folder / "milter.sock"
        self._reports = folder / "reports"
        self._reports.touch()
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command(folder, processes, limit), stderr=log)
        self._log = folder / "log"
        self._await(processes)

    def _await(self, processes: int) -> None:
        deadline = time.monotonic() + 30
        while True:
            assert self._process.poll() is None, self.log
            with suppress(OSError, Gone):
                MailServer(self.socket).__exit__()
                if len(self.processes) == processes:
                    return
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def reports(self) -> list[str]:
        return self._reports.read_text().splitlines()

    @property
    def processes(self) -> list[int]:
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def connect(self, offered: int = OFFERED, actions: int = ACTIONS) -> MailServer:
        return MailServer(self.socket, offered, actions)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self._process.wait(30)

    def kill(self) -> None:
        if self._process.poll() is None:
            for pid in (self._process.pid, *self.processes):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait(30)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a socket's name has 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="milter-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def scripted(folder: Path) -> Iterator[Milter]:
    require_pymilter()
    milter = Milter(folder)
    yield milter
    milter.kill()
