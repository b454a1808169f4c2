"""A machine of a story's own: this one's files under an overlay, with a real systemd, in namespaces that end with it.

What a command line of the documentation does to /etc, /opt, /usr or /var happens in memory and is gone afterwards;
ports are those of a network with nothing but loopback. The files of this checkout, the packages of the tests and
their interpreter are mounted read-only where every user may read them.
"""

import ctypes
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.e2e.daemon import poll

ROOT = Path(__file__).parents[2]
CHECKOUT, PACKAGES, INTERPRETER = "/srv/checkout", "/srv/packages", "/srv/python"
"""Where a machine has the files of this checkout, the packages of the tests and, where need be, their Python."""
PATIENCE = 120.0
_PATH = f"/usr/local/sbin:/usr/local/bin:{INTERPRETER}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = ("HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "PIP_CONFIG_FILE=/dev/null", "PIP_NO_INDEX=1")
_NAMESPACES = ("unshare", "-m", "-n", "-p", "-f", "-u", "-i", "-C", "--kill-child")
_NETWORK = 0x40000000
_STATE = "/run/story"
_STEP = f"""cd "$1" && umask "$2" || exit
eval "$3"
code=$?
{{ pwd; umask; }} >{_STATE}
exit $code"""
_WITHOUT_US = f"""mkdir -p /run/packages/upper /run/packages/work
mount -t overlay -o lowerdir={PACKAGES},upperdir=/run/packages/upper,workdir=/run/packages/work packages {PACKAGES}
rm -rf {PACKAGES}/*smime_gateway*"""
"""pip takes the gateway that is to be tested for the one that is installed, if it is among the packages."""


@dataclass(frozen=True)
class Done:
    """What a command line gave."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


class Following:
    """What a command prints that goes on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = ""

    def line(self, *words: str) -> str:
        """Wait for a line with all these words."""
        return poll(lambda: self._line(words), PATIENCE, f"no line with {words}")

    def _line(self, words: tuple[str, ...]) -> str:
        if select.select([self._descriptor], [], [], 0)[0]:
            self._shown += os.read(self._descriptor, 65536).decode(errors="replace")
        return next((line for line in self._shown.splitlines() if all(word in line for word in words)), "")


def hierarchy() -> Path | None:
    """Where the control groups of version 2 are, or None."""
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)


