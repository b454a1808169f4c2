"""Signatures that only others make, and the facts that are told of those that verify."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.asn1 import der
from gateway.cms import attribute
from gateway.cms.algorithm import DIGEST_BY_OID, DIGESTS, scheme_for
from gateway.cms.attribute import reads_as_attributes
from gateway.cms.content import DATA, SIGNED_DATA
from gateway.cms.identity import Identity, issuer_and_serial
from gateway.cms.rejected import Rejected
from gateway.cms.signed import (
    Signer,
    Verified,
    content_digests,
    read_signed,
    sign_detached,
    sign_opaque,
    verify,
    verify_signer,
)
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.key import HASHES, SoftwareKey
from gateway.pki.kinds import KeyKind
from gateway.reason import Reason
from tests.authority import Authority, Issued, issue
from tests.cms.conftest import AT
from tests.cms.surgery import BODY, at, put, streamed

CONTENT = b"Content-Type: text/plain\r\n\r\nHello\r\n"
INFO = (*BODY, -1, 0)
NULL = der.tlv(der.NULL)
ECDSA = "1.2.840.10045.4"
NIST = "2.16.840.1.101.3.4.3"
PKCS1 = "1.2.840.113549.1.1"

SHAKE_512 = der.sequence(der.oid("2.16.840.1.101.3.4.2.18"), der.integer(512))

CASES: list[tuple[str, str, bytes, str]] = [
    *(("rsa", name, der.sequence(der.oid(f"{PKCS1}.1"), NULL), "rsa-pkcs1v15") for name in HASHES),
    *(("rsa", name, der.sequence(der.oid(oid), NULL), "rsa-pkcs1v15") for name, oid in (
        ("sha1", f"{PKCS1}.5"), ("sha224", f"{PKCS1}.14"), ("sha256", f"{PKCS1}.11"), ("sha384", f"{PKCS1}.12"),
        ("sha512", f"{PKCS1}.13"), ("sha3-256", f"{NIST}.14"), ("sha3-384", f"{NIST}.15"), ("sha3-512", f"{NIST}.16"))),
    *((curve, name, der.sequence(der.oid(oid)), "ecdsa") for curve in ("p256", "brainpool384") for name, oid in (
        ("sha1", f"{ECDSA}.1"), ("sha224", f"{ECDSA}.3.1"), ("sha256", f"{ECDSA}.3.2"), ("sha384", f"{ECDSA}.3.3"),
        ("sha512", f"{ECDSA}.3.4"), ("sha3-256", f"{NIST}.10"), ("sha3-512", f"{NIST}.12"),
        ("sha256", "1.2.840.10045.2.1"), ("sha512", "1.2.840.10045.2.1"))),
    *((kind, name, der.sequence(der.oid(oid)), kind) for kind, oid in (
        ("ed25519", "1.3.101.112"), ("ed448", "1.3.101.113"), ("ml-dsa-44", f"{NIST}.17"), ("ml-dsa-65", f"{NIST}.18"),
        ("ml-dsa-87", f"{NIST}.19")) for name in ("sha256", "sha512", "shake256")),
    *(("dsa", name, der.sequence(der.oid(oid)), "dsa") for name, oid in (
        ("sha1", "1.2.840.10040.4.3"), ("sha256", f"{NIST}.2"), ("sha256", "1.2.840.10040.4.1"))),
]  # fmt: skip


@pytest.fixture(scope="session")
def signers(authority: Authority) -> dict[str, Issued]:
    """Owners of every kind of signing key."""
    kinds = {"rsa": "rsa-2048", "brainpool384": "brainpool256", "ml-dsa-87": "ml-dsa-65"}
    keys = {"brainpool384": ec.generate_private_key(ec.BrainpoolP384R1()),
            "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate()}  # fmt: skip
    names = ("rsa", "p256", "brainpool384", "ed25519", "ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87", "dsa")
    return {name: authority.leaf("a@example.org", kind=kinds.get(name, name), key=keys.get(name)) for name in names}


def made(key: Any, digest: str, data: bytes) -> bytes:
    """A signature by a bare key of any kind."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), HASHES[digest])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(HASHES[digest]))
    signature: bytes = key.sign(data, HASHES[digest]) if hasattr(key, "parameters") else key.sign(data)
    return signature


