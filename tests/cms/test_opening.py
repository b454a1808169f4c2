"""Envelopes that only others make: older and newer ciphers, other ways to wrap the key; and how refusals look."""

import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.hashes import SHA1, SHA224, SHA256, SHA384, SHA512, HashAlgorithm

from gateway.asn1 import der
from gateway.cms.algorithm import CIPHER_BY_OID, CIPHERS, TRANSPORTS
from gateway.cms.content import ENVELOPED_DATA
from gateway.cms.enveloped import decrypt, encrypt, read_enveloped
from gateway.cms.recipient import recipient_info
from gateway.cms.rejected import Rejected
from gateway.cms.unwrap import decrypt_failed
from gateway.errors import Malformed
from gateway.pki.key import AgreementKey, KeyTransport, SignatureScheme, SoftwareKey, transport_padding
from gateway.pki.kinds import TransportKind
from gateway.reason import Reason
from tests.authority import Authority, Issued
from tests.cms import foreign
from tests.cms.surgery import BODY, at, put

CONTENT = b"Content-Type: text/plain\r\n\r\nHello\r\n"
AES_256 = CIPHERS["aes-256-gcm"]
SHA256_SCHEME = "1.3.132.1.11.1"
ML_KEM = {768: "2.16.840.1.101.3.4.4.2", 1024: "2.16.840.1.101.3.4.4.3"}
ROWS = {row.name: row for row in CIPHER_BY_OID.values()}
FOREIGN = sorted(set(ROWS) - set(CIPHERS))

People = dict[str, Issued]


class Watched(SoftwareKey):
    """A key that tells how often it was used."""

    uses = 0

    def unwrap(self, wrapped: bytes, transport: KeyTransport) -> bytes:
        self.uses += 1
        return super().unwrap(wrapped, transport)

    def agree(self, peer: AgreementKey) -> bytes:
        self.uses += 1
        return super().agree(peer)

    def decapsulate(self, ciphertext: bytes) -> bytes:
        self.uses += 1
        return super().decapsulate(ciphertext)

    def sign(self, data: bytes, scheme: SignatureScheme) -> bytes:
        raise AssertionError("nothing is signed while opening")


@pytest.fixture(scope="session")
def others(authority: Authority) -> People:
    """Owners of keys that we never seal to."""
    keys = {
        "brainpool256": ("brainpool256", ec.generate_private_key(ec.BrainpoolP256R1())),
        "brainpool384": ("brainpool256", ec.generate_private_key(ec.BrainpoolP384R1())),
        "brainpool512": ("brainpool256", ec.generate_private_key(ec.BrainpoolP512R1())),
        "ml-kem-768": ("ml-kem-768", mlkem.MLKEM768PrivateKey.generate()),
        "ml-kem-1024": ("ml-kem-768", mlkem.MLKEM1024PrivateKey.generate()),
        "rsa-1024": ("rsa-1024", None),
    }
    return {name: authority.leaf(f"{name}@example.org", kind=kind, key=key) for name, (kind, key) in keys.items()}


def opened(data: bytes, by: Issued, accept_legacy: bool = False) -> bytes:
    return bytes(decrypt(read_enveloped(data), by.certificate, SoftwareKey(by.private_key), accept_legacy))


def refusal(data: bytes, by: Issued, accept_legacy: bool = False, uses: int | None = None) -> Rejected:
    """The refusal of ``data``; ``uses``: how often the key was used for it."""
    key = Watched(by.private_key)
    with pytest.raises(Rejected) as refused:
        decrypt(read_enveloped(data), by.certificate, key, accept_legacy)
    assert uses in (None, key.uses)
    return refused.value


def transported(name: str, to: Issued, plaintext: bytes = CONTENT) -> bytes:
    """An envelope under the foreign cipher ``name``."""
    key = secrets.token_bytes(ROWS[name].key_size)
    info = recipient_info(to.certificate, key, AES_256, TRANSPORTS["pkcs1v15"])
    return foreign.envelope(info, foreign.content(name, key, plaintext))


def sealed_for(info: bytes, key: bytes) -> bytes:
    return foreign.envelope(info, foreign.content("chacha20-poly1305", key, CONTENT))


# ciphers


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 1000])
@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_ciphers(people: People, name: str, size: int) -> None:
    data = transported(name, people["rsa-2048"], bytes(size))
    assert opened(data, people["rsa-2048"], accept_legacy=True) == bytes(size)
    assert read_enveloped(data).cipher.name == name


