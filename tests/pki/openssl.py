"""The openssl command as a second opinion."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def openssl(*arguments: str, folder: Path) -> bytes:
    """Run openssl in ``folder`` and return its standard output; skip where it is missing (fail where CI is set)."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI"):
            pytest.fail("the openssl command is missing")
        pytest.skip("no openssl command")
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
