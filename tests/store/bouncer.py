"""A private pgbouncer in transaction mode before a private PostgreSQL."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from sqlalchemy import make_url

from tests.e2e.daemon import free_port, poll
from tests.tools import missing

SESSIONS = 3
"""Of PostgreSQL, for all clients together: every transaction may have another."""


class Bouncer:
    """Reached at a port of loopback. It does not run as root."""

    def __init__(self, server: Path, user: str) -> None:
        """``server``: the folder of PostgreSQL's socket; ``user``: whom it logs in there."""
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            missing("pgbouncer is not installed")
        self._folder = Path(tempfile.mkdtemp(prefix="pgb-", dir="/tmp"))
        self.port = free_port()
        settings = self._folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host={server} user={user}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {SESSIONS}\nlogfile = {self._folder}/log\n"
        )
        identity = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if identity:
            shutil.chown(self._folder, "postgres", "postgres")
        self._process = subprocess.Popen([program, "-q", str(settings)], stderr=subprocess.DEVNULL, **identity)  # type: ignore[call-overload]

    def __enter__(self) -> Self:
        poll(lambda: "process up" in self.log, message="pgbouncer did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(10)
        shutil.rmtree(self._folder)

    @property
    def log(self) -> str:
        """What it logged."""
        path = self._folder / "log"
        return path.read_text() if path.exists() else ""

    def url(self, direct: str) -> str:
        """The option ``database`` for the same database, through it."""
        return make_url(direct).set(host="127.0.0.1", port=self.port, query={}).render_as_string(hide_password=False)
