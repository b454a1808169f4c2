"""Mail readers that helpdesks are built on, as judges: what they show of a message, and whom they take for its author.

Each is one small program that reads a message a line and answers in a line, so a process serves many messages::

    with open_reader("ruby") as ruby:
        read = ruby.read(message)      # bytes, CRLF
        read.shown                     # a tuple of readings, each a tuple of ``Leaf(type, name, body)``
        read.authors                   # a tuple of readings, each a tuple of addresses; () is nobody
        ruby.read(b"From: " + value + b"\r\n\r\n").authors

There are several readings: with CRLF and, as from a pipe, with LF; raw and decoded first; by old and new interface.
Somebody uses each of them, so all must agree. ``readers`` in conftest.py is a fixture with all of them.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.tools import missing

FOLDER = Path(__file__).parent
MODULES = Path(sys.prefix) / "readers" / "node_modules"
"""Where ``.ci/readers`` installs what Node.js needs."""

COMMANDS = {
    "ruby": ("ruby", "ruby.rb"),
    "perl": ("perl", "perl.pl"),
    "php": ("php", "php.php"),
    "node": ("node", "node.js"),
    "python": (sys.executable, "python.py"),
}


class Leaf(NamedTuple):
    """A part that is no multipart; ``body`` is decoded."""

    type: str
    name: str | None
    body: bytes


class Read(NamedTuple):
    """What one reader made of a message, in all its readings."""

    shown: tuple[tuple[Leaf, ...], ...]
    authors: tuple[tuple[str, ...], ...]


class Reader:
    """One running reader."""

    def __init__(self, name: str, process: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.process = process

    def read(self, message: bytes) -> Read:
        """Read a message whose lines end in CRLF; as it is and with LF."""
        answers = [self._ask(message), self._ask(message.replace(b"\r\n", b"\n"))]
        shown = [tuple(map(_leaf, leaves)) for answer in answers for leaves in answer["shown"]]
        authors = [tuple(found) for answer in answers for found in answer["authors"]]
        return Read(tuple(shown), tuple(authors))

    def _ask(self, message: bytes) -> dict[str, list[list[str]]]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(base64.b64encode(message) + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended: {message!r}"
        answer: dict[str, list[list[str]]] = json.loads(line.decode("utf-8", "replace"))
        return answer


def _leaf(leaf: list[str]) -> Leaf:
    kind, name, body = leaf
    return Leaf(kind.lower(), name, base64.b64decode(body))


@contextmanager
def open_reader(name: str) -> Iterator[Reader]:
    """Run the reader ``name`` of ``COMMANDS``; leaves the test where it is not installed."""
    command, script = COMMANDS[name]
    if not shutil.which(command):
        missing(f"the {command} command")
    environment = {**os.environ, "NODE_PATH": str(MODULES), "PYTHONIOENCODING": "utf-8"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [command, str(FOLDER / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
        )
        with process:
            assert process.stdin and process.stdout
            try:
                if process.stdout.readline() != b"ready\n":
                    missing(f"a library of the mail reader {name}")
                yield Reader(name, process)
            finally:
                process.stdin.close()
                process.kill()
