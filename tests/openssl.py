"""The ``openssl`` command as an independent witness of what we made."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import missing


def require_openssl() -> str:
    """Return the path of the command; skip the test where it is absent (in CI: fail)."""
    path = shutil.which("openssl")
    return path or missing("the openssl command")


class Witness:
    """Verifies and decrypts in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.command = require_openssl()

    def decrypt(self, message: bytes, recipient_pem: bytes) -> bytes:
        """Return the entity inside an encrypted message; the recipient's certificate and key are one PEM."""
        (self.folder / "in.eml").write_bytes(message)
        (self.folder / "recipient.pem").write_bytes(recipient_pem)
        self._run("cms", "-decrypt", "-in", "in.eml", "-recip", "recipient.pem", "-out", "out.eml", "-binary")
        return (self.folder / "out.eml").read_bytes()

    def verify(self, message: bytes, anchor_pem: bytes) -> bytes:
        """Return the entity inside a signed message whose signature and path hold."""
        (self.folder / "in.eml").write_bytes(message)
        (self.folder / "ca.pem").write_bytes(anchor_pem)
        self._run("cms", "-verify", "-in", "in.eml", "-CAfile", "ca.pem", "-out", "out.eml")
        return (self.folder / "out.eml").read_bytes()

    def _run(self, *arguments: str) -> None:
        done = subprocess.run([self.command, *arguments], cwd=self.folder, capture_output=True, check=False)
        if done.returncode:
            pytest.fail(f"openssl {arguments[1]}: {done.stderr.decode(errors='replace')}")