def one(kind: bytes, *values: bytes) -> bytes:
    return der.sequence(kind, der.tlv(der.SET, *values))


def hashed(digest: str, data: bytes = CONTENT) -> bytes:
    hasher = DIGESTS[digest].new()
    hasher.update(data)
    return hasher.digest()


def usual(digest: str) -> list[bytes]:
    return [one(attribute.CONTENT_TYPE, DATA), one(attribute.MESSAGE_DIGEST, der.octets(hashed(digest)))]


def signed(
    who: Issued,
    digest: str,
    algorithm: bytes,
    attributes: list[bytes] | None = None,
    *,
    make: Callable[[bytes], bytes] | None = None,
    unsigned: bytes = b"",
    identifier: bytes | None = None,
) -> bytes:
    """A SignedData made by anybody; without ``attributes`` the content itself is signed."""
    covered = CONTENT if attributes is None else der.tlv(der.SET, *attributes)
    signature = make(covered) if make else made(who.private_key, digest, covered)
    named = identifier or DIGESTS[digest].identifier
    info = der.sequence(
        der.integer(1),
        issuer_and_serial(who.certificate),
        named,
        b"" if attributes is None else der.tlv(0xA0, *attributes),
        algorithm,
        der.octets(signature),
        unsigned,
    )
    body = der.sequence(der.integer(1), der.tlv(der.SET, named), der.sequence(DATA), der.tlv(der.SET, info))
    return der.sequence(SIGNED_DATA, der.explicit(0, body))


def checked(data: bytes, who: Issued, content: bytes = CONTENT) -> Verified:
    (info,) = read_signed(data).signers
    return verify_signer(info, content_digests([info], content)[info.digest.name], who.certificate)


def refusal(data: bytes, who: Issued) -> Reason:
    with pytest.raises(Rejected) as refused:
        checked(data, who)
    return refused.value.reason


# algorithms


@pytest.mark.parametrize(("kind", "digest", "algorithm", "word"), CASES)
def test_every_algorithm_verifies(
    signers: dict[str, Issued], kind: str, digest: str, algorithm: bytes, word: str
) -> None:
    """SIG-13: SHA-1 and DSA are told apart as weak; they still verify."""
    who = signers[kind]
    data = signed(who, digest, algorithm, usual(digest))
    found = checked(data, who)
    weak = digest == "sha1" or kind == "dsa"
    assert (found.algorithm, found.digest, found.weak, found.attributes) == (word, digest, weak, True)
    assert found.reasons(accept_legacy=False) == ([Reason.WEAK_ALGORITHM] if weak else [])
    assert found.reasons(accept_legacy=True) == []
    with pytest.raises(Rejected) as altered:
        checked(data, who, CONTENT + b" ")
    assert altered.value.reason is Reason.ALTERED


@pytest.mark.parametrize(("kind", "digest", "algorithm", "word"), CASES)
def test_every_algorithm_refuses_another_signature(
    signers: dict[str, Issued], kind: str, digest: str, algorithm: bytes, word: str
) -> None:
    who = signers[kind]
    other = signed(who, digest, algorithm, usual(digest), make=lambda data: made(who.private_key, digest, data + b" "))
    assert refusal(other, who) is Reason.BAD_SIGNATURE, word
    foreign = signers["p256" if kind == "rsa" else "rsa"]
    (info,) = read_signed(signed(who, digest, algorithm, usual(digest))).signers
    with pytest.raises(Rejected) as refused:
        verify(info, hashed(digest), foreign.certificate.public_key)
    assert refused.value.reason is Reason.BAD_SIGNATURE


