"""What we make, checked by the ``openssl cms`` command; what it makes, read by us.

OpenSSL 3.0 knows neither EdDSA (RFC 8419) nor X25519 and X448 (RFC 8418) in CMS: for those, ``tests/cms`` has the
round trips and the structure as asn1crypto reads it, and here it must at least parse them.
"""

import hashlib
from pathlib import Path

import pytest

from gateway.cms.algorithm import CIPHERS, scheme_for
from gateway.cms.enveloped import decrypt, encrypt, read_enveloped
from gateway.cms.probe import content_type
from gateway.cms.signed import Signer, read_signed, sign_detached, sign_opaque, verify
from gateway.pki.key import SoftwareKey
from tests.authority import Authority, Issued
from tests.cms.conftest import AT
from tests.openssl import openssl

CONTENT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nGr=C3=BC=C3=9Fe\r\n" * 200
SIGNERS = [
    ("rsa-2048", "sha256", "pkcs1v15"),
    ("rsa-2048", "sha256", "pss"),
    ("rsa-2048", "sha512", "pss"),
    ("rsa-3072", "sha384", "pkcs1v15"),
    ("rsa-3072", "sha384", "pss"),
    ("p256", "sha256", "pkcs1v15"),
    ("p384", "sha256", "pkcs1v15"),
    ("p521", "sha256", "pkcs1v15"),
]
RECIPIENTS = ("rsa-2048", "p256", "p384", "p521")
OUTER = {False: "enveloped-data", True: "authenveloped-data"}


@pytest.fixture(scope="session")
def people(authority: Authority) -> dict[str, Issued]:
    kinds = ("rsa-2048", "rsa-3072", "p256", "p384", "p521", "ed25519", "x25519", "x448")
    return {kind: authority.leaf(f"{kind}@example.org", kind=kind) for kind in kinds}


@pytest.fixture
def desk(tmp_path: Path, authority: Authority, people: dict[str, Issued]) -> Path:
    """A folder with content, root, intermediate, and a PEM file with key and certificate of everyone."""
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "root.pem").write_bytes(authority.root.pem())
    (tmp_path / "intermediate.pem").write_bytes(authority.intermediate.pem())
    for kind, person in people.items():
        (tmp_path / f"{kind}.pem").write_bytes(person.key_pem() + person.pem())
    return tmp_path


def signer_of(person: Issued, digest: str, rsa: str) -> Signer:
    return Signer(person.certificate, SoftwareKey(person.private_key), scheme_for(person.certificate, digest, rsa))


@pytest.mark.parametrize(("kind", "digest", "rsa"), SIGNERS)
def test_openssl_verifies_our_detached_signature(
    desk: Path, authority: Authority, people: dict[str, Issued], kind: str, digest: str, rsa: str
) -> None:
    who = signer_of(people[kind], digest, rsa)
    content_digest = hashlib.new(who.digest.name, CONTENT).digest()
    (desk / "cms").write_bytes(sign_detached(content_digest, who, [authority.intermediate.der], AT))
    arguments = ("-inform", "DER", "-in", "cms", "-content", "content", "-binary", "-CAfile", "root.pem", "-cades")
    assert openssl("cms", "-verify", *arguments, folder=desk) == CONTENT


@pytest.mark.parametrize(("kind", "digest", "rsa"), SIGNERS)
def test_openssl_verifies_our_opaque_signature(
    desk: Path, authority: Authority, people: dict[str, Issued], kind: str, digest: str, rsa: str
) -> None:
    who = signer_of(people[kind], digest, rsa)
    (desk / "cms").write_bytes(b"".join(sign_opaque(CONTENT, who, [authority.intermediate.der], AT)))
    arguments = ("-inform", "DER", "-in", "cms", "-binary", "-CAfile", "root.pem", "-cades")
    assert openssl("cms", "-verify", *arguments, folder=desk) == CONTENT


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize(
    ("to", "rsa"),
    [((kind,), "pkcs1v15") for kind in RECIPIENTS]
    + [(("rsa-2048",), "oaep"), (RECIPIENTS, "pkcs1v15"), (RECIPIENTS, "oaep")],
)
def test_openssl_decrypts_for_every_recipient(
    desk: Path, people: dict[str, Issued], cipher: str, to: tuple[str, ...], rsa: str
) -> None:
    (desk / "cms").write_bytes(b"".join(encrypt(CONTENT, [people[kind].certificate for kind in to], cipher, rsa)))
    for kind in to:
        arguments = ("-inform", "DER", "-in", "cms", "-inkey", f"{kind}.pem", "-recip", f"{kind}.pem", "-binary")
        assert openssl("cms", "-decrypt", *arguments, folder=desk) == CONTENT


