"""The ``openssl`` command as an independent witness of what we made, and as a maker of what we read."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import missing


def require_openssl() -> str:
    """Return the path of the command; skip the test where it is absent (in CI: fail)."""
    path = shutil.which("openssl")
    return path or missing("the openssl command")


def openssl(*arguments: str, folder: Path) -> bytes:
    """Run the command in ``folder`` and return its standard output."""
    done = subprocess.run([require_openssl(), *arguments], cwd=folder, capture_output=True, check=False)
    if done.returncode:
        pytest.fail(f"openssl {' '.join(arguments[:2])}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class Witness:
    """Verifies and decrypts in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        require_openssl()

    def decrypt(self, message: bytes, recipient_pem: bytes) -> bytes:
        """Return the entity inside an encrypted message; the recipient's certificate and key are one PEM."""
        (self.folder / "in.eml").write_bytes(message)
        (self.folder / "recipient.pem").write_bytes(recipient_pem)
        arguments = ("-in", "in.eml", "-recip", "recipient.pem", "-binary")
        return openssl("cms", "-decrypt", *arguments, folder=self.folder)

    def verify(self, message: bytes, anchor_pem: bytes) -> bytes:
        """Return the entity inside a signed message whose signature and path hold."""
        (self.folder / "in.eml").write_bytes(message)
        (self.folder / "ca.pem").write_bytes(anchor_pem)
        return openssl("cms", "-verify", "-in", "in.eml", "-CAfile", "ca.pem", folder=self.folder)
