"""Signatures made and read: structure, mathematics, and the strict rules of the signed attributes."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms as oracle

from gateway.asn1 import der
from gateway.cms import attribute, signed
from gateway.cms.algorithm import DIGESTS, scheme_for
from gateway.cms.content import DATA, SIGNED_DATA
from gateway.cms.identity import issuer_and_serial
from gateway.cms.parameter import signature_identifier
from gateway.cms.rejected import Rejected
from gateway.cms.signed import Signer, read_signed, sign_detached, sign_opaque, verify, verify_made
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.key import SignatureScheme
from gateway.pki.kinds import SignatureKind
from gateway.reason import Reason
from tests.authority import Authority, Issued
from tests.cms.conftest import AT
from tests.cms.surgery import BODY, at, put

SignerOf = Callable[..., Signer]
CONTENT = b"Content-Type: text/plain\r\n\r\nHello\r\n"
MATRIX = [
    ("rsa-2048", "sha256", "pkcs1v15"),
    ("rsa-2048", "sha384", "pss"),
    ("rsa-3072", "sha512", "pkcs1v15"),
    ("rsa-3072", "sha256", "pss"),
    ("p256", "sha256", "pss"),
    ("p384", "sha256", "pss"),
    ("p521", "sha512", "pss"),
    ("ed25519", "sha256", "pss"),
]
PARSED = {
    "rsa-pkcs1v15": "rsassa_pkcs1v15",
    "rsa-pss": "rsassa_pss",
    "ecdsa": "ecdsa",
    "ed25519": "ed25519",
}


def content_digest(signer: Signer, content: bytes = CONTENT) -> bytes:
    return hashlib.new(signer.digest.name, content).digest()


@pytest.mark.parametrize(("kind", "digest", "rsa"), MATRIX)
def test_detached_round_trip(signer: SignerOf, authority: Authority, kind: str, digest: str, rsa: str) -> None:
    who = signer(kind, digest, rsa)
    made = read_signed(sign_detached(content_digest(who), who, [authority.intermediate.der], AT))
    (info,) = made.signers
    assert made.content is None
    assert {bytes(der_) for der_ in made.certificates} == {who.certificate.der, authority.intermediate.der}
    assert info.signer.names(who.certificate)
    assert info.digest is who.digest
    verify(info, content_digest(who), who.certificate.public_key)
    with pytest.raises(Rejected) as altered:
        verify(info, content_digest(who, CONTENT + b" "), who.certificate.public_key)
    assert altered.value.reason is Reason.ALTERED


@pytest.mark.parametrize("content", [b"", CONTENT, [b"Hel", memoryview(b"lo"), bytearray(b"\r\n")], b"x" * 70_000])
def test_opaque_carries_its_content(signer: SignerOf, content: bytes | list[bytes]) -> None:
    who = signer()
    made = read_signed(b"".join(sign_opaque(content, who, [], AT)))
    whole = content if isinstance(content, bytes) else b"".join(content)
    assert made.content is not None
    assert b"".join(made.content) == whole
    verify(made.signers[0], content_digest(who, whole), who.certificate.public_key)


def test_opaque_content_is_not_copied(signer: SignerOf) -> None:
    content = bytearray(b"x" * 1000)
    pieces = list(sign_opaque(content, signer(), [], AT))
    assert [piece.obj for piece in pieces if isinstance(piece, memoryview)] == [content]


@pytest.mark.parametrize(("kind", "digest", "rsa"), MATRIX)
def test_structure_as_a_second_library_reads_it(
    signer: SignerOf, authority: Authority, kind: str, digest: str, rsa: str
) -> None:
    who = signer(kind, digest, rsa)
    data = sign_detached(content_digest(who), who, [authority.intermediate.der], AT)
    info = oracle.ContentInfo.load(data, strict=True)
    body = info["content"]
    assert (info["content_type"].native, body["version"].native) == ("signed_data", "v1")
    assert [item["algorithm"].native for item in body["digest_algorithms"]] == [who.digest.name]
    certificates = [item.chosen.dump() for item in body["certificates"]]
    assert certificates == sorted((who.certificate.der, authority.intermediate.der))
    (one,) = body["signer_infos"]
    assert one["version"].native == "v1"
    assert one["sid"].chosen["serial_number"].native == who.certificate.serial
    assert one["sid"].chosen["issuer"].dump() == who.certificate.issuer_der
    assert one["digest_algorithm"].dump() == who.digest.identifier
    assert one["signature_algorithm"].signature_algo == PARSED[who.scheme.kind]
    if who.scheme.kind == "rsa-pss":
        parameters = one["signature_algorithm"]["parameters"]
        assert parameters["salt_length"].native == who.digest.size
        assert parameters["hash_algorithm"]["algorithm"].native == who.digest.name
        assert parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native == who.digest.name
    if who.scheme.kind in ("ecdsa", "ed25519"):
        assert one["signature_algorithm"].dump()[-2:] != b"\x05\x00"


def test_signed_attributes(signer: SignerOf) -> None:
    who = signer()
    data = sign_detached(content_digest(who), who, [], AT)
    attributes = oracle.ContentInfo.load(data)["content"]["signer_infos"][0]["signed_attrs"]
    values = {item["type"].dotted: item["values"] for item in attributes}
    encoded = [item.dump() for item in attributes]
    assert encoded == sorted(encoded)
    assert values["1.2.840.113549.1.9.3"].native == ["data"]
    assert values["1.2.840.113549.1.9.4"].native == [content_digest(who)]
    assert values["1.2.840.113549.1.9.5"].native == [AT]
    certificate_id = der.octets(hashlib.sha256(who.certificate.der).digest())
    assert values["1.2.840.113549.1.9.16.2.47"].dump() == der.tlv(
        der.SET, der.sequence(der.sequence(der.sequence(certificate_id)))
    )
    (capabilities,) = values["1.2.840.113549.1.9.15"]
    assert [item["capability_id"].dotted for item in capabilities] == [
        "2.16.840.1.101.3.4.1.46",
        "2.16.840.1.101.3.4.1.6",
        "2.16.840.1.101.3.4.1.42",
        "2.16.840.1.101.3.4.1.2",
        "1.2.840.113549.1.1.7",
    ]


def test_signing_time_after_2049_is_generalized(signer: SignerOf) -> None:
    """RFC 5652 §11.3."""
    data = sign_detached(content_digest(signer()), signer(), [], datetime(2051, 1, 1, tzinfo=UTC))
    assert der.tlv(der.SET, der.tlv(der.GENERALIZED_TIME, b"20510101000000Z")) in data


@pytest.mark.parametrize(
    ("kind", "digest", "expected"),
    [("p256", "sha384", "sha384"), ("p384", "sha256", "sha384"), ("p521", "sha384", "sha512"),
     ("ed25519", "sha256", "sha512"), ("rsa-2048", "sha256", "sha256")],
)  # fmt: skip
def test_scheme_is_as_strong_as_the_curve(people: dict[str, Issued], kind: str, digest: str, expected: str) -> None:
    assert scheme_for(people[kind].certificate, digest, "pss").digest == expected


@pytest.mark.parametrize("kind", ["x25519", "x448", "brainpool256", "ed448"])
def test_keys_that_do_not_sign(authority: Authority, kind: str) -> None:
    certificate = authority.leaf("a@example.org", kind=kind).certificate
    with pytest.raises(Rejected) as refused:
        scheme_for(certificate, "sha256", "pkcs1v15")
    assert refused.value.reason is Reason.UNSUPPORTED_ALGORITHM


def test_micalg_names() -> None:
    """RFC 8551 §3.5.3.2."""
    names = {name: DIGESTS[name].micalg for name in ("sha1", "sha224", "sha256", "sha384", "sha512")}
    assert names == {
        "sha1": "sha-1",
        "sha224": "sha-224",
        "sha256": "sha-256",
        "sha384": "sha-384",
        "sha512": "sha-512",
    }


# What comes from elsewhere


INFO = (*BODY, -1, 0)
"""From a ContentInfo to its one signer info."""


def one(kind: bytes, *values: bytes) -> bytes:
    return der.sequence(kind, der.tlv(der.SET, *values))


TYPE = one(attribute.CONTENT_TYPE, DATA)


def message_digest(who: Signer) -> bytes:
    return one(attribute.MESSAGE_DIGEST, der.octets(content_digest(who)))


def craft(
    who: Signer,
    attributes: list[bytes] | None,
    *,
    digests: Iterable[bytes] | None = None,
    content_type: bytes = DATA,
    algorithm: bytes | None = None,
    copies: int = 1,
    certificates: bytes = b"",
) -> bytes:
    """A SignedData as asked for, its signature mathematically right over the attributes as they stand."""
    covered = CONTENT if attributes is None else der.tlv(der.SET, *attributes)
    info = der.sequence(
        der.integer(1),
        issuer_and_serial(who.certificate),
        who.digest.identifier,
        b"" if attributes is None else der.tlv(0xA0, *attributes),
        algorithm or signature_identifier(who.scheme),
        der.octets(who.key.sign(covered, who.scheme)),
    )
    announced = [who.digest.identifier] if digests is None else digests
    content = der.sequence(
        der.integer(1),
        der.tlv(der.SET, *announced),
        der.sequence(content_type),
        certificates,
        der.tlv(der.SET, *[info] * copies),
    )
    return der.sequence(SIGNED_DATA, der.explicit(0, content))


def judge(who: Signer, data: bytes) -> None:
    for info in read_signed(data).signers:
        verify(info, content_digest(who), who.certificate.public_key)


def test_crafted_signature_verifies(signer: SignerOf) -> None:
    """The base of the refusals below is right in itself, also in an order that is not DER's."""
    judge(signer(), craft(signer(), [message_digest(signer()), TYPE]))


