"""A C library that fails when told to, made for this run, and a daemon that stands on it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import people as people
from tests.e2e.daemon import Daemon
from tests.e2e.sink import Sink
from tests.faults.control import Control
from tests.tools import missing


@pytest.fixture(scope="session")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to load before the real one; skips where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        missing("no C compiler: faults of single system calls are not tried")
    library = tmp_path_factory.mktemp("faults") / "failing.so"
    source = Path(__file__).with_name("failing.c")
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.fixture
def hop() -> Iterator[Sink]:
    """A next hop of this test's own."""
    sink = Sink().start()
    yield sink
    sink.stop()


@pytest.fixture
def controlled(failing: Path, hop: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Daemon, Control]]:
    """A gateway of one worker before ``hop``, not started yet; it and its commands stand on the failing library."""
    with Daemon({"outbound": hop.port, "inbound": hop.port}, workers=1) as daemon:
        control = Control(daemon.folder / "faults")
        monkeypatch.setenv("LD_PRELOAD", str(failing))
        monkeypatch.setenv("FAULTS_CONTROL", str(daemon.folder / "faults"))
        monkeypatch.setenv("FAULTS_FOLDER", str(daemon.folder / "state"))
        yield daemon, control