def impossible() -> str | None:
    """Why there can be no machine here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not Path("/lib/systemd/systemd").exists():
        return "needs systemd"
    if hierarchy() is None:
        return "needs control groups of version 2"
    with tempfile.TemporaryDirectory() as folder:
        overlay = 'mount -t overlay -o "lowerdir=/,upperdir=$0/u,workdir=$0/w" o "$0"'
        script = f'mount -t tmpfs t "$0"; mkdir "$0/u" "$0/w"; {overlay}'
        command = [*_NAMESPACES, "sh", "-ec", script, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"needs namespaces and overlays: {done.stderr.strip()}" if done.returncode else None


class Machine:
    """One machine; commands run in it as root, one after the other, in one shell's folder and umask."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="smime-gateway-machine-"))
        group = hierarchy()
        assert group is not None
        self._group = group / self._folder.name
        self._folder_inside, self._umask = "/root", "0022"

    def __enter__(self) -> Self:
        self._group.mkdir()
        command = [*_NAMESPACES, "sh", str(ROOT / "tests/e2e/machine.sh"), str(self._folder), *self._shown()]
        joined = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
        self._process = subprocess.Popen(["sh", "-c", joined, str(self._group), *command])
        self._first = poll(self._systemd, message="systemd did not start")
        poll(lambda: self.run("systemctl is-system-running").out.strip() in ("running", "degraded"), PATIENCE)
        self.run(_WITHOUT_US, code=0)
        if INTERPRETER in self._shown():
            self.run(f"echo {INTERPRETER}/lib >/etc/ld.so.conf.d/00-python.conf && ldconfig", code=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # what it started goes with it
        self._process.wait(PATIENCE)
        for folder in (*sorted(self._group.rglob("*/"), reverse=True), self._group):
            poll(lambda folder=folder: _removed(folder))
        shutil.rmtree(self._folder)

    @staticmethod
    def _shown() -> list[str]:
        """Pairs of a folder here and its place there."""
        shown = [str(ROOT), CHECKOUT, sysconfig.get_path("purelib"), PACKAGES]
        if Path(sys.base_prefix) not in (Path("/usr"), Path("/usr/local")):
            shown += [sys.base_prefix, INTERPRETER]
        return shown

    def _systemd(self) -> int:
        """The process id, as seen from here, of the first process there once it is systemd."""
        pid = self._process.pid
        assert self._process.poll() is None, "the machine did not start"
        return next((child for child in _children(pid) if _name(child) == "systemd"), 0)

    # -- commands -----------------------------------------------------------------------------------------------

    def command(self, *words: str) -> list[str]:
        """A command line that runs these words there."""
        environment = [*_ENVIRONMENT, f"PATH={_PATH}"]
        into = ["nsenter", "-t", str(self._first), "-m", "-n", "-p", "-u", "-i", "-C", "-r", "-w"]
        return [*into, "env", "-i", *environment, *words]

    def shell(self, line: str) -> list[str]:
        """A command line that runs a line of a shell there, where the last one left off."""
        return self.command("bash", "-c", _STEP, "bash", self._folder_inside, self._umask, line)

    def run(self, line: str, *, code: int | None = None, given: str | bytes = b"", patience: float = PATIENCE) -> Done:
        """Run a line of a shell to its end; ``code`` is what it must return, ``given`` its standard input."""
        octets = given.encode() if isinstance(given, str) else given
        ran = subprocess.run(self.shell(line), input=octets, capture_output=True, timeout=patience, check=False)
        done = Done(ran.returncode, ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace"))
        assert code is None or done.code == code, f"{line}: {done.code}\n{done.out}{done.err}\n{self._journal()}"
        if (state := self.path(_STATE)).exists():
            self._folder_inside, self._umask = state.read_text().splitlines()
        return done

    def dialogue(self, line: str, prompt: str, answer: str, *, code: int = 0) -> str:
        """Run a line on a terminal that asks once, and return what stands there at the end; it must return ``code``."""
        pipe = subprocess.PIPE
        with subprocess.Popen(
            self.shell(f"script -qec {shlex.quote(line)} /dev/null"), stdin=pipe, stdout=pipe
        ) as asking:
            assert asking.stdin is not None
            assert asking.stdout is not None
            shown = b""
            while prompt.encode() not in shown:
                piece = os.read(asking.stdout.fileno(), 4096)
                assert piece, shown
                shown += piece
            asking.stdin.write(f"{answer}\n".encode())
            asking.stdin.flush()
            shown += asking.stdout.read()
        assert asking.returncode == code, shown
        return shown.decode()

    def _journal(self) -> str:
        """The last words of the service, for what went wrong."""
        command = self.command("journalctl", "-u", "smime-gateway", "-n", "10", "--no-pager")
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False).stdout

    @contextmanager
    def following(self, line: str) -> Iterator["Following"]:
        """Run a line that goes on until it is ended (TERM), and read what it prints meanwhile."""
        # The shell's own process id is that of the last command, for the whole line is "exec …".
        process = subprocess.Popen(
            self.shell(f"exec {line.removeprefix('exec ')}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        try:
            yield Following(process.stdout.fileno())
        finally:
            os.kill(_children(process.pid)[0], signal.SIGTERM)
            process.wait(PATIENCE)
            process.stdout.close()

    # -- files and ports ----------------------------------------------------------------------------------------

    def path(self, there: str) -> Path:
        """A file of the machine, as this process can open it; symbolic links to absolute places lead astray."""
        return Path(f"/proc/{self._first}/root{there}")

    def write(self, there: str, content: str | bytes) -> None:
        """Put a file there."""
        self.path(there).write_bytes(content.encode() if isinstance(content, str) else content)

    @contextmanager
    def network(self) -> Iterator[None]:
        """Sockets and threads that are made meanwhile belong to the machine's network (setns(2))."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/net").open() as here, Path(f"/proc/{self._first}/ns/net").open() as there:
            assert libc.setns(there.fileno(), _NETWORK) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(here.fileno(), _NETWORK) == 0, os.strerror(ctypes.get_errno())


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _removed(group: Path) -> bool:
    """Remove a control group; one whose processes have not all gone yet stays for the moment."""
    try:
        group.rmdir()
    except OSError:
        return False
    return True