@pytest.mark.parametrize(
    "fault",
    ["empty", "no type", "no digest", "two types", "two digests", "two values", "no value", "other type",
     "digest of another tag", "repeated unknown"],
)  # fmt: skip
def test_sig_14_signed_attributes(signer: SignerOf, fault: str) -> None:
    who = signer()
    digest = message_digest(who)
    unknown = one(der.oid("1.2.3"), der.integer(1))
    attributes = {
        "empty": [],
        "no type": [digest],
        "no digest": [TYPE],
        "two types": [TYPE, TYPE, digest],
        "two digests": [TYPE, digest, digest],
        "two values": [TYPE, one(attribute.MESSAGE_DIGEST, der.octets(content_digest(who)), der.octets(bytes(32)))],
        "no value": [TYPE, one(attribute.MESSAGE_DIGEST)],
        "other type": [one(attribute.CONTENT_TYPE, SIGNED_DATA), digest],
        "digest of another tag": [TYPE, one(attribute.MESSAGE_DIGEST, der.tlv(0x0C, content_digest(who)))],
        "repeated unknown": [TYPE, digest, unknown, unknown],
    }[fault]
    with pytest.raises(Malformed):
        judge(who, craft(who, attributes))


def test_sig_14_content_type_must_be_the_encapsulated_one(signer: SignerOf) -> None:
    who = signer()
    with pytest.raises(Malformed):
        judge(who, craft(who, [TYPE, message_digest(who)], content_type=SIGNED_DATA))


