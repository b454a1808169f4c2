"""Every store test runs on SQLite and on a private PostgreSQL that lives as long as the test run."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text

from gateway.store import Store, StoreOptions, open_store
from tests.stores import migrate, ready

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

    def url(self, name: str) -> str:
        """The option ``database`` for the database of that name."""
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside of the databases that tests use."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))

    @contextmanager
    def new_database(self, like: str = "template1") -> Iterator[str]:
        """The URL of a new database that is a copy of another one, and is dropped afterwards."""
        name = f"store{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY file_copy")
        yield self.url(name)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @cached_property
    def current(self) -> str:
        """The name of a database whose schema is current."""
        self.execute("CREATE DATABASE current")
        migrate(self.url("current"), self.folder)
        return "current"


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


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Whatever stores a test opens, their connections are closed at its end."""
    engines = set[Engine]()

    def note(connection: Connection) -> None:
        engines.add(connection.engine)

    event.listen(Engine, "engine_connect", note)
    yield
    event.remove(Engine, "engine_connect", note)
    for engine in engines:
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The database in which the test's stores are."""
    return str(request.param)


@pytest.fixture
def options(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StoreOptions]:
    """Options of an empty store, ready for use."""
    if kind == "sqlite":
        yield StoreOptions(ready(tmp_path / "state"), wait=1.0)
        return
    (tmp_path / "state").mkdir(mode=0o700)
    server: PrivateServer = request.getfixturevalue("postgresql")
    with server.new_database(like=server.current) as url:
        yield StoreOptions(tmp_path / "state", url, wait=1.0)


@pytest.fixture
def unmade(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StoreOptions]:
    """Options of a store that does not exist yet."""
    if kind == "sqlite":
        yield StoreOptions(tmp_path / "state", wait=1.0)
        return
    server: PrivateServer = request.getfixturevalue("postgresql")
    with server.new_database() as url:
        yield StoreOptions(tmp_path / "state", url, wait=1.0)


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