def test_ed448_with_its_own_form_of_shake(signers: dict[str, Issued]) -> None:
    """RFC 8419 §2.3: id-shake256-len of 512 bits; any other length is not read."""
    who, algorithm = signers["ed448"], der.sequence(der.oid("1.3.101.113"))
    assert checked(signed(who, "shake256", algorithm, usual("shake256"), identifier=SHAKE_512), who).weak is False
    shorter = der.sequence(der.oid("2.16.840.1.101.3.4.2.18"), der.integer(256))
    assert refusal(signed(who, "shake256", algorithm, usual("shake256"), identifier=shorter), who) is (
        Reason.UNSUPPORTED_ALGORITHM
    )


def test_every_digest_of_the_table_has_the_size_it_says() -> None:
    assert all(len(row.new().digest()) == row.size for row in DIGEST_BY_OID.values())
    assert hashed("shake256") == hashlib.shake_256(CONTENT).digest(64)


def pss(digest: str, mask: str, salt: int, defaults: bool) -> bytes:
    mgf = der.sequence(der.oid(f"{PKCS1}.8"), DIGESTS[mask].parameter)
    parts = (
        b"" if defaults and digest == "sha1" else der.explicit(0, DIGESTS[digest].parameter),
        b"" if defaults and mask == "sha1" else der.explicit(1, mgf),
        b"" if defaults and salt == 20 else der.explicit(2, der.integer(salt)),
        b"" if defaults else der.explicit(3, der.integer(1)),
    )
    return der.sequence(der.oid(f"{PKCS1}.10"), der.sequence(*parts))


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("mask", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("salt", [0, 20, 32, 100])
def test_pss_of_every_form(signers: dict[str, Issued], digest: str, mask: str, salt: int) -> None:
    """RFC 4055 §3.1: parts that are the default are left out, or stated."""
    who = signers["rsa"]

    def make(data: bytes) -> bytes:
        scheme = padding.PSS(padding.MGF1(HASHES[mask]), salt)
        signature: bytes = who.private_key.sign(data, scheme, HASHES[digest])
        return signature

    for defaults in (True, False):
        found = checked(signed(who, digest, pss(digest, mask, salt, defaults), usual(digest), make=make), who)
        assert (found.algorithm, found.weak) == ("rsa-pss", digest == "sha1")


def test_parameters_that_an_algorithm_does_not_take(signers: dict[str, Issued]) -> None:
    for kind, oid in (("rsa", f"{PKCS1}.1"), ("p256", f"{ECDSA}.3.2"), ("ed25519", "1.3.101.112")):
        algorithm = der.sequence(der.oid(oid), der.octets(b"?"))
        assert refusal(signed(signers[kind], "sha256", algorithm, usual("sha256")), signers[kind]) is (
            Reason.UNSUPPORTED_ALGORITHM
        )


def test_shake_where_a_hash_is_signed(signers: dict[str, Issued]) -> None:
    """RSA and ECDSA over SHAKE are algorithms of their own (RFC 8702), which are not read."""
    who = signers["rsa"]
    data = signed(who, "shake256", der.sequence(der.oid(f"{PKCS1}.1"), NULL), usual("shake256"), make=bytes)
    assert refusal(data, who) is Reason.UNSUPPORTED_ALGORITHM


class _Public:
    """A key that was never generated: only its public side exists."""

    def __init__(self, modulus: int, exponent: int) -> None:
        self._numbers = rsa.RSAPublicNumbers(exponent, modulus)

    def public_key(self) -> rsa.RSAPublicKey:
        return self._numbers.public_key()


@pytest.mark.parametrize(
    ("bits", "exponent"), [(8192, 65537), (8200, 65537), (16384, 65537), (2048, 2**64 + 1), (2048, 2**1024 + 1)]
)
def test_sig_13_oversized_rsa_keys_are_not_used(authority: Authority, bits: int, exponent: int) -> None:
    key = _Public(2 ** (bits - 1) + 1, exponent)
    certificate = issue(["a@example.org"], issuer=authority.intermediate, key=key).certificate
    who = Issued(authority.intermediate.x509, None)
    data = signed(who, "sha256", der.sequence(der.oid(f"{PKCS1}.1"), NULL), usual("sha256"), make=lambda _: bytes(1024))
    (info,) = read_signed(data).signers
    usable = (bits, exponent) == (8192, 65537)
    with pytest.raises(Rejected if usable else LimitExceeded):
        verify(info, hashed("sha256"), certificate.public_key)


# facts


ALGORITHM = der.sequence(der.oid(f"{ECDSA}.3.2"))


def extended(who: Issued, *attributes: bytes, unsigned: bytes = b"") -> bytes:
    return signed(who, "sha256", ALGORITHM, [*usual("sha256"), *attributes], unsigned=unsigned)


def test_what_we_sign_ourselves_tells_everything(signer: Callable[..., Signer]) -> None:
    who = signer("p256")
    (info,) = read_signed(sign_detached(hashed("sha256"), who, [], AT)).signers
    found = verify_signer(info, hashed("sha256"), who.certificate)
    assert (found.digest, found.algorithm, found.weak) == ("sha256", "ecdsa", False)
    assert (found.attributes, found.bound, found.signing_time) == (True, True, AT)
    assert found.capabilities == ("aes-256-gcm", "aes-128-gcm", "aes-256-cbc", "aes-128-cbc", "oaep")
    assert verify(info, hashed("sha256"), who.certificate.public_key).bound is False


UTC_TIMES = [
    (der.tlv(der.UTC_TIME, b"260501120000Z"), datetime(2026, 5, 1, 12, tzinfo=UTC)),
    (der.tlv(der.UTC_TIME, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
    (der.tlv(der.UTC_TIME, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (der.tlv(der.GENERALIZED_TIME, b"20510101000000Z"), datetime(2051, 1, 1, tzinfo=UTC)),
    (der.tlv(der.GENERALIZED_TIME, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
]


@pytest.mark.parametrize(("value", "expected"), UTC_TIMES)
def test_sig_12_signing_time(signers: dict[str, Issued], value: bytes, expected: datetime) -> None:
    data = extended(signers["p256"], one(attribute.SIGNING_TIME, value))
    assert checked(data, signers["p256"]).signing_time == expected


@pytest.mark.parametrize(
    "values",
    [[], [der.tlv(der.UTC_TIME, b"260501120000Z")] * 2, [der.integer(1)], [der.tlv(der.UTC_TIME, b"2605011200Z")],
     [der.tlv(der.UTC_TIME, b"261301120000Z")], [der.tlv(der.UTC_TIME, b"260501120000+0100")],
     [der.tlv(der.GENERALIZED_TIME, b"20260501120000.5Z")], [der.tlv(der.UTC_TIME, "２60501120000Z".encode())],
     [der.tlv(der.GENERALIZED_TIME, b"00000101000000Z")]],
)  # fmt: skip
def test_sig_12_signing_time_that_says_nothing(signers: dict[str, Issued], values: list[bytes]) -> None:
    """It is information only: the signature holds all the same."""
    assert (
        checked(extended(signers["p256"], one(attribute.SIGNING_TIME, *values)), signers["p256"]).signing_time is None
    )
    assert checked(extended(signers["p256"]), signers["p256"]).signing_time is None


@pytest.mark.parametrize("kind", [attribute.CONTENT_TYPE, attribute.MESSAGE_DIGEST, attribute.SIGNING_TIME])
def test_sig_14_attributes_that_must_not_be_unsigned(signers: dict[str, Issued], kind: bytes) -> None:
    """RFC 5652 §11.1-§11.3; anybody may add others."""
    who = signers["p256"]
    harmless = der.tlv(0xA1, one(der.oid("1.2.3"), der.integer(1)))
    assert checked(extended(who, unsigned=harmless), who).attributes
    with pytest.raises(Malformed):
        checked(extended(who, unsigned=der.tlv(0xA1, one(kind, der.tlv(der.UTC_TIME, b"260501120000Z")))), who)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(der.sequence(), ()), (der.sequence(der.sequence(der.oid("1.2.3"))), ()), (der.integer(1), ()),
     (der.sequence(der.integer(1)), ()),
     (der.sequence(der.sequence(der.oid("1.2.840.113549.3.7")),
                   der.sequence(der.oid("2.16.840.1.101.3.4.1.46"), NULL)), ("3des-cbc", "aes-256-gcm"))],
)  # fmt: skip
def test_capabilities(signers: dict[str, Issued], value: bytes, expected: tuple[str, ...]) -> None:
    data = extended(signers["p256"], one(attribute.SMIME_CAPABILITIES, value))
    assert checked(data, signers["p256"]).capabilities == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(der.tlv(0x82, b"id"), Identity(None, None, b"id")),
     (der.tlv(0xA1, der.octets(b"id"), der.tlv(der.GENERALIZED_TIME, b"20260501000000Z")), Identity(None, None, b"id")),
     (der.tlv(0xA0, der.sequence(), der.integer(7)), Identity(der.sequence(), 7, None)),
     (der.tlv(0xA0), None), (der.tlv(0xA1), None), (der.tlv(0xA3), None), (der.sequence(), None),
     (der.octets(b"id"), None)],
)  # fmt: skip
def test_crt_05_what_to_encrypt_to(signers: dict[str, Issued], value: bytes, expected: Identity | None) -> None:
    """CRT-05, RFC 8551 §2.5.3: a name only, by each of the three ways; one that cannot be read is none."""
    data = extended(signers["p256"], one(attribute.KEY_PREFERENCE, value))
    assert checked(data, signers["p256"]).preferred == expected
    assert checked(extended(signers["p256"]), signers["p256"]).preferred is None


def test_sig_14_without_signed_attributes(signers: dict[str, Issued]) -> None:
    """They may be absent (RFC 8551 §2.5): the mathematics is told, and that there were none."""
    for kind, algorithm in (("rsa", der.sequence(der.oid(f"{PKCS1}.1"), NULL)), ("p256", ALGORITHM)):
        who = signers[kind]
        found = checked(signed(who, "sha256", algorithm), who)
        assert (found.attributes, found.bound, found.signing_time) == (False, False, None)
        assert found.reasons(accept_legacy=False) == []
        with pytest.raises(Rejected) as refused:
            checked(signed(who, "sha256", algorithm), who, CONTENT + b" ")
        assert refused.value.reason is Reason.BAD_SIGNATURE
    who = signers["ed25519"]
    assert refusal(signed(who, "sha256", der.sequence(der.oid("1.3.101.112"))), who) is Reason.UNSUPPORTED_ALGORITHM


def test_attributes_mistaken_for_content_never_pass(signers: dict[str, Issued]) -> None:
    """The signed attributes of a good signature, shown as content that was signed without any."""
    who = signers["p256"]
    attributes = usual("sha256")
    data = put(signed(who, "sha256", ALGORITHM, attributes), (*INFO, 3))
    content = der.tlv(der.SET, *attributes)
    assert checked(data, who, content).attributes is False
    assert reads_as_attributes(content)


def test_content_mistaken_for_attributes_is_never_made(signers: dict[str, Issued]) -> None:
    """The other direction: content that reads as attributes is signed under attributes of its own, never bare."""
    who = signers["p256"]
    content = der.tlv(der.SET, *usual("sha256"))
    signer = Signer(who.certificate, SoftwareKey(who.private_key), scheme_for(who.certificate, "sha256", "pkcs1v15"))
    (info,) = read_signed(b"".join(sign_opaque(content, signer, [], AT))).signers
    assert info.attributes is not None
    bare = replace(info, attributes=None)
    with pytest.raises(Rejected):
        verify(bare, hashlib.sha256(content).digest(), who.certificate.public_key)


@pytest.mark.parametrize(
    ("content", "reads"),
    [
        (b"", False),
        (b"1", False),
        (b"1 apple\r\n", False),
        (b"Content-Type: text/plain\r\n\r\n", False),
        (der.tlv(der.SET), False),
        (der.tlv(der.SET, der.sequence(der.oid("1.2.3"), der.tlv(der.SET))), True),
        (der.tlv(der.SET, der.sequence(der.oid("1.2.3"), der.tlv(der.SET))) + b"x", False),
        (der.tlv(der.SET, der.sequence(der.integer(1))), False),
        (der.tlv(der.SET, der.sequence()), False),
    ],
)
def test_what_reads_as_attributes(content: bytes, reads: bool) -> None:
    assert reads_as_attributes(content) is reads


def test_signature_over_sorted_attributes_that_came_unsorted(signers: dict[str, Issued]) -> None:
    """RFC 5652 §5.4: it is their DER that is signed, however they are sent."""
    who = signers["p256"]
    attributes = usual("sha256")
    in_order = der.set_of(attributes)
    unsorted = sorted(attributes, reverse=True)
    data = signed(who, "sha256", ALGORITHM, unsorted, make=lambda _: made(who.private_key, "sha256", in_order))
    assert der.tlv(der.SET, *unsorted) != in_order
    assert checked(data, who).attributes


# the certificate that a signature names


def certificate_id(certificate: bytes, digest: str = "sha256", algorithm: bytes = b"") -> bytes:
    return der.sequence(der.sequence(der.sequence(algorithm, der.octets(hashed(digest, certificate)))))


def test_signing_certificate_binds(signers: dict[str, Issued]) -> None:
    """RFC 5035: by SHA-1 in the first version, by any digest in the second."""
    who = signers["p256"]
    for kind, value in (
        (attribute.SIGNING_CERTIFICATE, certificate_id(who.der, "sha1")),
        (attribute.SIGNING_CERTIFICATE_V2, certificate_id(who.der)),
        (attribute.SIGNING_CERTIFICATE_V2, certificate_id(who.der, "sha512", DIGESTS["sha512"].identifier)),
    ):
        assert checked(extended(who, one(kind, value)), who).bound
    assert not checked(extended(who), who).bound
    unknown = certificate_id(who.der, "sha256", der.sequence(der.oid("1.2.3")))
    assert not checked(extended(who, one(attribute.SIGNING_CERTIFICATE_V2, unknown)), who).bound


def test_signing_certificate_of_another(authority: Authority, signers: dict[str, Issued]) -> None:
    """A second certificate for the same key and name cannot be put in the place of the first."""
    who = signers["p256"]
    twin = authority.leaf("b@example.org", kind="p256", key=who.private_key, serial=who.certificate.serial)
    for kind, digest in ((attribute.SIGNING_CERTIFICATE, "sha1"), (attribute.SIGNING_CERTIFICATE_V2, "sha256")):
        data = extended(who, one(kind, certificate_id(who.der, digest)))
        assert checked(data, who).bound
        assert refusal(data, twin) is Reason.BAD_SIGNATURE
    mixed = extended(who, one(attribute.SIGNING_CERTIFICATE, certificate_id(twin.der, "sha1")),
                     one(attribute.SIGNING_CERTIFICATE_V2, certificate_id(who.der)))  # fmt: skip
    assert refusal(mixed, who) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("value", [der.integer(1), der.sequence(), der.sequence(der.sequence())])
def test_signing_certificate_that_does_not_parse(signers: dict[str, Issued], value: bytes) -> None:
    with pytest.raises(Malformed):
        checked(extended(signers["p256"], one(attribute.SIGNING_CERTIFICATE_V2, value)), signers["p256"])


def test_certificate_that_the_signature_does_not_name(authority: Authority, signers: dict[str, Issued]) -> None:
    who = signers["p256"]
    stranger = authority.leaf("b@example.org", kind="p256", key=who.private_key)
    assert refusal(extended(who), stranger) is Reason.BAD_SIGNATURE


def test_key_for_pss_makes_nothing_else(signers: dict[str, Issued]) -> None:
    """RFC 4055 §1.2."""
    who = signers["rsa"]
    restricted = replace(who.certificate, key_kind=KeyKind.RSA_PSS)
    (info,) = read_signed(signed(who, "sha256", der.sequence(der.oid(f"{PKCS1}.1"), NULL), usual("sha256"))).signers
    with pytest.raises(Rejected) as refused:
        verify_signer(info, hashed("sha256"), restricted)
    assert refused.value.reason is Reason.BAD_SIGNATURE


# several signers, and none


def test_sig_05_each_signer_is_judged_alone(signers: dict[str, Issued]) -> None:
    good, bad = signers["p256"], signers["rsa"]
    first = extended(good)
    second = signed(
        bad, "sha512", der.sequence(der.oid(f"{PKCS1}.1"), NULL), usual("sha512"), make=lambda _: bytes(256)
    )
    infos = [bytes(at(data, *INFO).raw) for data in (first, second)]
    announced = der.set_of(DIGESTS[name].identifier for name in ("sha256", "sha512"))
    both = put(put(first, INFO, *infos), (*BODY, 1), announced)
    data = read_signed(streamed(both))
    digests = content_digests(data.signers, [CONTENT[:5], CONTENT[5:]])
    assert digests == {"sha256": hashed("sha256"), "sha512": hashed("sha512")}
    assert verify_signer(data.signers[0], digests["sha256"], good.certificate).algorithm == "ecdsa"
    with pytest.raises(Rejected) as refused:
        verify_signer(data.signers[1], digests["sha512"], bad.certificate)
    assert refused.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("path", [(*BODY, 0), (*INFO, 0)], ids=["SignedData", "SignerInfo"])
@pytest.mark.parametrize("version", [b"", b"\0\1", bytes(8), b"\1" * 20], ids=["none", "padded", "zeros", "long"])
def test_a_version_is_one_octet(signers: dict[str, Issued], path: tuple[int, ...], version: bytes) -> None:
    """TST-02: others refuse these."""
    good = extended(signers["p256"])
    with pytest.raises(Malformed):
        read_signed(put(good, path, der.tlv(der.INTEGER, version)))
    assert read_signed(put(good, path, der.integer(3))).signers


def test_digests_of_unknown_algorithms_are_left_out(signers: dict[str, Issued]) -> None:
    md5 = der.sequence(der.oid("1.2.840.113549.2.5"))
    data = put(extended(signers["p256"]), (*INFO, 2), md5)
    assert content_digests(read_signed(data).signers, CONTENT) == {}


def test_sig_04_certificates_only(signers: dict[str, Issued], authority: Authority) -> None:
    """What carries certificates and CRLs alone is no signature."""
    crl = authority.revocation_list().public_bytes(Encoding.DER)
    body = der.sequence(
        der.integer(1), der.tlv(der.SET), der.sequence(DATA), der.tlv(0xA0, signers["p256"].der),
        der.tlv(0xA1, crl, der.tlv(0xA1, der.oid("1.2.3"))), der.tlv(der.SET),
    )  # fmt: skip
    found = read_signed(der.sequence(SIGNED_DATA, der.explicit(0, body)))
    assert (found.signers, found.content) == ((), None)
    assert [bytes(item) for item in found.certificates] == [signers["p256"].der]
    assert [bytes(item) for item in found.revocation_lists] == [crl]


def test_sig_03_content_of_an_opaque_signature_is_told(signer: Callable[..., Signer]) -> None:
    """Beside a detached part it must not be there, also where it is empty."""
    for content in (b"", CONTENT):
        found = read_signed(b"".join(sign_opaque(content, signer(), [], AT)))
        assert found.content is not None
        assert b"".join(found.content) == content