@pytest.mark.parametrize("digests", [[], [DIGESTS["sha512"].identifier]])
def test_sig_14_digest_must_be_announced(signer: SignerOf, digests: list[bytes]) -> None:
    """A fault of this signature only: the content can still be read (SIG-15)."""
    data = craft(signer(), [TYPE, message_digest(signer())], digests=digests)
    assert len(read_signed(data).signers) == 1
    with pytest.raises(Malformed, match="not announced"):
        judge(signer(), data)


def test_sig_04_no_signers_is_readable_and_empty(signer: SignerOf) -> None:
    assert read_signed(craft(signer(), [], copies=0)).signers == ()


def test_attributes_of_indefinite_length_are_refused(signer: SignerOf) -> None:
    """They are hashed as they stand, and only DER may stand there (RFC 5652 §5.4)."""
    who = signer()
    attributes = [TYPE, message_digest(who)]
    data = put(craft(who, attributes), (*INFO, 3), b"\xa0\x80" + b"".join(attributes) + b"\0\0")
    with pytest.raises(Malformed, match="not in DER"):
        judge(who, data)


def test_lim_02_number_of_signers(signer: SignerOf) -> None:
    with pytest.raises(LimitExceeded):
        read_signed(craft(signer(), [TYPE], copies=signed.SIGNERS + 1))


