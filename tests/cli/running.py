"""Runs the command in this process, on a configuration and a state directory of its own."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.command import run
from tests.stores import ready


@dataclass(frozen=True)
class Run:
    """What one command line gave: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> Sequence[str]:
        """The lines of standard output."""
        return self.out.splitlines()


class Command:
    """``smime-gateway -c FILE …``"""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], configuration: str = "") -> None:
        self.folder = folder
        self.state = ready(folder / "state")
        self._capsys = capsys
        self._file = folder / "gateway.yaml"
        self._file.write_text(f"state: {self.state}\nhostname: gw.example.org\n{configuration}")

    def __call__(self, *arguments: object) -> Run:
        self._capsys.readouterr()
        code = run(["-c", str(self._file), *map(str, arguments)])
        captured = self._capsys.readouterr()
        return Run(code, captured.out, captured.err)

    def put(self, name: str, *parts: bytes) -> Path:
        """Write a file to import."""
        path = self.folder / name
        path.write_bytes(b"".join(parts))
        return path


def on_terminal(command: Command, *arguments: object, answers: bytes) -> tuple[int, str, bytes]:
    """Run it in a process of its own, on a terminal; exit code, standard output, and what the terminal showed."""
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "gateway", "-c", str(command.folder / "gateway.yaml"), *map(str, arguments)]
    process = subprocess.Popen(  # a session of its own: getpass(3) asks the controlling terminal, else standard error
        line, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    shown = b""
    for answer in answers.splitlines(keepends=True):
        while not shown.rstrip().endswith(b":"):
            shown += os.read(ours, 1024)
        os.write(ours, answer)
        shown += b"|"
    out, _ = process.communicate(timeout=60)
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # the other side has closed
            break
    os.close(ours)
    return process.returncode, out.decode(), shown
