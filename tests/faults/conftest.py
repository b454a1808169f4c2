"""A C library that fails when told to, made for this run."""

import shutil
import subprocess
from pathlib import Path

import pytest

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