def test_lim_02_number_of_certificates(signer: SignerOf) -> None:
    many = der.tlv(0xA0, *[der.sequence()] * (signed.CERTIFICATES + 1))
    with pytest.raises(LimitExceeded):
        read_signed(craft(signer(), [TYPE], certificates=many))


def test_other_kinds_of_certificates_are_left_out(signer: SignerOf) -> None:
    mixed = der.tlv(0xA0, der.tlv(0xA1), signer().certificate.der)
    (only,) = read_signed(craft(signer(), [TYPE], certificates=mixed)).certificates
    assert bytes(only) == signer().certificate.der


def test_signature_of_another_key(signer: SignerOf) -> None:
    who, other = signer("p256"), signer("p384")
    info = read_signed(sign_detached(content_digest(who), who, [], AT)).signers[0]
    for key in (other.certificate.public_key, signer("rsa-2048").certificate.public_key):
        with pytest.raises(Rejected) as refused:
            verify(info, content_digest(who), key)
        assert refused.value.reason is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(("kind", "digest", "rsa"), MATRIX)
def test_what_was_just_made_is_held_against_what_it_has_to_be(
    signer: SignerOf, kind: str, digest: str, rsa: str
) -> None:
    """OUT-10: another content, moment, preference, certificate or key, or one bit of the signature, and it fails."""
    who, other = signer(kind, digest, rsa), signer("p384" if kind == "p256" else "p256")
    right = content_digest(who)
    info = read_signed(sign_detached(right, who, [], AT)).signers[0]
    verify_made(info, right, who, AT)
    flipped = replace(info, signature=bytes((info.signature[0], info.signature[1] ^ 1)) + info.signature[2:])
    wrong = [
        (info, bytes(len(right)), who, AT),
        (info, right, who, AT + timedelta(seconds=1)),
        (info, right, replace(who, preferred=other.certificate), AT),
        (info, right, replace(who, certificate=other.certificate), AT),
        (replace(info, attributes=None), right, who, AT),
        (replace(info, unsigned=info.attributes), right, who, AT),
        (replace(info, announced=False), right, who, AT),
        (flipped, right, who, AT),
    ]
    for read, value, by, moment in wrong:
        with pytest.raises((Rejected, Malformed)):
            verify_made(read, value, by, moment)


@pytest.mark.parametrize("kind", ["rsa-2048", "p256", "ed25519"])
@pytest.mark.parametrize("position", [0, 20, -1])
def test_altered_signature(signer: SignerOf, kind: str, position: int) -> None:
    who = signer(kind)
    info = read_signed(sign_detached(content_digest(who), who, [], AT)).signers[0]
    octets = bytearray(info.signature)
    octets[position] ^= 1
    with pytest.raises(Rejected) as refused:
        verify(replace(info, signature=bytes(octets)), content_digest(who), who.certificate.public_key)
    assert refused.value.reason is Reason.BAD_SIGNATURE


def test_altered_attribute(signer: SignerOf) -> None:
    who = signer()
    data = bytearray(sign_detached(content_digest(who), who, [], AT))
    data[data.index(b"260501120000Z")] ^= 1
    with pytest.raises(Rejected) as refused:
        judge(who, bytes(data))
    assert refused.value.reason is Reason.BAD_SIGNATURE


def test_subject_key_identifier_names_the_signer(signer: SignerOf) -> None:
    who = signer()
    data = craft(who, [TYPE, message_digest(who)])
    name = issuer_and_serial(who.certificate)
    key_id = who.certificate.subject_key_id
    assert key_id is not None
    assert at(data, *INFO, 1).raw == name
    by_key_id = put(data, (*INFO, 1), der.tlv(0x80, key_id))
    (info,) = read_signed(by_key_id).signers
    assert info.signer.names(who.certificate)
    assert not info.signer.names(signer("p384").certificate)
    verify(info, content_digest(who), who.certificate.public_key)


