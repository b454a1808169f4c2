"""The socket in the file system: what keeps it from being made, who may connect, and that it goes."""

import os
import socket
import stat
from pathlib import Path

import pytest

from gateway.errors import Fault
from gateway.milter.endpoint import LONGEST, unix_socket


def listening(address: str) -> None:
    made = socket.socket(socket.AF_UNIX)
    made.bind(address.removeprefix("unix:"))
    made.close()


@pytest.mark.parametrize(
    ("name", "text"),
    [("absent/x", "its folder does not exist"), ("file", "something else"), ("x" * LONGEST, "longer than")],
)
def test_what_is_in_the_way_is_named(folder: Path, name: str, text: str) -> None:
    (folder / "file").touch()
    with pytest.raises(Fault, match=text), unix_socket(folder / name, 0o660, listening):
        pytest.fail("it must not be opened")
    assert (folder / "file").exists()


def test_mode_and_group_are_the_administrators(folder: Path) -> None:
    """The group comes from the folder: the gateway need not be in it."""
    folder.chmod(0o2750)
    if os.geteuid() == 0:
        os.chown(folder, -1, 12345)
    mask = os.umask(0o022)
    try:
        with unix_socket(folder / "x", 0o666, listening):
            status = (folder / "x").stat()
            assert stat.S_IMODE(status.st_mode) == 0o666
            assert status.st_gid == folder.stat().st_gid
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)


def test_it_goes_at_the_end_and_another_ones_stays(folder: Path) -> None:
    path = folder / "x"
    with unix_socket(path, 0o660, listening):
        assert path.exists()
    assert not path.exists()
    with unix_socket(path, 0o660, listening):
        path.rename(folder / "old")
        path.touch()
    assert path.exists()


def test_a_failure_to_listen_leaves_the_umask(folder: Path) -> None:
    def fails(address: str) -> None:
        raise Fault("taken")

    before = os.umask(0o022)
    try:
        with pytest.raises(Fault, match="taken"), unix_socket(folder / "x", 0o660, fails):
            pytest.fail("it must not be opened")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
