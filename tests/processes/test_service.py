"""Before the service starts: ports, and what is told of them."""

import errno
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway
from gateway.config import Options
from gateway.errors import Fault
from gateway.processes.service import Outside, serve
from gateway.store import NotPermitted
from tests.config.texts import door, options

LOW = "127.0.0.1:25"


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """The service takes the log over."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def start(listen: str, folder: Path) -> None:
    found = options(listeners=[door(listen=listen)], state=str(folder / "state"))
    serve(lambda: found, folder)


def test_a_low_port_without_the_right_is_not_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's answer is given here: the user who runs the tests may have the right."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(NotPermitted, match=r"listen on 127.0.0.1:25: Permission denied; .* CAP_NET_BIND_SERVICE"):
        start(LOW, tmp_path)


def test_a_port_that_is_taken_is_a_fault(tmp_path: Path) -> None:
    told = pytest.raises(Fault, match=r"listener out: cannot listen on .*: Address already in use")
    with socket.create_server(("127.0.0.1", 0)) as taken, told:
        start(f"127.0.0.1:{taken.getsockname()[1]}", tmp_path)


def test_ready_tells_version_processes_and_doors(caplog: pytest.LogCaptureFixture) -> None:
    found: Options = options(listeners=[door(), door(name="in", listen="127.0.0.1:2527", direction="inbound")])
    with caplog.at_level(logging.INFO):
        Outside(lambda: found, found, 3).ready()
    assert caplog.messages == [f"ready: version {gateway.__version__}, 3 processes, doors: out, in"]