@pytest.mark.parametrize("name", ["3des-cbc", "rc2-128-cbc"])
def test_legacy_ciphers_stay_closed_and_cost_no_key(people: People, name: str) -> None:
    data = transported(name, people["rsa-2048"])
    assert refusal(data, people["rsa-2048"], uses=0).reason is Reason.WEAK_ALGORITHM


@pytest.mark.parametrize("name", FOREIGN)
def test_dec_03_altered_ciphertext(people: People, name: str) -> None:
    who = people["rsa-2048"]
    data = transported(name, who)
    where = (*BODY, 2, 2)
    octets = bytearray(at(data, *where).value)
    octets[0] ^= 1
    changed = put(data, where, der.tlv(0x80, bytes(octets)))
    if ROWS[name].aead:
        assert refusal(changed, who).reason is Reason.DECRYPT_FAILED
    else:
        assert opened(changed, who, accept_legacy=True) != CONTENT


@pytest.mark.parametrize("version", [160, 120, 57, 256])
def test_rc2_of_another_size(people: People, version: int) -> None:
    data = transported("rc2-128-cbc", people["rsa-2048"])
    changed = put(data, (*BODY, 2, 1, 1, 0), der.integer(version))
    assert refusal(changed, people["rsa-2048"], True, uses=0).reason is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("rc2-128-cbc", der.octets(bytes(8))), ("rc2-128-cbc", der.sequence(der.integer(58), der.octets(bytes(7)))),
     ("3des-cbc", der.octets(bytes(16))), ("3des-cbc", b""), ("chacha20-poly1305", der.octets(bytes(8))),
     ("chacha20-poly1305", der.sequence(der.octets(bytes(12)))), ("chacha20-poly1305", b"")],
)  # fmt: skip
def test_dec_02_parameters_of_foreign_ciphers(people: People, name: str, parameters: bytes) -> None:
    data = transported(name, people["rsa-2048"])
    algorithm = der.sequence(ROWS[name].oid, parameters)
    with pytest.raises(Malformed):
        opened(put(data, (*BODY, 2, 1), algorithm), people["rsa-2048"], accept_legacy=True)


def test_dec_02_chacha_only_in_an_authenticated_envelope(people: People) -> None:
    data = transported("chacha20-poly1305", people["rsa-2048"])
    tag = at(data, *BODY, 3).octets()
    plain = put(put(data, (*BODY, 3)), (0,), ENVELOPED_DATA)
    joined = put(plain, (*BODY, 2, 2), der.tlv(0x80, at(data, *BODY, 2, 2).value + tag))
    assert refusal(joined, people["rsa-2048"], uses=0).reason is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize("size", [0, 8, 12, 15, 17])
def test_dec_02_chacha_tag_has_sixteen_octets(people: People, size: int) -> None:
    data = put(transported("chacha20-poly1305", people["rsa-2048"]), (*BODY, 3), der.octets(bytes(size)))
    with pytest.raises(Malformed):
        opened(data, people["rsa-2048"])


