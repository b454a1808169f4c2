"""Files made by the openssl command, old ways and new, are read for everything in them."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.pki.bundle import BundleFault, read_bundle
from gateway.reason import Reason
from tests.authority import Authority, Issued
from tests.openssl import openssl

SECRET = b"s3cret"
PROVIDERS = ("-provider", "legacy", "-provider", "default")


@pytest.fixture(scope="module")
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com")


@pytest.fixture
def folder(tmp_path: Path, alice: Issued) -> Path:
    (tmp_path / "alice.crt").write_bytes(alice.pem())
    (tmp_path / "alice.key").write_bytes(alice.key_pem())
    (tmp_path / "chain.crt").write_bytes(b"".join(issuer.pem() for issuer in alice.issuers))
    return tmp_path


def holds(data: bytes, passphrases: list[bytes], issued: Issued, came_with: bytes | None) -> None:
    """Key, certificate and all issuers are there, nothing else."""
    found = read_bundle(data, passphrases)
    assert found.faults == ()
    assert {item.der for item in found.certificates} == {issued.der, *(issuer.der for issuer in issued.issuers)}
    (key,) = found.keys
    assert key.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == issued.key_der()
    assert key.passphrase == came_with


MODERN_AND_LEGACY = [
    (),
    ("-legacy",),
    ("-legacy", "-descert"),
    ("-keypbe", "PBE-SHA1-RC2-128", "-certpbe", "PBE-SHA1-RC2-128", *PROVIDERS),
    ("-keypbe", "PBE-SHA1-2DES", "-certpbe", "PBE-SHA1-RC2-40", *PROVIDERS),
    ("-keypbe", "aes-128-cbc", "-certpbe", "aes-192-cbc", "-macalg", "sha512"),
    ("-keypbe", "des-ede3-cbc", "-certpbe", "des-ede3-cbc", "-macalg", "sha1"),
    ("-certpbe", "NONE"),
    ("-keypbe", "NONE", "-certpbe", "NONE", "-nomac"),
    ("-nomac",),
    ("-iter", "1"),
    ("-nomaciter",),
]
EXPORT = ("pkcs12", "-export", "-in", "alice.crt", "-inkey", "alice.key", "-certfile", "chain.crt")


@pytest.mark.parametrize("options", MODERN_AND_LEGACY, ids=" ".join)
def test_pkcs12(folder: Path, alice: Issued, options: tuple[str, ...]) -> None:
    data = openssl(*EXPORT, "-passout", "pass:s3cret", *options, folder=folder)
    in_the_clear = options[:2] == ("-keypbe", "NONE")
    holds(data, [b"no", SECRET], alice, None if in_the_clear else SECRET)
    if not in_the_clear:
        (fault,) = read_bundle(data, [b"wrong"]).objects
        assert isinstance(fault, BundleFault)
        assert fault.reason is Reason.BAD_PASSPHRASE


@pytest.mark.parametrize("options", [(), ("-legacy",)], ids=["modern", "legacy"])
def test_pkcs12_with_the_empty_passphrase(folder: Path, alice: Issued, options: tuple[str, ...]) -> None:
    data = openssl(*EXPORT, "-passout", "pass:", *options, folder=folder)
    holds(data, [], alice, None)
    holds(data, [b"some", b"other"], alice, None)


@pytest.mark.parametrize("form", ["DER", "PEM"])
def test_pkcs7_with_certificates_and_a_crl(folder: Path, authority: Authority, alice: Issued, form: str) -> None:
    crl = authority.revocation_list()
    (folder / "list.crl").write_bytes(crl.public_bytes(Encoding.PEM))
    arguments = ("-certfile", "alice.crt", "-certfile", "chain.crt", "-in", "list.crl", "-outform", form)
    found = read_bundle(openssl("crl2pkcs7", *arguments, folder=folder))
    assert {item.der for item in found.certificates} == {alice.der, *(issuer.der for issuer in alice.issuers)}
    assert [x509.load_der_x509_crl(item.der) for item in found.revocation_lists] == [crl]
    assert found.faults == ()


KEYS = {
    "pkcs8": ("pkcs8", "-topk8", "-in", "alice.key", "-passout", "pass:s3cret"),
    "pkcs8 scrypt": ("pkcs8", "-topk8", "-in", "alice.key", "-passout", "pass:s3cret", "-scrypt"),
    "pkcs8 3des": ("pkcs8", "-topk8", "-in", "alice.key", "-passout", "pass:s3cret", "-v2", "des3"),
    "pkcs8 prf sha512": ("pkcs8", "-topk8", "-in", "alice.key", "-passout", "pass:s3cret", "-v2prf", "hmacWithSHA512"),
    "pkcs8 v1": ("pkcs8", "-topk8", "-in", "alice.key", "-passout", "pass:s3cret", "-v1", "PBE-SHA1-3DES"),
    "traditional": ("rsa", "-in", "alice.key", "-aes256", "-traditional", "-passout", "pass:s3cret"),
    "traditional des3": ("rsa", "-in", "alice.key", "-des3", "-traditional", "-passout", "pass:s3cret"),
}


@pytest.mark.parametrize("arguments", KEYS.values(), ids=KEYS)
def test_encrypted_keys(folder: Path, alice: Issued, arguments: tuple[str, ...]) -> None:
    data = openssl(*arguments, folder=folder)
    (found,) = read_bundle(data, [b"no", SECRET]).keys
    assert found.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()) == alice.key_der()
    assert found.passphrase == SECRET
    for passphrases in ([], [b"wrong"]):
        (fault,) = read_bundle(data, passphrases).faults
        assert fault.reason is Reason.BAD_PASSPHRASE


def test_pkcs8_under_the_empty_passphrase(folder: Path) -> None:
    data = openssl("pkcs8", "-topk8", "-in", "alice.key", "-passout", "pass:", folder=folder)
    assert b"ENCRYPTED" in data
    (found,) = read_bundle(data).keys
    assert found.passphrase is None


def test_an_old_scheme_that_we_do_not_open_is_named(folder: Path) -> None:
    options = ("-v1", "PBE-MD5-DES", "-passout", "pass:s3cret", *PROVIDERS)
    data = openssl("pkcs8", "-topk8", "-in", "alice.key", *options, folder=folder)
    (fault,) = read_bundle(data, [SECRET]).faults
    assert fault.reason is Reason.UNSUPPORTED_ALGORITHM
    assert "convert" in fault.text


def test_pkcs12_taken_apart_by_openssl(folder: Path, alice: Issued) -> None:
    """Bag attributes, subject and issuer lines stand between the blocks."""
    (folder / "alice.p12").write_bytes(openssl(*EXPORT, "-passout", "pass:s3cret", "-name", "Alice", folder=folder))
    data = openssl("pkcs12", "-in", "alice.p12", "-passin", "pass:s3cret", "-nodes", folder=folder)
    assert b"Bag Attributes" in data
    holds(data, [], alice, None)


def test_trusted_certificate(folder: Path, alice: Issued) -> None:
    data = openssl("x509", "-in", "alice.crt", "-trustout", "-addtrust", "emailProtection", folder=folder)
    assert b"BEGIN TRUSTED CERTIFICATE" in data
    assert [item.der for item in read_bundle(data).certificates] == [alice.der]
