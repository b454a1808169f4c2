"""A supervisor in a process of its own over posts whose work a test writes; what they say is read line by line."""

import logging
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from gateway.config import Options, parse
from gateway.errors import Fault
from gateway.mailflow.poison import Suspects
from gateway.processes.child import BEAT, Child, Post
from gateway.processes.supervisor import Superior, Supervisor
from tests.e2e.daemon import poll

Say = Callable[[str], None]
Work = Callable[[Child, Say], None]


def named(revision: int) -> Options:
    """A configuration that can be told from others, with a short drain."""
    return parse(f"hostname: r{revision}.example.org\ndrain: 1s\n")


class Told:
    """A superior that says what it hears; every HUP brings the next revision, ``bad`` ones none."""

    def __init__(self, say: Say, bad: int = 0) -> None:
        self._say = say
        self._bad = bad
        self._revision = 1

    def fileno(self) -> int:
        return -1

    def receive(self) -> Options | None:
        self._revision += 1
        if self._revision != self._bad:
            return named(self._revision)
        self._say(f"bad r{self._revision}")
        return None

    def ready(self) -> None:
        self._say("ready")

    def alive(self) -> None:
        self._say("alive")

    def adopted(self, well: bool) -> None:
        self._say(f"adopted {well}")

    def stopping(self) -> None:
        self._say("stopping")


class Crew:
    """The supervisor of some posts, of which ``last`` is asked to end last; ``superior`` is made in its process."""

    def __init__(self, folder: Path, *posts: tuple[str, Work], superior: Callable[[Say], Superior] = Told) -> None:
        self._folder = folder
        self._said = folder / "said"
        self._said.touch()
        (folder / "log").touch()
        self._posts = posts
        self._superior = superior
        self.code: int | None = None
        self.pid = 0

    def __enter__(self) -> Self:
        self.pid = os.fork()
        if self.pid == 0:
            self._supervise()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        poll(lambda: all(map(gone, self.pids())), message="the children stayed")

    def _supervise(self) -> None:
        code = 70
        try:
            os.setsid()
            log = os.open(self._folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
            logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s", force=True)
            posts = [
                Post(name, lambda child, work=work: self.be(child, work), last=name == "last")  # type: ignore[misc]
                for name, work in self._posts
            ]
            suspects = Suspects(self._folder / "suspects")
            Supervisor(posts, named(1), self._superior(self.say), suspects, margin=1.0).run()
            code = 0
        except Fault as fault:
            logging.error("%s", fault)
            code = 75
        finally:
            os._exit(code)

    def be(self, child: Child, work: Work) -> None:
        """Be a child: say so, then work."""
        self.say(f"pid {os.getpid()}")
        work(child, self.say)

    def say(self, text: str) -> None:
        """Say a line; lines of several processes do not mix."""
        descriptor = os.open(self._said, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, text.encode() + b"\n")
        os.close(descriptor)

    # -- for the test -------------------------------------------------------------------------------------------

    def said(self, text: str = "") -> list[str]:
        """The lines that begin so."""
        return [line for line in self._said.read_text().splitlines() if line.startswith(text)]

    def await_(self, text: str, count: int = 1) -> list[str]:
        """Wait for so many such lines."""
        return (
            poll(
                lambda: found if len(found := self.said(text)) >= count else None,
                message=f"{text!r} was not said {count} times: {self.said()} {self.log}",
            )
            or []
        )

    @property
    def log(self) -> str:
        """What was logged."""
        return (self._folder / "log").read_text()

    def pids(self) -> list[int]:
        """Every child that ever was, oldest first."""
        return [int(line.split()[1]) for line in self.said("pid ")]

    def signal(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        os.kill(self.pid, number)

    def ended(self) -> bool:
        """Whether the supervisor has ended; ``code`` is then its exit code."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        poll(self.ended, message="the supervisor stayed")
        assert self.code is not None
        return self.code

    def kill(self) -> None:
        """End the supervisor at once."""
        if not self.ended():
            self.signal(signal.SIGKILL)
            self.wait()


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    return True


def attend(child: Child, adopt: Callable[[Options], None]) -> None:
    """Give signs of life and adopt what comes, until the supervisor is gone."""
    going_on = True
    while going_on:
        child.alive()
        if select.select([child], [], [], BEAT)[0]:
            going_on = child.hear(adopt)


def serving(child: Child, say: Say) -> None:
    """Be a good child: take over every configuration, end when the supervisor is gone."""
    say(f"serving {child.options.hostname}")
    attend(child, lambda options: say(f"took {options.hostname}"))
