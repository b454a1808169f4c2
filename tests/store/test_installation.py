"""An installation that whoever runs the gateway may not read is named, with what opens it."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.store import NotPermitted
from gateway.store.installation import blamed, check_installation


def shut(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the system say of one folder that it may not be read."""
    may: Callable[..., bool] = os.access
    monkeypatch.setattr("os.access", lambda path, mode, **how: path != folder and may(path, mode, **how))


def test_whoever_runs_the_tests_can_read_it() -> None:
    check_installation()
    error = ImportError("no module named x")
    assert blamed(error) is error


def test_a_umask_of_077_at_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    shut(monkeypatch, Path(sys.prefix))
    with pytest.raises(NotPermitted, match=f"^{sys.prefix} cannot be read by .*: chmod -R go.rX {sys.prefix}$"):
        check_installation()
    assert "chmod" in str(blamed(ImportError("no module named x")))


def test_an_installation_in_somebodys_home(monkeypatch: pytest.MonkeyPatch) -> None:
    shut(monkeypatch, Path("/"))
    with pytest.raises(NotPermitted, match="install the gateway where all may read"):
        check_installation()
