"""The watchdog: a child that hangs is ended and replaced, one that works is not; systemd hears of it."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.processes import child, child_handle, supervisor
from gateway.processes.child import Child
from gateway.processes.service import Outside
from gateway.processes.supervisor import Superior
from tests.e2e.daemon import poll
from tests.processes.crew import Crew, Say, gone, named, serving

BOUND, BEAT = 2.0, 0.1
"""Seconds of silence allowed here, and between two signs of life."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "RESPAWN_DELAYS", (0.01, 0.01))
    monkeypatch.setattr(child_handle, "SILENCE", BOUND)
    monkeypatch.setattr(supervisor, "BEAT", BEAT)
    monkeypatch.setattr(child, "BEAT", BEAT)
    monkeypatch.setattr(child_handle, "LAST_WORDS", 0.5)


@pytest.fixture
def service_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield listening


def heard(listening: socket.socket) -> list[str]:
    """All that was said since the last time."""
    said: list[str] = []
    while True:
        try:
            said.append(listening.recv(1000).decode())
        except BlockingIOError:
            return said


def hanging_once(child: Child, say: Say) -> None:
    """The first child hangs after it was ready, its successors do not."""
    child.ready()
    if not os.path.exists("hung"):
        Path("hung").touch()
        where_it_hangs()
    serving(child, say)


def where_it_hangs() -> None:
    time.sleep(3600)


def busy(child: Child, say: Say) -> None:
    """Its work is in other threads; the one that must not get stuck goes on turning."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            sum(range(10_000))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    serving(child, say)
    stop.set()


def outside(say: Say) -> Superior:
    return Outside(lambda: named(2), named(1), 1)


def test_one_that_hangs_is_replaced_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Crew(tmp_path, ("one", hanging_once)) as crew:
        crew.await_("serving")
        assert gone(crew.pids()[0])
        assert "gave no sign of life" in crew.log
        assert "where_it_hangs" in crew.log


def test_one_that_takes_no_signal_is_killed(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", serving)) as crew:
        crew.await_("ready")
        os.kill(crew.pids()[0], signal.SIGSTOP)
        crew.await_("serving", 2)
        assert gone(crew.pids()[0])


def test_one_that_works_hard_is_left_alone(tmp_path: Path) -> None:
    with Crew(tmp_path, ("one", busy)) as crew:
        crew.await_("ready")
        crew.await_("alive", int(2 * BOUND / BEAT))
        assert len(crew.pids()) == 1


def test_systemd_hears_it_while_all_answer(tmp_path: Path, service_manager: socket.socket) -> None:
    said: list[str] = []
    with Crew(tmp_path, ("one", serving), superior=outside) as crew:
        poll(lambda: (said.extend(heard(service_manager)), said.count("WATCHDOG=1") >= 3)[1], message="no pings")
        assert said[0] == "READY=1"
        crew.signal(signal.SIGTERM)
        crew.wait()
        assert heard(service_manager)[-1] == "STOPPING=1"


def test_systemd_hears_no_more_of_one_that_cannot_be_ended(
    tmp_path: Path, service_manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child stuck inside the kernel outlives SIGKILL: then systemd is to act on the whole service."""
    monkeypatch.setattr(child_handle.ChildHandle, "signal", lambda *_: None)
    with Crew(tmp_path, ("one", serving), superior=outside) as crew:
        crew.await_("serving")
        os.kill(crew.pids()[0], signal.SIGSTOP)
        poll(lambda: "gave no sign of life" in crew.log, message="it was not noticed")
        heard(service_manager)
        turns = crew.log.count("gave no sign of life")
        time.sleep(2)
        assert heard(service_manager) == []
        assert turns == 1


def test_rel_07_systemd_hears_of_a_reload(tmp_path: Path, service_manager: socket.socket) -> None:
    said: list[str] = []
    with Crew(tmp_path, ("one", serving), superior=outside) as crew:
        poll(lambda: "READY=1" in heard(service_manager))
        crew.signal(signal.SIGHUP)
        poll(lambda: (said.extend(heard(service_manager)), "READY=1" in said)[1], message="the reload has no end")
        reload = [line for line in said if line != "WATCHDOG=1"]
        assert reload[0].startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert reload[1] == "READY=1"
        assert crew.said("took") == ["took r2.example.org"]
