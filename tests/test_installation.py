"""The lines of docs/installation.md that need neither root nor a network, run as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.documents import sections

ROOT = Path(__file__).parents[1]
SECTIONS = {section.heading: section.lines for section in sections("docs/installation.md")}


@pytest.mark.parametrize("heading", ["1. Install", "Upgrade"])
def test_what_builds_is_locked(heading: str) -> None:
    """Every ``pip install`` builds with what a lock file holds, by hash, and that is the lock of the tests."""
    pip = re.findall(r"bin/pip install (.*)", "\n".join(SECTIONS[heading]))
    assert len(pip) == 3
    assert "-r requirements-build.lock" in pip[0]
    assert all("--no-build-isolation" in options for options in pip[1:])
    assert all("--require-hashes" in options or "--no-deps ." in options for options in pip)
    lock = (ROOT / "requirements-build.lock").read_text()
    assert lock.startswith("setuptools==")
    assert lock in (ROOT / "requirements.lock").read_text()


@pytest.mark.slow
def test_an_upgrade_leaves_no_module_behind(tmp_path: Path) -> None:
    """A ``build`` folder of an earlier version holds a module that is no more."""
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(ROOT / "gateway", source / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    old = source / "build" / "lib" / "gateway"
    old.mkdir(parents=True)
    (old / "removed.py").write_text("")
    here = f"{sys.executable} -m pip install --quiet --no-index --target {target}"
    wanted = [line for line in SECTIONS["Upgrade"] if line.startswith(("umask", "rm -rf")) or "--no-deps ." in line]
    script = [line.replace("/opt/smime-gateway/bin/pip install", here) for line in wanted]
    assert len(script) == 3
    subprocess.run(["sh", "-ec", "\n".join(script)], cwd=source, check=True, capture_output=True)
    assert (target / "gateway" / "cli" / "command.py").stat().st_mode & 0o777 == 0o644
    assert not (target / "gateway" / "removed.py").exists()
