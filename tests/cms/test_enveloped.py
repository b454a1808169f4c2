"""Encryption and its reading: round trips, structure, and everything an envelope must not be."""

import hashlib
from collections.abc import Callable, Iterable

import pytest
from asn1crypto import cms as oracle
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from gateway.asn1 import der
from gateway.cms import attribute
from gateway.cms.algorithm import CIPHERS, DIGESTS, TRANSPORTS
from gateway.cms.content import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA, WINDOW
from gateway.cms.enveloped import decrypt, digest_content, encrypt, read_enveloped
from gateway.cms.identity import issuer_and_serial
from gateway.cms.recipient import RECIPIENTS, recipient_info
from gateway.cms.rejected import Rejected
from gateway.cms.unwrap import decrypt_failed
from gateway.errors import LimitExceeded, Malformed
from gateway.pki.key import SoftwareKey
from gateway.reason import Reason
from tests.authority import Authority, Issued
from tests.cms.surgery import BODY, at, put, streamed

People = dict[str, Issued]
CONTENT = b"Content-Type: text/plain\r\n\r\nHello\r\n"
EVERYONE = ("rsa-2048", "p256", "p384", "p521", "x25519", "x448")
RECIPIENT = (*BODY, 1, 0)
CONTENT_ALGORITHM = (*BODY, 2, 1)
CIPHERTEXT = (*BODY, 2, 2)
MAC = (*BODY, 3)


def sealed(to: Iterable[Issued], cipher: str = "aes-256-gcm", rsa: str = "pkcs1v15", content: bytes = CONTENT) -> bytes:
    return b"".join(encrypt(content, [one.certificate for one in to], cipher, rsa))


def opened(data: bytes, by: Issued) -> bytes:
    return bytes(decrypt(read_enveloped(data), by.certificate, SoftwareKey(by.private_key)))


def refusal(data: bytes, by: Issued) -> Rejected:
    with pytest.raises(Rejected) as refused:
        opened(data, by)
    return refused.value


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("rsa", ["pkcs1v15", "oaep"])
def test_everyone_opens_one_message(people: People, cipher: str, rsa: str) -> None:
    data = sealed([people[kind] for kind in EVERYONE], cipher, rsa)
    for kind in EVERYONE:
        assert opened(data, people[kind]) == CONTENT


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-128-gcm"])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 16])
def test_sizes(people: People, cipher: str, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed([people["p256"]], cipher, content=content[:size]), people["p256"]) == content[:size]


@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-256-gcm"])
def test_content_in_slices(people: People, cipher: str) -> None:
    pieces = [b"Hel", memoryview(b"xlox")[1:3], bytearray(b""), bytearray(b" there")]
    data = b"".join(encrypt(pieces, [people["p256"].certificate], cipher, "pkcs1v15"))
    assert opened(data, people["p256"]) == b"Hello there"


@pytest.mark.parametrize("cipher", ["aes-256-cbc", "aes-256-gcm"])
def test_streaming_form_feeds_a_hash(people: People, cipher: str) -> None:
    content = CONTENT * 20_000
    hasher = hashlib.sha256()
    enveloped = read_enveloped(sealed([people["p256"]], cipher, content=content))
    digest_content(enveloped, people["p256"].certificate, SoftwareKey(people["p256"].private_key), hasher)
    assert hasher.digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("cipher", CIPHERS)
def test_ber_as_streaming_writers_make_it(people: People, cipher: str) -> None:
    assert opened(streamed(sealed([people["rsa-2048"], people["p256"]], cipher)), people["p256"]) == CONTENT


