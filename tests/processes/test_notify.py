"""The sd_notify protocol: who is told what, and that nobody listening is no failure."""

import logging
import os
import socket
import time
from pathlib import Path

import pytest

from gateway.processes.notify import notify, reloading, watchdog_seconds


@pytest.mark.parametrize("name", ["{}/notify", "@smime-gateway-test-{}"])
def test_states_arrive_together(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = name.format(tmp_path if name.startswith("{}") else os.getpid())
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path.replace("@", "\0"))
        listening.settimeout(5)
        notify("READY=1", "STATUS=well")
        assert listening.recv(1000) == b"READY=1\nSTATUS=well"
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        reloading()
        first, _, second = listening.recv(1000).decode().partition("\n")
        assert first == "RELOADING=1"
        name, _, value = second.partition("=")
        assert name == "MONOTONIC_USEC"
        assert before <= int(value) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    assert not caplog.records
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with caplog.at_level(logging.WARNING):
        notify("READY=1")
    assert "cannot be told READY=1" in caplog.text


@pytest.mark.parametrize(
    ("microseconds", "pid", "seconds"),
    [
        ("120000000", None, 60.0),
        ("120000000", "own", 60.0),
        ("120000000", "1", None),
        ("0", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_watchdog_seconds(
    microseconds: str | None, pid: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what systemd allows, where it is this process that is watched."""
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", pid)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, str(os.getpid()) if value == "own" else value)
    assert watchdog_seconds() == seconds
