"""An installation that the service's user may not read is named, with what opens it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import NotPermitted
from gateway.store.installation import blamed, check_installation

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def test_whoever_runs_the_tests_can_read_it() -> None:
    check_installation()
    error = ImportError("no module named x")
    assert blamed(error) is error


_AS_NOBODY = """
import os, sys, sysconfig
from gateway.store import NotPermitted
from gateway.store import installation
from pathlib import Path
sysconfig.get_path("purelib")
os.seteuid(65534)
try:
    installation.check_installation(Path(sys.argv[1]))
except NotPermitted as error:
    print(error)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def told(folder: Path) -> str:
    command = [sys.executable, "-c", _AS_NOBODY, str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@as_root
def test_a_folder_that_is_shut_is_named(folder: Path) -> None:
    (folder / "shut" / "lib").mkdir(parents=True)
    if told(folder):
        pytest.skip("the tests themselves run where nobody else may read")
    (folder / "shut").chmod(0o700)
    assert told(folder / "shut" / "lib").startswith(f"{folder}/shut cannot be read by nobody: ")


def test_it_is_not_permitted(folder: Path) -> None:
    with pytest.raises(NotPermitted, match="cannot be read by"):
        check_installation(folder / "absent")
