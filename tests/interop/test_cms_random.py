"""What ``openssl cms`` makes under options drawn at random, read by us; and what we refuse, refused there too.

The draw is seeded, so that every run sees the same mail. It keeps to what OpenSSL 3.0 can do: SHA-3 with RSA only, DSA
up to SHA-256, no PSS while streaming, no X25519, compression only where it was built with zlib.
"""

import random
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.cms.compressed import Compressed, decompress
from gateway.cms.enveloped import Enveloped, decrypt
from gateway.cms.probe import read_cms
from gateway.cms.rejected import Rejected
from gateway.cms.signed import SignedData, content_digests, verify_signer
from gateway.errors import GatewayError
from gateway.pki.key import SoftwareKey
from gateway.reason import Reason
from tests.authority import Authority, Issued
from tests.openssl import openssl, require_openssl

CONTENT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr=C3=BC=C3=9Fe\r\n" * 300
SIGNING = ("rsa-2048", "rsa-3072", "p256", "p384", "p521", "brainpool256", "dsa")
RECEIVING = ("rsa-2048", "rsa-3072", "p256", "p384", "p521", "brainpool256")
DIGESTS = ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512")
OAEP = ("sha1", "sha224", "sha256", "sha384", "sha512")
CIPHERS = {"aes128": "aes-128-cbc", "aes192": "aes-192-cbc", "aes256": "aes-256-cbc", "des3": "3des-cbc",
           "aes-128-gcm": "aes-128-gcm", "aes-192-gcm": "aes-192-gcm", "aes-256-gcm": "aes-256-gcm"}  # fmt: skip


@pytest.fixture(scope="session")
def people(authority: Authority) -> dict[str, Issued]:
    return {kind: authority.leaf(f"{kind}@example.org", kind=kind) for kind in {*SIGNING, *RECEIVING}}


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, authority: Authority, people: dict[str, Issued]) -> Path:
    """A folder with the content, and a PEM file with key and certificate of everyone."""
    require_openssl()
    folder = tmp_path_factory.mktemp("openssl")
    (folder / "content").write_bytes(CONTENT)
    (folder / "ca.pem").write_bytes(authority.root.pem() + authority.intermediate.pem())
    for kind, person in people.items():
        (folder / f"{kind}.pem").write_bytes(person.key_pem() + person.pem())
    return folder