@pytest.mark.parametrize(
    ("cipher", "kinds", "kind", "version"),
    [("aes-256-cbc", ["rsa-2048"], "enveloped_data", "v0"),
     ("aes-256-cbc", ["rsa-2048", "p256"], "enveloped_data", "v2"),
     ("aes-256-gcm", ["rsa-2048", "p256"], "authenticated_enveloped_data", "v0")],
)  # fmt: skip
def test_versions(people: People, cipher: str, kinds: list[str], kind: str, version: str) -> None:
    """RFC 5652 §6.1, RFC 5083 §2.1."""
    info = oracle.ContentInfo.load(sealed([people[one] for one in kinds], cipher), strict=True)
    assert (info["content_type"].native, info["content"]["version"].native) == (kind, version)


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-cbc"])
def test_key_transport_as_a_second_library_reads_it(people: People, cipher: str) -> None:
    who = people["rsa-2048"]
    for rsa, name in (("pkcs1v15", "rsaes_pkcs1v15"), ("oaep", "rsaes_oaep")):
        body = oracle.ContentInfo.load(sealed([who], cipher, rsa), strict=True)["content"]
        (info,) = body["recipient_infos"]
        assert (info.name, info.chosen["version"].native) == ("ktri", "v0")
        assert info.chosen["rid"].chosen["serial_number"].native == who.certificate.serial
        assert info.chosen["rid"].chosen["issuer"].dump() == who.certificate.issuer_der
        assert info.chosen["key_encryption_algorithm"]["algorithm"].native == name
        inner = body["encrypted_content_info"]
        assert inner["content_type"].native == "data"
        assert inner["content_encryption_algorithm"].encryption_cipher == "aes"
        assert inner["content_encryption_algorithm"].encryption_mode == "cbc"
        assert inner["content_encryption_algorithm"].key_length == CIPHERS[cipher].key_size


