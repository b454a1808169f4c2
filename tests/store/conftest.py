"""Every store test runs on SQLite and on a private PostgreSQL that lives as long as the test run."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.store import Store, StoreOptions, open_store

_numbers = count()


class PrivateServer:
    """A PostgreSQL server of our own in a temporary folder, reached by its unix socket only."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        # A socket's path may have 107 bytes at most, so not below pytest's own long names.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")

    def run(self, program: str, *arguments: str) -> None:
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": "postgres", "group": "postgres", "extra_groups": []}
        command = [str(self.programs / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **identity)

    def start(self) -> None:
        data = str(self.folder / "data")
        self.run("initdb", "-D", data, "-A", "trust", "-U", self.user, "--no-sync", "--encoding=UTF8", "--locale=C")
        settings = f"-k {self.folder} -c listen_addresses='' -c fsync=off -c max_connections=100"
        self.run("pg_ctl", "-D", data, "-w", "-l", str(self.folder / "log"), "-o", settings, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"store{next(_numbers)}"
        self.run("createdb", "-h", str(self.folder), "-U", self.user, name)
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.folder}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PrivateServer]:
    """A running private server; skipped where PostgreSQL is not installed, an error there in CI."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL's server programs are not installed")
        pytest.skip("PostgreSQL's server programs are not installed")
    server = PrivateServer(installed[-1].parent)
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest, tmp_path: Path) -> StoreOptions:
    """Options of a store that does not exist yet."""
    database = "sqlite"
    if request.param == "postgresql":
        database = request.getfixturevalue("postgresql").new_database()
    return StoreOptions(tmp_path / "state", database, wait=1.0)


@pytest.fixture
def sqlite_options(tmp_path: Path) -> StoreOptions:
    """Options of a SQLite store, for what only a file can suffer."""
    return StoreOptions(tmp_path / "state", wait=0.3)


@pytest.fixture
def store(options: StoreOptions) -> Iterator[Store]:
    """A fresh, open store."""
    opened = open_store(options, durable=True)
    yield opened
    opened.close()