# key transport


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("mask", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("label", [b"", b"a label"])
def test_oaep_of_every_form(people: People, digest: str, mask: str, label: bytes) -> None:
    """RFC 4055 §4.1: parts that are the default are left out, or stated."""
    who, key = people["rsa-2048"], bytes(range(32))
    digests = {"sha1": "1.3.14.3.2.26"} | {
        f"sha{n}": f"2.16.840.1.101.3.4.2.{arc}" for n, arc in ((224, 4), (256, 1), (384, 2), (512, 3))
    }
    hashed, masked = (der.sequence(der.oid(digests[name]), der.tlv(der.NULL)) for name in (digest, mask))
    mgf = der.sequence(der.oid("1.2.840.113549.1.1.8"), masked)
    source = der.sequence(der.oid("1.2.840.113549.1.1.9"), der.octets(label))
    wrapped = who.private_key.public_key().encrypt(
        key, transport_padding(KeyTransport(TransportKind.OAEP, digest, mask, label))
    )
    parts = (
        b"" if digest == "sha1" else der.explicit(0, hashed),
        b"" if mask == "sha1" else der.explicit(1, mgf),
        b"" if not label else der.explicit(2, source),
    )
    whole = (der.explicit(0, hashed), der.explicit(1, mgf), der.explicit(2, source))
    data = b"".join(encrypt(CONTENT, [who.certificate], "aes-256-gcm", "oaep"))
    data = put(sealed_for(bytes(at(data, *BODY, 1, 0).raw), key), (*BODY, 1, 0, 3), der.octets(wrapped))
    for parameters in (parts, whole):
        algorithm = der.sequence(der.oid("1.2.840.113549.1.1.7"), der.sequence(*parameters))
        assert opened(put(data, (*BODY, 1, 0, 2), algorithm), who) == CONTENT


def test_small_rsa_keys_are_legacy(others: People) -> None:
    who = others["rsa-1024"]
    data = b"".join(encrypt(CONTENT, [who.certificate], "aes-128-cbc", "pkcs1v15"))
    assert refusal(data, who, uses=0).reason is Reason.WEAK_KEY
    assert opened(data, who, accept_legacy=True) == CONTENT


def test_key_transport_to_a_key_that_takes_none(people: People) -> None:
    data = b"".join(encrypt(CONTENT, [people["rsa-2048"].certificate], "aes-256-gcm", "pkcs1v15"))
    renamed = put(data, (*BODY, 1, 0, 1), bytes(foreign.issuer_and_serial(people["p256"].certificate)))
    assert refusal(renamed, people["p256"], uses=0).reason is Reason.UNSUPPORTED_ALGORITHM


# key agreement


SCHEMES: list[tuple[str, HashAlgorithm]] = [
    ("1.3.133.16.840.63.0.2", SHA1()), ("1.3.132.1.11.0", SHA224()), ("1.3.132.1.11.1", SHA256()),
    ("1.3.132.1.11.2", SHA384()), ("1.3.132.1.11.3", SHA512()), ("1.3.133.16.840.63.0.3", SHA1()),
    ("1.3.132.1.14.0", SHA224()), ("1.3.132.1.14.1", SHA256()), ("1.3.132.1.14.2", SHA384()),
    ("1.3.132.1.14.3", SHA512()),
]  # fmt: skip


@pytest.mark.parametrize(("oid", "digest"), SCHEMES, ids=[oid for oid, _ in SCHEMES])
@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("ukm", [None, b"keying material"])
def test_agreement_of_every_form(people: People, oid: str, digest: HashAlgorithm, size: int, ukm: bytes | None) -> None:
    """SHA-1 derives keys as well as any: it is not weak there."""
    key = bytes(range(32))
    info = foreign.agreement(people["p256"], key, oid, digest, size, ukm=ukm)
    assert opened(sealed_for(info, key), people["p256"]) == CONTENT


@pytest.mark.parametrize("curve", ["brainpool256", "brainpool384", "brainpool512"])
def test_brainpool(others: People, curve: str) -> None:
    key = bytes(range(32))
    data = sealed_for(foreign.agreement(others[curve], key, SHA256_SCHEME, SHA256()), key)
    assert opened(data, others[curve]) == CONTENT


def test_triple_des_wrap_is_legacy(people: People) -> None:
    """RFC 3217; the content may well be encrypted with something better."""
    who, key = people["p256"], bytes(range(24))
    info = foreign.agreement(who, key, SHA256_SCHEME, SHA256(), 24, triple_des=True)
    data = foreign.envelope(info, foreign.content("aes-192-gcm", key, CONTENT))
    assert refusal(data, who, uses=0).reason is Reason.WEAK_ALGORITHM
    assert opened(data, who, accept_legacy=True) == CONTENT


@pytest.mark.parametrize("place", [0, 20, 39])
def test_triple_des_wrap_is_checked(people: People, place: int) -> None:
    who, key = people["p256"], bytes(range(24))
    info = foreign.agreement(who, key, SHA256_SCHEME, SHA256(), 24, triple_des=True)
    where = (*BODY, 1, 0, 3, 0, 1)
    data = foreign.envelope(info, foreign.content("aes-192-gcm", key, CONTENT))
    wrapped = bytearray(at(data, *where).octets())
    wrapped[place] ^= 1
    for wrong in (bytes(wrapped), bytes(wrapped[:32]), bytes(48)):
        assert refusal(put(data, where, der.octets(wrong)), who, True).reason is Reason.DECRYPT_FAILED


# key encapsulation


@pytest.mark.parametrize("size", [768, 1024])
@pytest.mark.parametrize("ukm", [None, b"keying material"])
def test_key_encapsulation(others: People, size: int, ukm: bytes | None) -> None:
    """RFC 9936; the standard's own example is of a size that the library does not have."""
    who, key = others[f"ml-kem-{size}"], bytes(range(32))
    data = sealed_for(foreign.encapsulation(who, key, ML_KEM[size], ukm=ukm), key)
    (found,) = read_enveloped(data).recipients
    assert (found.method, found.identity is not None) == (f"ml-kem-{size}", True)
    assert opened(data, who) == CONTENT


def test_key_encapsulation_that_fails(others: People) -> None:
    """Another ciphertext gives another secret, one of another length none; both end alike."""
    who, key = others["ml-kem-768"], bytes(range(32))
    data = sealed_for(foreign.encapsulation(who, key, ML_KEM[768]), key)
    where = (*BODY, 1, 0, 1, 3)
    ciphertext = at(data, *where).octets()
    for wrong in (bytes(len(ciphertext)), ciphertext[:-1], b""):
        refused = refusal(put(data, where, der.octets(wrong)), who, uses=1)
        assert (refused.reason, str(refused)) == (Reason.DECRYPT_FAILED, str(decrypt_failed()))


@pytest.mark.parametrize(
    "change",
    [{"mechanism": "2.16.840.1.101.3.4.4.1"}, {"mechanism": "2.16.840.1.101.3.4.4.3"},
     {"mechanism": "1.2.3"}, {"derivation": "1.3.133.16.840.9.44.1.2"}],
    ids=["ML-KEM-512", "size of another key", "unknown", "other derivation"],
)  # fmt: skip
def test_key_encapsulation_that_is_not_supported(others: People, change: dict[str, str]) -> None:
    who, key = others["ml-kem-768"], bytes(range(32))
    info = foreign.encapsulation(who, key, **{"mechanism": ML_KEM[768]} | change)  # type: ignore[arg-type]
    assert refusal(sealed_for(info, key), who, uses=0).reason is Reason.UNSUPPORTED_ALGORITHM


def test_only_ml_kem_keys_open_encapsulated_secrets(people: People) -> None:
    for kind in ("rsa-2048", "p256", "x25519"):
        with pytest.raises(ValueError, match="only an ML-KEM key"):
            SoftwareKey(people[kind].private_key).decapsulate(bytes(1088))


def test_key_encapsulation_of_another_length_than_stated(others: People) -> None:
    who, key = others["ml-kem-768"], bytes(range(32))
    with pytest.raises(Malformed):
        opened(sealed_for(foreign.encapsulation(who, key, ML_KEM[768], stated=16), key), who)


# refusals


def test_dec_07_every_failure_after_the_key_looks_alike(people: People, others: People) -> None:
    """One reason, one text, whatever the recipient info, the padding or the cipher, and the key was used once."""
    rsa, curve, kem = people["rsa-2048"], people["p256"], others["ml-kem-768"]
    key = bytes(range(32))
    chacha = transported("chacha20-poly1305", rsa)
    cases = [
        (put(chacha, (*BODY, 1, 0, 3), der.octets(bytes(256))), rsa),
        (put(chacha, (*BODY, 3), der.octets(bytes(16))), rsa),
        (sealed_for(recipient_info(rsa.certificate, bytes(16), AES_256, TRANSPORTS["oaep"]), key), rsa),
        (sealed_for(foreign.agreement(curve, bytes(24), SHA256_SCHEME, SHA256()), key), curve),
        (sealed_for(foreign.agreement(curve, key, "1.3.132.1.11.2", SHA256()), key), curve),
        (sealed_for(foreign.encapsulation(kem, bytes(16), ML_KEM[768]), key), kem),
    ]
    seen = {(refused.reason, str(refused)) for refused in (refusal(data, who, uses=1) for data, who in cases)}
    assert seen == {(Reason.DECRYPT_FAILED, str(decrypt_failed()))}


def test_recipients_are_told_for_the_record(people: People, others: People) -> None:
    to = [people[kind].certificate for kind in ("rsa-2048", "p256")]
    found = read_enveloped(b"".join(encrypt(CONTENT, to, "aes-256-gcm", "oaep"))).recipients
    assert {(one.identity.serial, one.method) for one in found if one.identity is not None} == {
        (people["rsa-2048"].certificate.serial, "rsa-oaep"),
        (people["p256"].certificate.serial, "ecdh"),
    }
    assert {one.identity.issuer_der for one in found if one.identity is not None} == {to[0].issuer_der}
