"""How far a reader has to walk: what one message passes through, counted. ``python -m tests.stations`` prints it.

One 10 kB mail each way (signed and encrypted) goes through a real daemon whose worker counts, from the client's
greeting to the line in the journal, the functions of the package that it enters; one that goes on after an ``await``
or a ``yield`` is not entered again, and comprehensions are part of the function around them. Of several runs the
quietest counts, for the worker's heartbeat falls into some of them. Caches are warm, as for all mail but the first.
"""

import ast
import os
import smtplib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dis import get_instructions
from itertools import pairwise
from pathlib import Path
from signal import SIGUSR1, signal
from types import CodeType, FrameType

import gateway
from gateway.cli import main as command
from tests.authority import Authority
from tests.e2e.client import letter
from tests.e2e.daemon import SUPPORT, Daemon, poll
from tests.e2e.sink import Sink
from tests.letters import encrypted, head, signed

ROOT = Path(gateway.__file__).parent
ALICE = "alice@customer.example"
BODY = b"The printer on the third floor is out of paper again.\r\n" * 180
SHORT = 44
"""Lines of a module that a reader may take for a fragment."""


@dataclass(frozen=True)
class Walk:
    """What one message passed through: every function entered, in order, as ``module.py function``."""

    entered: tuple[str, ...]

    def without(self, room: str) -> "Walk":
        """The same, but for what is in one room."""
        return Walk(tuple(name for name in self.entered if not name.startswith(f"{room}/")))

    @property
    def functions(self) -> int:
        return len(set(self.entered))

    @property
    def modules(self) -> Counter[str]:
        """Calls by module."""
        return Counter(name.split()[0] for name in self.entered)

    @property
    def changes(self) -> int:
        """How often the function entered next is in another module."""
        way = [name.split()[0] for name in self.entered]
        return sum(here != there for here, there in pairwise(way))


class Tracer:
    """Notes in a child process what is entered; on SIGUSR1 it writes that down and begins anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entered: list[str] = []
        self._names: dict[CodeType, str | None] = {}
        self._starts: dict[CodeType, int] = {}

    def start(self) -> None:
        """Begin, in this thread and all that it will start."""
        signal(SIGUSR1, self._write)
        threading.setprofile(self._see)
        sys.setprofile(self._see)

    def _see(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            if code not in self._names:
                path = Path(code.co_filename)
                inside = path.is_relative_to(ROOT) and not code.co_name.startswith("<")
                self._names[code] = f"{path.relative_to(ROOT)} {code.co_qualname}" if inside else None
                self._starts[code] = next(step.offset for step in get_instructions(code) if step.opname == "RESUME")
            if (name := self._names[code]) and frame.f_lasti == self._starts[code]:
                self._entered.append(name)

    def _write(self, *_: object) -> None:
        entered, self._entered = self._entered, []
        unfinished = self._folder / f"{os.getpid()}.unfinished"
        unfinished.write_text("\n".join(entered))
        unfinished.rename(self._folder / str(os.getpid()))


class TracedDaemon(Daemon):
    """A daemon whose children are traced."""

    def command(self, *arguments: str | Path) -> list[str]:
        line = super().command(*arguments)
        return [line[0], "-m", "tests.stations", str(self.folder), *line[3:]] if arguments == ("serve",) else line

    def entered(self) -> tuple[str, ...]:
        """What the worker entered since it was last asked."""
        (worker,) = self.workers
        noted = self.folder / str(worker)
        os.kill(worker, SIGUSR1)
        poll(noted.exists)
        names = noted.read_text().splitlines()
        noted.unlink()
        return tuple(names)


def walk(daemon: TracedDaemon, sink: Sink, door: str, make: Callable[[str], bytes], warm: int, turns: int) -> Walk:
    """Send ``warm`` and ``turns`` messages through a door and return the quietest walk of the latter."""
    walks = []
    for turn in range(warm + turns):
        name = f"<{turn}@{door}.example>"
        sender, recipient = (SUPPORT, ALICE) if door == "outbound" else (ALICE, SUPPORT)
        daemon.entered()
        with smtplib.SMTP("127.0.0.1", daemon.doors[door], timeout=30) as client:
            client.sendmail(sender, [recipient], make(name))
        sink.by_id(name)
        record = daemon.record(name)
        time.sleep(0.5)  # the journal writes a moment later
        walks.append(Walk(daemon.entered()))
        statuses = record["signature"]["status"], record["encryption"]["status"]
        assert statuses in {("signed", "encrypted"), ("pass", "decrypted")}, record
    return min(walks[warm:], key=lambda walk: (walk.changes, walk.functions))


def walks(warm: int = 3, turns: int = 7) -> Iterator[tuple[str, Walk]]:
    """One message each way, the quietest of ``turns`` after ``warm`` others."""
    authority = Authority("rsa-2048")
    support, alice = (authority.leaf(address, kind="rsa-2048") for address in (SUPPORT, ALICE))
    chain = authority.root.pem() + authority.intermediate.pem()
    sink = Sink().start()

    def outbound(name: str) -> bytes:
        made = letter(to=ALICE, body=BODY)
        return made.content.replace(made.id.encode(), name.encode())

    def inbound(name: str) -> bytes:
        text = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + BODY
        return encrypted(
            head(message_id=name),
            support,
            entity=signed(alice, text),
        )

    with TracedDaemon({"outbound": sink.port, "inbound": sink.port}, workers=1) as daemon:
        daemon.import_(chain, support.pem() + support.key_pem(), alice.pem())
        daemon.start()
        for door, make in (("outbound", outbound), ("inbound", inbound)):
            yield door, walk(daemon, sink, door, make, warm, turns)
    sink.stop()


def house() -> Iterator[tuple[str, int]]:
    """The size of the package."""
    texts = [path.read_text() for path in ROOT.rglob("*.py")]
    nodes = [node for text in texts for node in ast.walk(ast.parse(text))]
    yield "uses of Any", sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)
    yield f"modules of at most {SHORT} lines", sum(len(text.splitlines()) <= SHORT for text in texts)
    yield "modules", len(texts)
    yield "lines", sum(len(text.splitlines()) for text in texts)


def tell(what: str, walked: Walk) -> None:
    """Print the figures of one walk."""
    print(f"{what}: {walked.functions} functions in {len(walked.modules)} modules,", end=" ")
    print(f"{walked.changes} changes of module, {len(walked.entered)} calls")


def main() -> None:
    """Print all figures; with ``--modules`` also every module entered, with its calls."""
    for door, walked in walks():
        tell(door, walked)
        tell(f"{door} without the sessions (smtp)", walked.without("smtp"))
        if "--modules" in sys.argv:
            print("\n".join(f"  {calls:5} {name}" for name, calls in walked.modules.most_common()))
    for name, count in house():
        print(f"{name}: {count}")


def traced_command() -> None:
    """Be the gateway, with the children traced: the arguments are a folder and a command line."""
    tracer = Tracer(Path(sys.argv[1]))
    del sys.argv[1]
    os.register_at_fork(after_in_child=tracer.start)
    command()


if __name__ == "__main__":
    traced_command() if sys.argv[1:] and Path(sys.argv[1]).is_dir() else main()