def attempt(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``openssl cms``, which may fail."""
    return subprocess.run([require_openssl(), "cms", *arguments], cwd=folder, capture_output=True, check=False)


@dataclass
class Draw:
    """One message: the options that made it, and what to expect of it."""

    options: list[str]
    kinds: list[str]
    legacy: bool


def form(draw: random.Random) -> list[str]:
    return ["-binary", "-in", "content", "-outform", "DER", "-out", "made", *draw.choice([[], ["-stream", "-indef"]])]


def signature(draw: random.Random) -> Draw:
    options = ["-sign", *form(draw), *draw.choice([[], ["-nodetach"]]), *draw.choice([[], ["-keyid"]])]
    options += draw.choice([[], ["-cades"], ["-nosmimecap"], ["-nocerts"]])
    kinds = draw.sample(SIGNING, draw.choice([1, 1, 2, 3]))
    all_rsa = all(kind.startswith("rsa") for kind in kinds)
    digest = draw.choice(DIGESTS[:3] if "dsa" in kinds else DIGESTS if all_rsa else DIGESTS[:5])
    options += ["-md", digest]
    padded = "-stream" not in options and not digest.startswith("sha3")
    for kind in kinds:
        options += ["-signer", f"{kind}.pem"]
        if padded and kind.startswith("rsa") and draw.random() < 0.7:
            options += ["-keyopt", "rsa_padding_mode:pss"]
            options += draw.choice([[], ["-keyopt", f"rsa_mgf1_md:{draw.choice(OAEP)}"]])
            options += draw.choice([[], ["-keyopt", f"rsa_pss_saltlen:{draw.choice([0, 20, 32, 64])}"]])
    return Draw(options, kinds, digest == "sha1" or "dsa" in kinds)


def encryption(draw: random.Random) -> Draw:
    cipher = draw.choice(list(CIPHERS))
    options = ["-encrypt", *form(draw), f"-{cipher}", *draw.choice([[], ["-keyid"]])]
    kinds = draw.sample(RECEIVING, draw.choice([1, 1, 2, 4]))
    for kind in kinds:
        options += ["-recip", f"{kind}.pem"]
        if kind.startswith("rsa") and draw.random() < 0.7:
            options += ["-keyopt", "rsa_padding_mode:oaep"]
            options += draw.choice([[], ["-keyopt", f"rsa_oaep_md:{draw.choice(OAEP)}"]])
            options += draw.choice([[], ["-keyopt", f"rsa_mgf1_md:{draw.choice(OAEP)}"]])
            options += draw.choice([[], ["-keyopt", "rsa_oaep_label:00a1b2"]])
        elif not kind.startswith("rsa"):
            options += draw.choice([[], ["-keyopt", f"ecdh_kdf_md:{draw.choice(OAEP)}"]])
            options += draw.choice([[], ["-keyopt", "ecdh_cofactor_mode:1"]])
    return Draw(options, kinds, cipher == "des3")


@pytest.mark.parametrize("seed", range(40))
def test_random_signatures(desk: Path, people: dict[str, Issued], seed: int) -> None:
    made = signature(random.Random(seed))
    openssl("cms", *made.options, folder=desk)
    found = read_cms((desk / "made").read_bytes())
    assert isinstance(found, SignedData)
    content = CONTENT if found.content is None else b"".join(found.content)
    assert (content, len(found.signers)) == (CONTENT, len(made.kinds))
    digests = content_digests(found.signers, content)
    weak = False
    for info in found.signers:
        (who,) = [people[kind].certificate for kind in made.kinds if info.signer.names(people[kind].certificate)]
        verified = verify_signer(info, digests[info.digest.name], who)
        assert verified.attributes
        assert verified.bound == ("-cades" in made.options)
        assert verified.signing_time is not None
        assert bool(verified.capabilities) == ("-nosmimecap" not in made.options)
        weak = weak or verified.weak
    assert weak == made.legacy


@pytest.mark.parametrize("seed", range(40))
def test_random_envelopes(desk: Path, people: dict[str, Issued], seed: int) -> None:
    made = encryption(random.Random(seed))
    openssl("cms", *made.options, folder=desk)
    found = read_cms((desk / "made").read_bytes())
    assert isinstance(found, Enveloped)
    assert len(found.recipients) == len(made.kinds)
    assert found.cipher.name in CIPHERS.values()
    for kind in made.kinds:
        who, key = people[kind].certificate, SoftwareKey(people[kind].private_key)
        assert decrypt(found, who, key, accept_legacy=True) == CONTENT
        if made.legacy:
            with pytest.raises(Rejected) as refused:
                decrypt(found, who, key)
            assert refused.value.reason is Reason.WEAK_ALGORITHM
        else:
            assert decrypt(found, who, key) == CONTENT


def test_compressed(desk: Path) -> None:
    done = attempt(desk, "-compress", "-binary", "-in", "content", "-outform", "DER")
    if done.returncode:
        pytest.skip("this openssl was built without zlib")
    found = read_cms(done.stdout)
    assert isinstance(found, Compressed)
    assert decompress(found, 1 << 20) == CONTENT


@pytest.mark.parametrize("kind", ["rsa-2048", "p256"])
@pytest.mark.parametrize("detached", [True, False])
def test_altered_signatures_that_pass_here_pass_there(
    desk: Path, people: dict[str, Issued], kind: str, detached: bool
) -> None:
    """One octet changed anywhere: none of those that openssl refuses is accepted by us, and no content is changed."""
    options = ["-sign", *form(random.Random(1)), "-signer", f"{kind}.pem", "-cades", "-nocerts"]
    openssl("cms", *options, *([] if detached else ["-nodetach"]), folder=desk)
    original = (desk / "made").read_bytes()
    draw = random.Random(kind)
    passed = 0
    for place in [draw.randrange(len(original)) for _ in range(600)]:
        mutant = bytearray(original)
        mutant[place] ^= 1 << draw.randrange(8)
        if not passes(bytes(mutant), people[kind]):
            continue
        passed += 1
        (desk / "mutant").write_bytes(mutant)
        options = ["-inform", "DER", "-in", "mutant", "-binary", "-noverify", "-certfile", f"{kind}.pem"]
        done = attempt(desk, "-verify", *options, *(("-content", "content") if detached else ()))
        assert (done.returncode, done.stdout) == (0, CONTENT), f"octet {place} of {len(original)}"
        if passed == 8:
            break


def passes(mutant: bytes, who: Issued) -> bool:
    try:
        found = read_cms(mutant)
        if not isinstance(found, SignedData) or not found.signers:
            return False
        content = CONTENT if found.content is None else b"".join(found.content)
        digests = content_digests(found.signers, content)
        return all(verify_signer(info, digests[info.digest.name], who.certificate).bound for info in found.signers)
    except GatewayError:
        return False
