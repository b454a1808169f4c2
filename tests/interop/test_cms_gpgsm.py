"""``gpgsm`` (GnuPG) as second witness: what it makes opens here, what we make it accepts.

It has a home of its own in a temporary folder, where our test root is trusted. GnuPG 2.2 knows RSA only.
"""

import hashlib
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from gateway.cms.algorithm import scheme_for
from gateway.cms.enveloped import Enveloped, decrypt, encrypt
from gateway.cms.probe import read_cms
from gateway.cms.signed import SignedData, Signer, content_digests, sign_detached, sign_opaque, verify_signer
from gateway.pki.key import SoftwareKey
from tests.authority import Authority, Issued
from tests.cms.conftest import AT
from tests.tools import missing

CONTENT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
PASSPHRASE = b"secret"
DIGESTS = {"SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}
CIPHERS = {"AES": "aes-128-cbc", "AES192": "aes-192-cbc", "AES256": "aes-256-cbc", "3DES": "3des-cbc"}


class Desk:
    """A GnuPG home with root, intermediate, and one RSA key with its certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority("rsa-2048", "GnuPG")
        self.who = self.authority.leaf("desk@example.org", kind="rsa-2048")
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


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    if not shutil.which("gpgsm"):
        missing("the gpgsm command")
    with tempfile.TemporaryDirectory(prefix="gpgsm-") as folder:  # a socket's path must be short
        made = furnished(Path(folder))
        try:
            yield made
        finally:
            made.close()


def furnished(folder: Path, attempts: int = 3) -> Desk:
    """A desk; on a busy machine GnuPG's agent is now and then not there in time for the first key."""
    for attempt in range(1, attempts + 1):
        home = folder / str(attempt)
        home.mkdir(mode=0o700)
        try:
            return Desk(home)
        except pytest.fail.Exception:
            if attempt == attempts:
                raise
    raise AssertionError("unreachable")


def noise(seed: int) -> bytes:
    draw = random.Random(seed)
    return CONTENT + draw.randbytes(draw.choice([0, 1, 15, 16, 5000, 100_000]))


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("kind", ["--detach-sign", "--sign"])
def test_signatures_of_gpgsm_verify_here(desk: Desk, digest: str, kind: str) -> None:
    content = noise(len(digest + kind))
    desk.run("--digest-algo", digest, "--output", "made", kind, desk.write("content", content))
    found = read_cms(desk.read("made"))
    assert isinstance(found, SignedData)
    assert (found.content is None) == (kind == "--detach-sign")
    assert content == (content if found.content is None else b"".join(found.content))
    (info,) = found.signers
    verified = verify_signer(info, content_digests([info], content)[info.digest.name], desk.who.certificate)
    assert (verified.digest, verified.weak, verified.attributes) == (DIGESTS[digest], digest == "SHA1", True)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_envelopes_of_gpgsm_open_here(desk: Desk, cipher: str) -> None:
    content = noise(len(cipher))
    arguments = ("--cipher-algo", cipher, "--recipient", "desk@example.org", "--output", "made")
    desk.run(*arguments, "--encrypt", desk.write("content", content))
    found = read_cms(desk.read("made"))
    assert isinstance(found, Enveloped)
    assert found.cipher.name == CIPHERS[cipher]
    assert decrypt(found, desk.who.certificate, SoftwareKey(desk.who.private_key), accept_legacy=True) == content


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("opaque", [False, True])
def test_gpgsm_verifies_our_signatures(desk: Desk, digest: str, opaque: bool) -> None:
    who = desk.who
    signer = Signer(who.certificate, SoftwareKey(who.private_key), scheme_for(who.certificate, digest, "pkcs1v15"))
    chain = [desk.authority.intermediate.der]
    if opaque:
        made = b"".join(sign_opaque(CONTENT, signer, chain, AT))
        said = desk.run("--output", "out", "--verify", desk.write("cms", made))
        assert desk.read("out") == CONTENT
    else:
        made = sign_detached(hashlib.new(digest, CONTENT).digest(), signer, chain, AT)
        said = desk.run("--verify", desk.write("cms", made), desk.write("content", CONTENT))
    assert b"Good signature" in said


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-cbc"])
def test_gpgsm_opens_our_envelopes(desk: Desk, cipher: str) -> None:
    content = noise(4)
    made = b"".join(encrypt(content, [desk.who.certificate], cipher, "pkcs1v15"))
    desk.run("--output", "out", "--decrypt", desk.write("cms", made))
    assert desk.read("out") == content
