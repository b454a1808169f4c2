"""A PostgreSQL primary with a standby that streams from it, and HAProxy before several gateways."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.e2e.daemon import free_port, poll
from tests.tools import missing


class Cluster:
    """Two servers on loopback; what is committed at the first is at the second, too, before anybody is told."""

    def __init__(self) -> None:
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not installed:
            missing("PostgreSQL's server programs")
        self._programs = installed[-1].parent
        self.folder = Path(tempfile.mkdtemp(prefix="pgc-", dir="/tmp"))
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.ports = {name: free_port() for name in ("one", "two")}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")

    def __enter__(self) -> Self:
        self._run("initdb", "-D", self._data("one"), "-A", "trust", "-U", self.user, "--encoding=UTF8", "--locale=C")
        self._start("one")
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.ports["one"]), "-U", self.user, "smime")
        source = ["-h", "127.0.0.1", "-p", str(self.ports["one"]), "-U", self.user]
        self._run("pg_basebackup", *source, "-D", self._data("two"), "-R", "-c", "fast")
        self._start("two")
        self._execute("one", "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.ports:
            with suppress(subprocess.CalledProcessError):
                self._run("pg_ctl", "-D", self._data(name), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    @property
    def url(self) -> str:
        """The option ``database``: whichever of the two takes writes."""
        hosts = "&".join(f"host=127.0.0.1:{port}" for port in self.ports.values())
        return f"postgresql+psycopg://{self.user}@/smime?{hosts}&target_session_attrs=read-write"

    def kill_primary(self) -> None:
        """End the first server and all its processes, as a power failure would."""
        pid = int((self.folder / "one" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)

    def promote(self) -> None:
        """Have the standby take the place of the primary; it waits for no standby of its own."""
        self._run("pg_ctl", "-D", self._data("two"), "-w", "promote")

    def _data(self, name: str) -> str:
        return str(self.folder / name)

    def _start(self, name: str) -> None:
        settings = (
            f"-k {self.folder} -c listen_addresses=127.0.0.1 -c port={self.ports[name]} -c fsync=off"
            " -c max_connections=100 -c wal_receiver_status_interval=1"
        )
        log = str(self.folder / f"{name}.log")
        self._run("pg_ctl", "-D", self._data(name), "-w", "-l", log, "-o", settings, "start")

    def _execute(self, name: str, *statements: str) -> None:
        port = self.ports[name]
        with psycopg.connect(host="127.0.0.1", port=port, user=self.user, dbname="postgres", autocommit=True) as server:
            for statement in statements:
                server.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
        command = [str(self._programs / program), *arguments]
        # No pipe: what ``pg_ctl`` starts would keep it open.
        subprocess.run(
            command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **identity
        )


class Balancer:
    """HAProxy: a port for each name, which leads to one of several."""

    def __init__(self, behind: Mapping[str, Sequence[int]]) -> None:
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            missing("haproxy")
        self.ports = {name: free_port() for name in behind}
        self._folder = Path(tempfile.mkdtemp(prefix="haproxy-"))
        lines = ["defaults", " mode tcp", " timeout connect 5s", " timeout client 120s", " timeout server 120s"]
        for name, ports in behind.items():
            lines += [f"listen {name}", f" bind 127.0.0.1:{self.ports[name]}", " balance roundrobin"]
            lines += [f" server {name}{number} 127.0.0.1:{port} check" for number, port in enumerate(ports)]
        path = self._folder / "haproxy.cfg"
        path.write_text("\n".join(lines) + "\n")
        self._process = subprocess.Popen([program, "-q", "-f", str(path)], stderr=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        poll(lambda: all(map(_listens, self.ports.values())), message="haproxy did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)


def _listens(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/net/tcp").read_text()