@pytest.mark.parametrize(
    ("kind", "scheme", "key"),
    [("p256", "1.3.132.1.11.1", "1.2.840.10045.2.1"), ("p384", "1.3.132.1.11.2", "1.2.840.10045.2.1"),
     ("p521", "1.3.132.1.11.3", "1.2.840.10045.2.1"), ("x25519", "1.2.840.113549.1.9.16.3.19", "1.3.101.110"),
     ("x448", "1.2.840.113549.1.9.16.3.21", "1.3.101.111")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("cipher", "wrap"), [("aes-128-cbc", "2.16.840.1.101.3.4.1.5"), ("aes-256-gcm", "2.16.840.1.101.3.4.1.45")]
)
def test_key_agreement_structure(people: People, kind: str, scheme: str, key: str, cipher: str, wrap: str) -> None:
    """RFC 5753 §3.1.1, RFC 8418 §3: KDF by curve, wrap by cipher, parameters of the originator's key absent."""
    who = people[kind]
    info = at(sealed([who], cipher), *RECIPIENT)
    version, originator, algorithm, keys = info.children
    assert (info.tag, version.integer()) == (0xA1, 3)
    assert originator.only().tag == 0xA1
    assert originator.only().children[0].raw == der.sequence(der.oid(key))
    assert algorithm.raw == der.sequence(der.oid(scheme), der.sequence(der.oid(wrap)))
    assert keys.only().children[0].raw == issuer_and_serial(who.certificate)
    assert len(keys.only().children[1].octets()) == CIPHERS[cipher].key_size + 8


def test_gcm_parameters(people: People) -> None:
    """RFC 5084 §3.2: nonce of 12 octets, tag of 16."""
    data = sealed([people["p256"]], "aes-256-gcm")
    oid, parameters = at(data, *CONTENT_ALGORITHM).children
    nonce, length = parameters.children
    assert oid.raw == der.oid("2.16.840.1.101.3.4.1.46")
    assert (len(nonce.octets()), length.integer(), len(at(data, *MAC).octets())) == (12, 16, 16)


def test_recipient_infos_are_in_der_order(people: People) -> None:
    infos = [bytes(info.raw) for info in at(sealed(people[kind] for kind in EVERYONE), *BODY, 1).children]
    assert infos == sorted(infos)


def test_out_03_only_the_named_recipients_appear(people: People) -> None:
    visible = [people["rsa-2048"], people["p256"]]
    found = read_enveloped(sealed(visible)).recipients
    assert len(found) == 2
    for person in people.values():
        named = [one for one in found if one.identity is not None and one.identity.names(person.certificate)]
        assert len(named) == (person in visible)


def test_nothing_is_used_twice(people: People) -> None:
    first, second = sealed([people["p256"]]), sealed([people["p256"]])
    for path in (CONTENT_ALGORITHM, CIPHERTEXT, (*RECIPIENT, 1), (*RECIPIENT, 3)):
        assert at(first, *path).raw != at(second, *path).raw


def test_one_recipient_given_twice_appears_once(people: People) -> None:
    assert len(read_enveloped(sealed([people["p256"], people["p256"]])).recipients) == 1


def test_nobody_to_encrypt_to() -> None:
    with pytest.raises(Rejected) as refused:
        encrypt(CONTENT, [], "aes-256-cbc", "pkcs1v15")
    assert refused.value.reason is Reason.NO_CERTIFICATE


@pytest.mark.parametrize("kind", ["brainpool256", "p224", "secp256k1", "ed25519", "ml-kem-768"])
def test_keys_that_are_not_encrypted_to(authority: Authority, people: People, kind: str) -> None:
    odd = authority.leaf("odd@example.org", kind=kind, key_usage=None)
    with pytest.raises(Rejected) as refused:
        encrypt(CONTENT, [people["rsa-2048"].certificate, odd.certificate], "aes-256-cbc", "pkcs1v15")
    assert refused.value.reason is Reason.UNSUPPORTED_ALGORITHM


def test_recipient_key_of_small_order(authority: Authority) -> None:
    """An agreement with it would give a secret that everyone knows (RFC 7748 §6.1)."""

    class Zero:
        def public_key(self) -> x25519.X25519PublicKey:
            return x25519.X25519PublicKey.from_public_bytes(bytes(32))

    weak = authority.leaf("weak@example.org", kind="x25519", key=Zero())
    with pytest.raises(Rejected) as refused:
        encrypt(CONTENT, [weak.certificate], "aes-256-cbc", "pkcs1v15")
    assert refused.value.reason is Reason.WEAK_KEY


# What comes from elsewhere


def gcm(nonce: bytes, *size: bytes) -> bytes:
    return der.sequence(CIPHERS["aes-256-gcm"].oid, der.sequence(der.octets(nonce), *size))


def cbc(vector: bytes = bytes(16)) -> bytes:
    return der.sequence(CIPHERS["aes-256-cbc"].oid, der.octets(vector))


@pytest.mark.parametrize("size", [0, 1, 4, 8, 11, 13, 15, 17])
def test_dec_02_tag_of_another_length_than_declared(people: People, size: int) -> None:
    who = people["p256"]
    data = sealed([who])
    cut = put(data, MAC, der.octets((at(data, *MAC).octets() + b"\0")[:size]))
    with pytest.raises(Malformed):
        opened(cut, who)


@pytest.mark.parametrize("size", [1, 4, 8, 11])
def test_dec_02_short_tag_that_is_declared(people: People, size: int) -> None:
    who = people["p256"]
    data = sealed([who])
    nonce = at(data, *CONTENT_ALGORITHM, 1, 0).octets()
    data = put(data, CONTENT_ALGORITHM, gcm(nonce, der.integer(size)))
    with pytest.raises(Malformed):
        opened(put(data, MAC, der.octets(at(data, *MAC).octets()[:size])), who)


@pytest.mark.parametrize("size", [0, 8, 11, 13, 16, 200])
def test_dec_02_nonce_length(people: People, size: int) -> None:
    with pytest.raises(Malformed):
        opened(
            put(sealed([people["p256"]]), CONTENT_ALGORITHM, gcm(bytes(size), der.integer(16))),
            people["p256"],
        )


def test_tag_of_twelve_octets_is_the_default(people: People) -> None:
    """RFC 5084 §3.2."""
    who = people["p256"]
    data = sealed([who])
    nonce = at(data, *CONTENT_ALGORITHM, 1, 0).octets()
    data = put(data, CONTENT_ALGORITHM, gcm(nonce))
    assert opened(put(data, MAC, der.octets(at(data, *MAC).octets()[:12])), who) == CONTENT


def test_dec_02_plain_cipher_in_an_authenticated_envelope(people: People) -> None:
    data = put(sealed([people["p256"]]), CONTENT_ALGORITHM, cbc())
    assert refusal(data, people["p256"]).reason is Reason.UNSUPPORTED_ALGORITHM


def test_dec_02_gcm_in_a_plain_envelope_is_read_with_its_tag_only(people: People) -> None:
    """Some write it so, with the tag at the end of the ciphertext; it must hold there."""
    who = people["p256"]
    data = sealed([who], "aes-256-gcm")
    ciphertext, tag = at(data, *CIPHERTEXT).value, at(data, *MAC).octets()
    plain = put(put(data, MAC), (0,), ENVELOPED_DATA)
    assert opened(put(plain, CIPHERTEXT, der.tlv(0x80, ciphertext + tag)), who) == CONTENT
    assert opened(streamed(put(plain, CIPHERTEXT, der.tlv(0x80, ciphertext + tag)), 5), who) == CONTENT
    for wrong in (ciphertext, ciphertext + tag[:12], ciphertext + tag[:-1] + bytes((tag[-1] ^ 1,)), tag):
        assert refusal(put(plain, CIPHERTEXT, der.tlv(0x80, wrong)), who).reason is Reason.DECRYPT_FAILED
    with pytest.raises(Malformed):
        opened(put(plain, CIPHERTEXT, der.tlv(0x80, tag[:15])), who)


def test_dec_05_cbc_relabelled_as_gcm_does_not_open(people: People) -> None:
    data = put(sealed([people["p256"]], "aes-256-cbc"), CONTENT_ALGORITHM, gcm(bytes(12), der.integer(16)))
    assert refusal(data, people["p256"]).reason is Reason.DECRYPT_FAILED


def test_dec_02_cipher_that_is_not_in_the_table(people: People) -> None:
    ofb = der.sequence(der.oid("2.16.840.1.101.3.4.1.43"), der.octets(bytes(16)))
    for cipher in ("aes-256-gcm", "aes-256-cbc"):
        data = put(sealed([people["p256"]], cipher), CONTENT_ALGORITHM, ofb)
        assert refusal(data, people["p256"]).reason is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    "algorithm", [cbc(bytes(8)), cbc(b""), cbc(bytes(17)), der.sequence(CIPHERS["aes-256-cbc"].oid)]
)
def test_dec_02_vector(people: People, algorithm: bytes) -> None:
    with pytest.raises(Malformed):
        opened(put(sealed([people["p256"]], "aes-256-cbc"), CONTENT_ALGORITHM, algorithm), people["p256"])