@pytest.mark.parametrize(
    "algorithm",
    [
        der.sequence(der.oid("1.2.3.4")),
        der.sequence(der.oid("1.2.840.10045.4.3.3")),
        der.sequence(der.oid("1.2.840.113549.1.1.5")),
    ],
    ids=["unknown", "of another digest", "sha-1"],
)
def test_unsupported_signature_algorithm(signer: SignerOf, algorithm: bytes) -> None:
    who = signer()
    with pytest.raises(Rejected) as refused:
        judge(who, craft(who, [TYPE, message_digest(who)], algorithm=algorithm))
    assert refused.value.reason is Reason.UNSUPPORTED_ALGORITHM


def test_sig_13_md5_is_too_weak_to_be_looked_at(signer: SignerOf) -> None:
    md5 = der.sequence(der.oid("1.2.840.113549.2.5"), der.tlv(der.NULL))
    data = put(craft(signer(), [TYPE], digests=[md5]), (*INFO, 2), md5)
    with pytest.raises(Rejected) as refused:
        _ = read_signed(data).signers[0].digest
    assert refused.value.reason is Reason.WEAK_ALGORITHM


def pss(*parts: bytes) -> bytes:
    return der.sequence(der.oid("1.2.840.113549.1.1.10"), der.sequence(*parts))


SHA256 = DIGESTS["sha256"].parameter
MASK = der.sequence(der.oid("1.2.840.113549.1.1.8"), SHA256)
USUAL = der.explicit(0, SHA256) + der.explicit(1, MASK)
TRAILER = der.explicit(2, der.integer(32)) + der.explicit(3, der.integer(2))


@pytest.mark.parametrize(
    ("algorithm", "reason"),
    [
        (pss(USUAL, der.explicit(2, der.integer(20))), Reason.BAD_SIGNATURE),
        (pss(USUAL), Reason.BAD_SIGNATURE),
        (pss(der.explicit(0, SHA256), der.explicit(2, der.integer(32))), Reason.BAD_SIGNATURE),
        (pss(), Reason.UNSUPPORTED_ALGORITHM),
        (
            pss(USUAL, der.explicit(2, der.integer(-1))),
            Reason.UNSUPPORTED_ALGORITHM,
        ),
        (
            pss(
                der.explicit(0, SHA256),
                der.explicit(1, MASK),
                der.explicit(2, der.integer(32)),
                der.explicit(3, der.integer(2)),
            ),
            Reason.UNSUPPORTED_ALGORITHM,
        ),
    ],
    ids=["other salt", "default salt", "mask of SHA-1", "all defaults", "negative salt", "trailer"],
)
def test_pss_parameters_are_strict(signer: SignerOf, algorithm: bytes, reason: Reason) -> None:
    who = signer("rsa-2048", "sha256", "pss")
    with pytest.raises(Rejected) as refused:
        judge(who, craft(who, [TYPE, message_digest(who)], algorithm=algorithm))
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "algorithm", [der.sequence(der.oid("1.2.840.113549.1.1.10")), pss(der.integer(1)), pss(der.explicit(0))]
)
def test_pss_parameters_that_do_not_parse(signer: SignerOf, algorithm: bytes) -> None:
    who = signer("rsa-2048", "sha256", "pss")
    with pytest.raises(Malformed):
        judge(who, craft(who, [TYPE, message_digest(who)], algorithm=algorithm))


def test_rsa_signature_named_with_its_digest_verifies(signer: SignerOf) -> None:
    """sha256WithRSAEncryption in the place of rsaEncryption (RFC 5754 §3.2)."""
    who = signer("rsa-2048")
    judge(who, craft(who, [TYPE, message_digest(who)], algorithm=der.sequence(der.oid("1.2.840.113549.1.1.11"))))


def test_pss_and_pkcs1v15_are_not_mistaken(signer: SignerOf) -> None:
    who = signer("rsa-2048", "sha256", "pkcs1v15")
    wrong = signature_identifier(SignatureScheme(SignatureKind.RSA_PSS, "sha256"))
    with pytest.raises(Rejected) as refused:
        judge(who, craft(who, [TYPE, message_digest(who)], algorithm=wrong))
    assert refused.value.reason is Reason.BAD_SIGNATURE
