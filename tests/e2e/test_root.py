"""``serve`` run by root over a state directory of another user: nothing is left that he could not use."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.e2e.client import letter, submit
from tests.e2e.conftest import ALICE
from tests.e2e.daemon import PLAIN, Daemon
from tests.e2e.sink import Sink

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def readable_by_nobody() -> bool:
    """Whether this interpreter lies where other users may read it."""
    command = ["cat", f"{sysconfig.get_path('stdlib')}/os.py"]
    return subprocess.run(command, user=NOBODY, group=NOBODY, capture_output=True, check=False).returncode == 0


def test_root_becomes_the_owner_before_anything_is_made(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    with Daemon({"outbound": sink.port}, workers=1) as daemon:
        daemon.folder.chmod(0o755)
        (daemon.folder / "gateway.yaml").chmod(0o644)
        state, runtime = daemon.folder / "state", daemon.folder / "runtime"
        for folder in (state, runtime):
            folder.mkdir(mode=0o700)
            os.chown(folder, NOBODY, NOBODY)
        if not readable_by_nobody():
            refused = subprocess.run(daemon.command("serve"), capture_output=True, text=True, timeout=60, check=False)
            assert refused.returncode == 77
            assert refused.stderr.count("\n") == 1
            assert "cannot be read by nobody: " in refused.stderr
            assert [*state.iterdir(), *runtime.iterdir()] == []
            return
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
        before = os.umask(0)  # everybody may say "ready" to the socket of this test, as to systemd's
        try:
            daemon.start()
        finally:
            os.umask(before)
        sent = letter(sender=PLAIN)
        assert submit(daemon.doors["outbound"], sent.content, ALICE, sender=PLAIN).code == 250
        daemon.record(sent.id)
        made = [*state.iterdir(), *runtime.rglob("*")]
        assert {"store.db", "kek"} <= {path.name for path in made}
        assert any(path.name.startswith("counter_") for path in made)
        assert [path for path in made if path.stat().st_uid != NOBODY] == []
        assert {_user(pid) for pid in (daemon.pid, *daemon.workers)} == {NOBODY}
        assert daemon.stop() == 0
        assert list(runtime.iterdir()) == []


def _user(pid: int) -> int:
    """The effective user of a process (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("Uid:")).split()[2])