@pytest.mark.parametrize("size", [0, 1, 15, 17])
def test_ciphertext_that_is_not_whole_blocks(people: People, size: int) -> None:
    with pytest.raises(Malformed):
        opened(put(sealed([people["p256"]], "aes-256-cbc"), CIPHERTEXT, der.tlv(0x80, bytes(size))), people["p256"])


def test_dec_03_nothing_is_released_before_the_tag(people: People) -> None:
    who = people["p256"]
    data = bytearray(sealed([who]))
    data[-1] ^= 1
    assert refusal(bytes(data), who).reason is Reason.DECRYPT_FAILED
    hasher = hashlib.sha256()
    with pytest.raises(Rejected):
        digest_content(read_enveloped(data), who.certificate, SoftwareKey(who.private_key), hasher)


def test_dec_06_the_recipient_is_named_never_tried(people: People) -> None:
    """The key that would open it is there; the certificate that goes with it is not named."""
    who, other = people["p256"], people["rsa-2048"]
    enveloped = read_enveloped(sealed([who]))
    with pytest.raises(Rejected) as refused:
        decrypt(enveloped, other.certificate, SoftwareKey(who.private_key))
    assert refused.value.reason is Reason.NO_KEY


def test_dec_06_recipient_named_twice(people: People) -> None:
    who = people["rsa-2048"]
    data = sealed([who])
    """The first info that names a certificate counts, and no other is tried."""
    info = bytes(at(data, *RECIPIENT).raw)
    other = put(info, (3,), der.octets(bytes(256)))
    assert opened(put(data, RECIPIENT, info, other), who) == opened(data, who)
    with pytest.raises(Rejected):
        opened(put(data, RECIPIENT, other, info), who)


def test_dec_06_wrong_key_never_succeeds(authority: Authority, people: People) -> None:
    who = people["rsa-2048"]
    enveloped = read_enveloped(sealed([who], "aes-256-gcm"))
    wrong = SoftwareKey(people["rsa-3072"].private_key)
    for _ in range(20):
        with pytest.raises(Rejected) as refused:
            decrypt(enveloped, who.certificate, wrong)
        assert refused.value.reason is Reason.DECRYPT_FAILED


def test_dec_07_failures_after_the_key_look_alike(people: People) -> None:
    """A wrapped key that is not one, a wrapped key of another size, a wrong tag: one reason, one text."""
    who = people["rsa-2048"]
    data = sealed([who], "aes-256-gcm")
    short = recipient_info(who.certificate, bytes(16), CIPHERS["aes-256-gcm"], TRANSPORTS["pkcs1v15"])
    tampered = bytearray(data)
    tampered[-1] ^= 1
    broken = (
        put(data, (*RECIPIENT, 3), der.octets(b"\x01" * 256)),
        put(data, (*RECIPIENT, 3), der.octets(b"short")),
        put(data, RECIPIENT, short),
        bytes(tampered),
    )
    seen = {(error.reason, str(error)) for error in (refusal(one, who) for one in broken)}
    assert seen == {(Reason.DECRYPT_FAILED, str(decrypt_failed()))}


