"""``gpgsm`` (GnuPG) as second witness: what it makes opens here, what we make it accepts."""

import hashlib
import random

import pytest

from gateway.cms.algorithm import scheme_for
from gateway.cms.enveloped import Enveloped, decrypt, encrypt
from gateway.cms.probe import read_cms
from gateway.cms.signed import SignedData, Signer, content_digests, sign_detached, sign_opaque, verify_signer
from gateway.pki.key import SoftwareKey
from tests.cms.conftest import AT
from tests.interop.gpgsm import GnuPG

CONTENT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr=C3=BC=C3=9Fe\r\n"
DIGESTS = {"SHA1": "sha1", "SHA256": "sha256", "SHA384": "sha384", "SHA512": "sha512"}
CIPHERS = {"AES": "aes-128-cbc", "AES192": "aes-192-cbc", "AES256": "aes-256-cbc", "3DES": "3des-cbc"}


def noise(seed: int) -> bytes:
    draw = random.Random(seed)
    return CONTENT + draw.randbytes(draw.choice([0, 1, 15, 16, 5000, 100_000]))


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("kind", ["--detach-sign", "--sign"])
def test_signatures_of_gpgsm_verify_here(gnupg: GnuPG, digest: str, kind: str) -> None:
    content = noise(len(digest + kind))
    gnupg.run("--digest-algo", digest, "--output", "made", kind, gnupg.write("content", content))
    found = read_cms(gnupg.read("made"))
    assert isinstance(found, SignedData)
    assert (found.content is None) == (kind == "--detach-sign")
    assert content == (content if found.content is None else b"".join(found.content))
    (info,) = found.signers
    verified = verify_signer(info, content_digests([info], content)[info.digest.name], gnupg.who.certificate)
    assert (verified.digest, verified.weak, verified.attributes) == (DIGESTS[digest], digest == "SHA1", True)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_envelopes_of_gpgsm_open_here(gnupg: GnuPG, cipher: str) -> None:
    content = noise(len(cipher))
    arguments = ("--cipher-algo", cipher, "--recipient", "desk@example.org", "--output", "made")
    gnupg.run(*arguments, "--encrypt", gnupg.write("content", content))
    found = read_cms(gnupg.read("made"))
    assert isinstance(found, Enveloped)
    assert found.cipher.name == CIPHERS[cipher]
    assert decrypt(found, gnupg.who.certificate, SoftwareKey(gnupg.who.private_key), accept_legacy=True) == content


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("opaque", [False, True])
def test_gpgsm_verifies_our_signatures(gnupg: GnuPG, digest: str, opaque: bool) -> None:
    who = gnupg.who
    signer = Signer(who.certificate, SoftwareKey(who.private_key), scheme_for(who.certificate, digest, "pkcs1v15"))
    chain = [gnupg.authority.intermediate.der]
    if opaque:
        made = b"".join(sign_opaque(CONTENT, signer, chain, AT))
        said = gnupg.run("--output", "out", "--verify", gnupg.write("cms", made))
        assert gnupg.read("out") == CONTENT
    else:
        made = sign_detached(hashlib.new(digest, CONTENT).digest(), signer, chain, AT)
        said = gnupg.run("--verify", gnupg.write("cms", made), gnupg.write("content", CONTENT))
    assert b"Good signature" in said


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-cbc"])
def test_gpgsm_opens_our_envelopes(gnupg: GnuPG, cipher: str) -> None:
    content = noise(4)
    made = b"".join(encrypt(content, [gnupg.who.certificate], cipher, "pkcs1v15"))
    gnupg.run("--output", "out", "--decrypt", gnupg.write("cms", made))
    assert gnupg.read("out") == content
