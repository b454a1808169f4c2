"""``gpgsm`` (GnuPG) as a second witness, in a home of its own in a temporary folder, where a test root is trusted.

GnuPG 2.2 knows RSA only.
"""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from tests.authority import Authority, Issued

PASSPHRASE = b"secret"


class GnuPG:
    """A GnuPG home with root, intermediate, and one RSA key with its certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority("rsa-2048", "GnuPG")
        self.who = self.authority.leaf("desk@example.org", "reader@example.org", kind="rsa-2048")
        self.environment = {**os.environ, "GNUPGHOME": str(folder), "LC_ALL": "C"}
        (folder / "gpgsm.conf").write_text("disable-crl-checks\n")
        (folder / "gpg-agent.conf").write_text("allow-loopback-pinentry\n")
        fingerprint = hashlib.sha1(self.authority.root.der).hexdigest().upper()
        (folder / "trustlist.txt").write_text(f"{fingerprint} S relax\n")
        (folder / "ca.pem").write_bytes(self.authority.root.pem() + self.authority.intermediate.pem())
        (folder / "key.p12").write_bytes(exchange_file(self.who))
        self.run("--import", "ca.pem")
        self.run("--import", "key.p12")

    def run(self, *arguments: str) -> bytes:
        """Run the command and return what it says of itself."""
        quiet = ("--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase-fd", "0")
        done = subprocess.run(
            ["gpgsm", *quiet, *arguments],
            input=PASSPHRASE + b"\n",
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"gpgsm {' '.join(arguments)}: {done.stderr.decode(errors='replace')}")
        return done.stderr

    def write(self, name: str, content: bytes) -> str:
        (self.folder / name).write_bytes(content)
        return name

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def close(self) -> None:
        """End the agent of this home."""
        subprocess.run(["gpgconf", "--kill", "all"], env=self.environment, check=True, capture_output=True)


def exchange_file(who: Issued) -> bytes:
    """A PKCS#12 in the older form, which every GnuPG reads."""
    builder = PrivateFormat.PKCS12.encryption_builder().hmac_hash(SHA1())
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
    return pkcs12.serialize_key_and_certificates(b"desk", who.private_key, who.x509, None, builder.build(PASSPHRASE))


def furnished(folder: Path, attempts: int = 3) -> GnuPG:
    """A home; on a busy machine GnuPG's agent is now and then not there in time for the first key."""
    for attempt in range(1, attempts + 1):
        home = folder / str(attempt)
        home.mkdir(mode=0o700)
        try:
            return GnuPG(home)
        except pytest.fail.Exception:
            if attempt == attempts:
                raise
    raise AssertionError("unreachable")