def test_bad_padding(people: People) -> None:
    who = people["p256"]
    data = sealed([who], "aes-256-cbc", content=b"x" * 31)
    vector = at(data, *CONTENT_ALGORITHM, 1).octets()
    first = put(data, CIPHERTEXT, der.tlv(0x80, at(data, *CIPHERTEXT).value[:16]))
    flipped = put(first, (*CONTENT_ALGORITHM, 1), der.octets(vector[:-1] + bytes((vector[-1] ^ ord("x"),))))
    assert refusal(flipped, who).reason is Reason.DECRYPT_FAILED


def oaep(*parameters: bytes) -> bytes:
    return der.sequence(der.oid("1.2.840.113549.1.1.7"), *parameters)


MASK = der.oid("1.2.840.113549.1.1.8")
SHA256_PARAMETER = DIGESTS["sha256"].parameter


@pytest.mark.parametrize(
    "algorithm",
    [
        oaep(),
        oaep(der.tlv(der.NULL)),
        oaep(der.octets(b"")),
        oaep(der.sequence(der.integer(1))),
        oaep(der.sequence(der.explicit(1, der.sequence(MASK, SHA256_PARAMETER)), der.explicit(0, SHA256_PARAMETER))),
        oaep(der.sequence(der.explicit(0))),
        oaep(der.sequence(der.explicit(2, der.sequence(der.oid("1.2.840.113549.1.1.9"), der.integer(1))))),
    ],
    ids=["absent", "null", "octets", "integer", "wrong order", "empty", "label of another kind"],
)
def test_dec_09_oaep_parameters_that_do_not_parse(people: People, algorithm: bytes) -> None:
    """Never read as PKCS#1 v1.5, though the wrapped key would open under it."""
    data = put(sealed([people["rsa-2048"]], rsa="pkcs1v15"), (*RECIPIENT, 2), algorithm)
    with pytest.raises(Malformed):
        opened(data, people["rsa-2048"])


@pytest.mark.parametrize(
    "algorithm",
    [
        oaep(der.sequence(der.explicit(0, der.sequence(der.oid("1.2.840.113549.2.5"), der.tlv(der.NULL))))),
        oaep(der.sequence(der.explicit(1, der.sequence(der.oid("1.2.3"), SHA256_PARAMETER)))),
        oaep(der.sequence(der.explicit(2, der.sequence(der.oid("1.2.3"), der.octets(b""))))),
        der.sequence(der.oid("1.2.840.113549.1.1.1"), der.octets(b"")),
        der.sequence(der.oid("1.2.3")),
    ],
    ids=["md5", "other mask", "other label source", "rsaEncryption with parameters", "unknown"],
)
def test_dec_09_key_transport_that_is_not_in_the_table(people: People, algorithm: bytes) -> None:
    data = put(sealed([people["rsa-2048"]], rsa="oaep"), (*RECIPIENT, 2), algorithm)
    assert refusal(data, people["rsa-2048"]).reason is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    ("info", "method"),
    [(der.tlv(0xA2, der.integer(0)), "shared-key"), (der.tlv(0xA3, der.integer(0)), "password"),
     (der.tlv(0xA4, der.oid("1.2.3"), der.octets(b"?")), "unknown")],
)  # fmt: skip
def test_dec_16_other_recipient_kinds_are_passed_over(people: People, info: bytes, method: str) -> None:
    who, other = people["p256"], people["p384"]
    data = sealed([who])
    both = put(data, RECIPIENT, info, bytes(at(data, *RECIPIENT).raw))
    assert [item.method for item in read_enveloped(both).recipients] == [method, "ecdh"]
    assert opened(both, who) == CONTENT
    assert refusal(both, other).reason is Reason.NO_KEY
    assert refusal(put(data, RECIPIENT, info), who).reason is Reason.UNSUPPORTED_ALGORITHM


def test_recipient_info_of_no_kind(people: People) -> None:
    with pytest.raises(Malformed):
        read_enveloped(put(sealed([people["p256"]]), RECIPIENT, der.tlv(0xA5)))


