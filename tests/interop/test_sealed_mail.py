"""Everything we seal is verified and decrypted by ``openssl cms``: key types by ciphers by body shapes.

What OpenSSL 3.0 cannot do (EdDSA and X25519 in CMS) is opened by our own reading side, which other tests hold against
foreign mail.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.cms.enveloped import decrypt, read_enveloped
from gateway.cms.signed import read_signed, verify
from gateway.engine.transaction import Verdict
from gateway.mail.entity import decoded_body, read_entity
from gateway.pki.key import SoftwareKey
from tests.authority import Authority
from tests.engine.world import HELPDESK, World, mail
from tests.openssl import Witness

BODIES = {
    "ascii": mail("MIME-Version: 1.0", "Content-Type: text/plain"),
    "umlauts": mail("MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", body="Grüße\r\n".encode() * 40),
    "binary": mail(
        "MIME-Version: 1.0",
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: binary",
        body=bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"") * 9,
    ),
    "empty": mail("MIME-Version: 1.0", "Content-Type: text/plain", body=b""),
    "foreign": mail(
        "MIME-Version: 1.0",
        'Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary=b',
        body="--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n--b\r\n"
        "Content-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n".encode(),
    ),
    "large": mail("MIME-Version: 1.0", "Content-Type: text/plain", body=b"0123456789 abcdef\r\n" * 60_000),
}
SIGNERS = ["rsa-2048", "rsa-3072", "p256", "p384", "p521"]
RECIPIENTS = ["rsa-2048", "rsa-3072", "p256", "p384", "p521"]
PADDINGS = [(kind, rsa) for kind in SIGNERS for rsa in ("pkcs1v15", "pss") if rsa == "pkcs1v15" or kind[0] == "r"]
TRANSPORTS = [(kind, rsa) for kind in RECIPIENTS for rsa in ("pkcs1v15", "oaep") if rsa == "pkcs1v15" or kind[0] == "r"]
CIPHERS = ["aes-128-cbc", "aes-256-cbc", "aes-128-gcm", "aes-256-gcm"]


def inner(content: bytes) -> bytes:
    """The decoded body of an entity's first leaf."""
    entity = read_entity(content)
    while entity.children:
        entity = entity.children[0]
    return decoded_body(entity)


@pytest.fixture
def world(authority: Authority) -> World:
    return World(authority)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("kind", "rsa"), PADDINGS)
def test_signed(kind: str, rsa: str, body: str, world: World, tmp_path: Path) -> None:
    world.hold(HELPDESK, key=True, kind=kind)
    world.algorithms = replace(world.algorithms, sign_rsa=rsa)
    outcome = world.levels("required", "never").send(BODIES[body], "alice@example.com")
    made = bytes(outcome.deliveries[0].content)
    assert (b"smime-type=signed-data" in made) == (body == "foreign")
    assert inner(Witness(tmp_path).verify(made, world.authority.root.pem())) == inner(BODIES[body])


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
@pytest.mark.parametrize("rsa", ["pkcs1v15", "pss"])
def test_longer_digests(digest: str, rsa: str, world: World, tmp_path: Path) -> None:
    world.hold(HELPDESK, key=True)
    world.algorithms = replace(world.algorithms, digest=digest, sign_rsa=rsa)
    made = bytes(world.levels("required", "never").send(BODIES["ascii"], "alice@example.com").deliveries[0].content)
    assert f"micalg={digest.replace('sha', 'sha-')}".encode() in made
    Witness(tmp_path).verify(made, world.authority.root.pem())


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize(("kind", "rsa"), TRANSPORTS)
def test_encrypted(kind: str, rsa: str, cipher: str, world: World, tmp_path: Path) -> None:
    issued = world.hold("alice@example.com", kind=kind)
    world.algorithms = replace(world.algorithms, cipher=cipher, encrypt_rsa=rsa)
    for body, content in BODIES.items():
        outcome = world.levels("never", "required").send(content, "alice@example.com")
        made = bytes(outcome.deliveries[0].content)
        label = b"smime-type=authEnveloped-data" if cipher.endswith("gcm") else b"smime-type=enveloped-data"
        assert label in made
        opened = Witness(tmp_path).decrypt(made, issued.pem() + issued.key_pem())
        assert inner(opened) == inner(content), body


@pytest.mark.parametrize("cipher", CIPHERS)
def test_signed_then_encrypted_to_many(cipher: str, world: World, tmp_path: Path) -> None:
    """OUT-05: the signature is inside; every recipient and the sender can open the one CMS."""
    world.hold(HELPDESK, key=True)
    readers = {f"r{n}@example.com": world.hold(f"r{n}@example.com", kind=kind) for n, kind in enumerate(RECIPIENTS)}
    world.algorithms = replace(world.algorithms, cipher=cipher)
    content = mail("MIME-Version: 1.0", "Content-Type: text/plain", to=", ".join(readers))
    (delivery,) = world.levels("required", "required").send(content, *readers).deliveries
    witness = Witness(tmp_path)
    for issued in (*readers.values(), world.issued[HELPDESK]):
        signed = witness.decrypt(bytes(delivery.content), issued.pem() + issued.key_pem())
        assert signed.lower().startswith(b"content-type: multipart/signed")
        assert inner(witness.verify(signed, world.authority.root.pem())) == inner(content)


@pytest.mark.parametrize("kind", ["ed25519"])
def test_eddsa_signature_round_trip(kind: str, world: World) -> None:
    issued = world.hold(HELPDESK, key=True, kind=kind)
    made = bytes(world.levels("required", "never").send(BODIES["umlauts"], "alice@example.com").deliveries[0].content)
    content, signature = read_entity(made).children
    (info,) = read_signed(decoded_body(signature)).signers
    part = made[content.header.start : content.end]
    hasher = info.digest.new()
    hasher.update(part)
    verify(info, hasher.digest(), issued.certificate.public_key)
    assert b"micalg=sha-512" in made


@pytest.mark.parametrize("cipher", CIPHERS)
def test_x25519_round_trip(cipher: str, world: World) -> None:
    issued = world.hold("alice@example.com", kind="x25519")
    world.algorithms = replace(world.algorithms, cipher=cipher)
    outcome = world.levels("never", "required").send(BODIES["umlauts"], "alice@example.com")
    assert outcome.verdict is Verdict.RELAY
    data = read_enveloped(decoded_body(read_entity(bytes(outcome.deliveries[0].content))))
    assert inner(bytes(decrypt(data, issued.certificate, SoftwareKey(issued.private_key)))) == inner(BODIES["umlauts"])
