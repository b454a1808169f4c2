"""The software key: what each kind can do, and that it refuses the rest."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, x25519

from gateway.pki.certificate import public_key_id
from gateway.pki.key import HASHES, KeyTransport, PrivateKey, SignatureScheme, SoftwareKey, transport_padding
from gateway.pki.kinds import SignatureKind, TransportKind
from tests.authority import make_key

DATA = b"signed attributes"


@pytest.fixture(scope="session")
def keys() -> dict[str, Any]:
    kinds = ("rsa-2048", "p256", "p384", "p521", "ed25519", "ed448", "x25519", "x448")
    return {kind: make_key(kind) for kind in kinds}


def test_it_is_known_by_its_public_key(keys: dict[str, Any]) -> None:
    for key in keys.values():
        software: PrivateKey = SoftwareKey(key)
        assert software.public_key_id == public_key_id(key.public_key())


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_rsa_signatures(keys: dict[str, Any], digest: str) -> None:
    key = keys["rsa-2048"]
    size = HASHES[digest].digest_size
    for kind, wanted in (
        (SignatureKind.RSA_PKCS1V15, padding.PKCS1v15()),
        (SignatureKind.RSA_PSS, padding.PSS(padding.MGF1(HASHES[digest]), size)),
    ):
        signature = SoftwareKey(key).sign(DATA, SignatureScheme(kind, digest))
        key.public_key().verify(signature, DATA, wanted, HASHES[digest])


@pytest.mark.parametrize("kind", ["p256", "p384", "p521"])
def test_ecdsa_signatures(keys: dict[str, Any], kind: str) -> None:
    signature = SoftwareKey(keys[kind]).sign(DATA, SignatureScheme(SignatureKind.ECDSA, "sha384"))
    keys[kind].public_key().verify(signature, DATA, ec.ECDSA(hashes.SHA384()))


@pytest.mark.parametrize("kind", ["ed25519", "ed448"])
def test_eddsa_signatures(keys: dict[str, Any], kind: str) -> None:
    signature = SoftwareKey(keys[kind]).sign(DATA, SignatureScheme(SignatureKind(kind), "sha512"))
    keys[kind].public_key().verify(signature, DATA)


@pytest.mark.parametrize(
    "transport",
    [
        KeyTransport(TransportKind.PKCS1V15),
        KeyTransport(TransportKind.OAEP),
        KeyTransport(TransportKind.OAEP, "sha1", "sha1"),
        KeyTransport(TransportKind.OAEP, "sha256", "sha1", b"label"),
    ],
)
def test_unwrap(keys: dict[str, Any], transport: KeyTransport) -> None:
    key = keys["rsa-2048"]
    wrapped = key.public_key().encrypt(bytes(32), transport_padding(transport))
    assert SoftwareKey(key).unwrap(wrapped, transport) == bytes(32)


def test_unwrap_under_another_padding(keys: dict[str, Any]) -> None:
    key = keys["rsa-2048"]
    wrapped = key.public_key().encrypt(bytes(32), transport_padding(KeyTransport(TransportKind.OAEP)))
    with pytest.raises(ValueError):
        SoftwareKey(key).unwrap(wrapped, KeyTransport(TransportKind.OAEP, "sha384", "sha384"))
    assert SoftwareKey(key).unwrap(wrapped, KeyTransport(TransportKind.PKCS1V15)) != bytes(32)


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "x25519", "x448"])
def test_agreement_is_the_same_on_both_sides(keys: dict[str, Any], kind: str) -> None:
    other = make_key(kind)
    ours, theirs = SoftwareKey(keys[kind]), SoftwareKey(other)
    assert ours.agree(other.public_key()) == theirs.agree(keys[kind].public_key())


def test_agreement_with_a_key_of_small_order(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        SoftwareKey(keys["x25519"]).agree(x25519.X25519PublicKey.from_public_bytes(bytes(32)))


@pytest.mark.parametrize("kind", ["rsa-2048", "p256", "ed25519", "ed448", "x25519", "x448"])
def test_what_a_kind_cannot_do(keys: dict[str, Any], kind: str) -> None:
    key = SoftwareKey(keys[kind])
    foreign = {"rsa-2048": SignatureKind.ECDSA, "p256": SignatureKind.ED25519}.get(kind, SignatureKind.RSA_PSS)
    with pytest.raises(ValueError, match="cannot sign"):
        key.sign(DATA, SignatureScheme(foreign, "sha256"))
    with pytest.raises(ValueError, match="not of one kind"):
        key.agree(keys["x448" if kind == "x25519" else "x25519"].public_key())
    if kind != "rsa-2048":
        with pytest.raises(ValueError, match="only an RSA key"):
            key.unwrap(bytes(256), KeyTransport(TransportKind.PKCS1V15))


def test_agreement_across_curves(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        SoftwareKey(keys["p256"]).agree(keys["p384"].public_key())