def test_envelope_without_recipients(people: People) -> None:
    with pytest.raises(Malformed):
        read_enveloped(put(sealed([people["p256"]]), RECIPIENT))


def test_lim_02_number_of_recipients(people: People) -> None:
    data = sealed([people["rsa-2048"]])
    info = bytes(at(data, *RECIPIENT).raw)
    with pytest.raises(LimitExceeded):
        read_enveloped(put(data, RECIPIENT, *[info] * (RECIPIENTS + 1)))


def test_lim_02_number_of_keys_in_agreements(people: People) -> None:
    data = sealed([people["p256"]])
    key = bytes(at(data, *RECIPIENT, 3, 0).raw)
    many = put(at(data, *RECIPIENT).raw.tobytes(), (3, 0), *[key] * 300)
    with pytest.raises(LimitExceeded):
        read_enveloped(put(data, RECIPIENT, many, many))


@pytest.mark.parametrize("kind", ["rsa-2048", "p256"])
def test_recipient_named_by_key_identifier(people: People, kind: str) -> None:
    who = people[kind]
    data = sealed([who])
    key_id = who.certificate.subject_key_id
    assert key_id is not None
    path = (*RECIPIENT, 1) if kind == "rsa-2048" else (*RECIPIENT, 3, 0, 0)
    name = der.tlv(0x80, key_id) if kind == "rsa-2048" else der.tlv(0xA0, der.octets(key_id))
    assert opened(put(data, path, name), who) == CONTENT


def test_agreement_for_several_recipients_in_one_info(people: People) -> None:
    """Foreign recipients may share the ephemeral key; ours is found among them."""
    who = people["p256"]
    data = sealed([who])
    foreign = der.sequence(issuer_and_serial(people["p384"].certificate), der.octets(bytes(40)))
    mine = bytes(at(data, *RECIPIENT, 3, 0).raw)
    assert opened(put(data, (*RECIPIENT, 3, 0), foreign, mine), who) == CONTENT


@pytest.mark.parametrize("originator", [der.tlv(0x80, bytes(20)), der.sequence(der.sequence(), der.integer(1))])
def test_agreement_with_a_certified_originator(people: People, originator: bytes) -> None:
    data = put(sealed([people["p256"]]), (*RECIPIENT, 1, 0), originator)
    assert refusal(data, people["p256"]).reason is Reason.UNSUPPORTED_ALGORITHM


def test_originator_key_of_another_kind(people: People) -> None:
    other = bytes(at(sealed([people["x25519"]]), *RECIPIENT, 1).raw)
    data = put(sealed([people["p256"]]), (*RECIPIENT, 1), other)
    assert refusal(data, people["p256"]).reason is Reason.UNSUPPORTED_ALGORITHM


@pytest.mark.parametrize(
    "point", [b"", b"\0", b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, b"\x04" + bytes(96)],
    ids=["empty", "infinity", "off the curve", "too large", "other curve"],
)  # fmt: skip
def test_originator_point_that_is_none(people: People, point: bytes) -> None:
    data = put(sealed([people["p256"]]), (*RECIPIENT, 1, 0, 1), der.tlv(der.BIT_STRING, b"\0", point))
    assert refusal(data, people["p256"]).reason is Reason.DECRYPT_FAILED


@pytest.mark.parametrize("kind", ["x25519", "x448"])
def test_originator_key_of_small_order(people: People, kind: str) -> None:
    size = 32 if kind == "x25519" else 56
    data = put(sealed([people[kind]]), (*RECIPIENT, 1, 0, 1), der.tlv(der.BIT_STRING, bytes(1 + size)))
    assert refusal(data, people[kind]).reason is Reason.DECRYPT_FAILED


@pytest.mark.parametrize(
    "algorithm",
    [der.sequence(der.oid("1.2.3"), der.sequence(der.oid("2.16.840.1.101.3.4.1.45"))),
     der.sequence(der.oid("1.3.132.1.11.1")),
     der.sequence(der.oid("1.3.132.1.11.1"), der.sequence(der.oid("1.2.840.113549.1.9.16.3.7"), der.tlv(der.NULL)))],
    ids=["unknown agreement", "no wrap", "RC2 wrap"],
)  # fmt: skip
def test_agreement_that_is_not_in_the_table(people: People, algorithm: bytes) -> None:
    data = put(sealed([people["p256"]]), (*RECIPIENT, 2), algorithm)
    assert refusal(data, people["p256"]).reason is Reason.UNSUPPORTED_ALGORITHM