def test_openssl_parses_what_it_cannot_check(desk: Path, people: dict[str, Issued]) -> None:
    who = signer_of(people["ed25519"], "sha256", "pkcs1v15")
    to = [people[kind].certificate for kind in ("x25519", "x448")]
    for made, words in (
        (sign_detached(bytes(64), who, [], AT), (b"ED25519", b"signingTime", b"id-smime-aa-signingCertificateV2")),
        (b"".join(encrypt(CONTENT, to, "aes-256-cbc", "pkcs1v15")), (b"X25519", b"X448", b"id-aes256-wrap")),
    ):
        (desk / "cms").write_bytes(made)
        printed = openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in", "cms", folder=desk)
        assert [word for word in words if word not in printed] == []


FORMS = [(), ("-stream",)]
"""DER, and BER of indefinite length with the content in segments."""


SIGNED_BY = [
    ("rsa-2048", "-md", "sha256"),
    ("rsa-2048", "-md", "sha512", "-keyopt", "rsa_padding_mode:pss"),
    ("rsa-3072", "-md", "sha384", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:20"),
    ("p256", "-md", "sha256"),
    ("p384", "-md", "sha384", "-keyid"),
    ("p521", "-md", "sha512", "-cades"),
]
SIGNED_AS = {"detached": (), "opaque": ("-nodetach",), "opaque in BER": ("-nodetach", "-stream")}
SIGNATURES = [
    pytest.param(form, how, id=f"{' '.join(how)} {name}")
    for name, form in SIGNED_AS.items()
    for how in SIGNED_BY
    if not ("-stream" in form and "rsa_padding_mode:pss" in how)  # OpenSSL 3.0 fails to write this one
]


@pytest.mark.parametrize(("form", "how"), SIGNATURES)
def test_we_verify_signatures_of_openssl(
    desk: Path, people: dict[str, Issued], form: tuple[str, ...], how: tuple[str, ...]
) -> None:
    kind, *options = how
    arguments = ("-in", "content", "-binary", "-outform", "DER", "-signer", f"{kind}.pem", *form, *options)
    data = openssl("cms", "-sign", *arguments, "-certfile", "intermediate.pem", folder=desk)
    made = read_signed(data)
    assert (None if made.content is None else b"".join(made.content)) == (CONTENT if form else None)
    assert people[kind].der in [bytes(certificate) for certificate in made.certificates]
    (info,) = made.signers
    assert info.signer.names(people[kind].certificate)
    verify(info, hashlib.new(info.digest.name, CONTENT).digest(), people[kind].certificate.public_key)
    assert content_type(data) == "signed-data"


TO_RSA = [
    ("rsa-2048",),
    ("rsa-2048", "-keyopt", "rsa_padding_mode:oaep"),
    ("rsa-2048", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"),
    ("rsa-2048", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha1"),
]
TO_EC = [
    (kind, *options)
    for kind in ("p256", "p384", "p521")
    for options in ((), ("-keyopt", "ecdh_kdf_md:sha256"), ("-keyopt", "ecdh_kdf_md:sha512"))
]


@pytest.mark.parametrize("form", FORMS, ids=["der", "ber"])
@pytest.mark.parametrize("to", TO_RSA + TO_EC, ids=" ".join)
@pytest.mark.parametrize("cipher", CIPHERS)
def test_we_decrypt_what_openssl_encrypted(
    desk: Path, people: dict[str, Issued], form: tuple[str, ...], to: tuple[str, ...], cipher: str
) -> None:
    kind, *options = to
    arguments = ("-in", "content", "-binary", "-outform", "DER", f"-{cipher}", *form, "-recip", f"{kind}.pem", *options)
    data = openssl("cms", "-encrypt", *arguments, folder=desk)
    person = people[kind]
    assert content_type(data) == OUTER[CIPHERS[cipher].aead]
    assert decrypt(read_enveloped(data), person.certificate, SoftwareKey(person.private_key)) == CONTENT


def test_we_find_our_recipient_among_others_of_openssl(desk: Path, people: dict[str, Issued]) -> None:
    everyone = [argument for kind in RECIPIENTS for argument in ("-recip", f"{kind}.pem")]
    options = ("-in", "content", "-binary", "-outform", "DER", "-aes-256-cbc", "-keyid", "-stream")
    enveloped = read_enveloped(openssl("cms", "-encrypt", *options, *everyone, folder=desk))
    for kind in RECIPIENTS:
        assert decrypt(enveloped, people[kind].certificate, SoftwareKey(people[kind].private_key)) == CONTENT