def test_user_keying_material_is_the_salt_of_hkdf(people: People) -> None:
    """RFC 8418 §2.2, computed here step by step."""
    who = people["x25519"]
    ukm, content_key, nonce = b"keying material", bytes(range(32)), bytes(12)
    ephemeral = x25519.X25519PrivateKey.generate()
    wrap = der.sequence(der.oid("2.16.840.1.101.3.4.1.45"))
    shared = der.sequence(wrap, der.explicit(0, der.octets(ukm)), der.explicit(2, der.octets((256).to_bytes(4, "big"))))
    kek = HKDF(SHA256(), 32, ukm, shared).derive(ephemeral.exchange(who.private_key.public_key()))
    public = der.tlv(der.BIT_STRING, b"\0", ephemeral.public_key().public_bytes_raw())
    info = der.tlv(
        0xA1,
        der.integer(3),
        der.explicit(0, der.explicit(1, der.sequence(der.oid("1.3.101.110")), public)),
        der.explicit(1, der.octets(ukm)),
        der.sequence(der.oid("1.2.840.113549.1.9.16.3.19"), wrap),
        der.sequence(der.sequence(issuer_and_serial(who.certificate), der.octets(aes_key_wrap(kek, content_key)))),
    )
    sealed_content = AESGCM(content_key).encrypt(nonce, CONTENT, None)
    inner = der.sequence(DATA, gcm(nonce, der.integer(16)), der.tlv(0x80, sealed_content[:-16]))
    body = der.sequence(der.integer(0), der.tlv(der.SET, info), inner, der.octets(sealed_content[-16:]))
    assert opened(der.sequence(AUTH_ENVELOPED_DATA, der.explicit(0, body)), who) == CONTENT


def test_authenticated_attributes_are_authenticated(people: People) -> None:
    """RFC 5083 §2.2: as a SET OF, though they stand under [1]."""
    who = people["rsa-2048"]
    content_key, nonce = bytes(range(32)), bytes(12)
    attributes = der.sequence(attribute.CONTENT_TYPE, der.tlv(der.SET, DATA))
    info = recipient_info(who.certificate, content_key, CIPHERS["aes-256-gcm"], TRANSPORTS["oaep"])
    sealed_content = AESGCM(content_key).encrypt(nonce, CONTENT, der.tlv(der.SET, attributes))
    inner = der.sequence(DATA, gcm(nonce, der.integer(16)), der.tlv(0x80, sealed_content[:-16]))
    tag = der.octets(sealed_content[-16:])

    def envelope(stated: bytes) -> bytes:
        body = der.sequence(der.integer(0), der.tlv(der.SET, info), inner, stated, tag)
        return der.sequence(AUTH_ENVELOPED_DATA, der.explicit(0, body))

    assert opened(envelope(der.tlv(0xA1, attributes)), who) == CONTENT
    assert refusal(envelope(b""), who).reason is Reason.DECRYPT_FAILED


@pytest.mark.parametrize(
    "change",
    [
        lambda data: put(data, (0,), der.oid("1.2.840.113549.1.7.2")),
        lambda data: put(data, (*BODY, 2, 0), der.oid("1.2.840.113549.1.7.2")),
        lambda data: put(data, CIPHERTEXT),
        lambda data: put(data, (*BODY, 0), der.octets(b"\0")),
        lambda data: put(data, MAC),
    ],
    ids=["labelled signed", "other content type", "no ciphertext", "no version", "no tag"],
)
def test_envelopes_that_do_not_parse(people: People, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Malformed):
        read_enveloped(change(sealed([people["p256"]])))


def test_enveloped_label_on_an_authenticated_body(people: People) -> None:
    with pytest.raises(Malformed):
        read_enveloped(put(sealed([people["p256"]]), (0,), ENVELOPED_DATA))


@pytest.mark.parametrize("behind", [b"\r\n", b"\0" * 9, b"\xff", b"-- \r\nA footer\r\n", bytes(range(256))])
def test_octets_behind_the_structure_do_not_count(people: People, behind: bytes) -> None:
    who = people["p256"]
    data = sealed([who])
    assert opened(data + behind, who) == opened(data, who)
    streamed_data = streamed(data)
    assert opened(streamed_data + behind, who) == opened(data, who)
