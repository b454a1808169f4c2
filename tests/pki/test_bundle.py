"""What a file holds: every form, every order, and what is said of what cannot be read."""

import base64
import random
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)

from gateway.asn1.ber import read
from gateway.errors import LimitExceeded, Malformed
from gateway.pki import bundle, pbe
from gateway.pki.bundle import (
    Bundle,
    BundledCertificate,
    BundledKey,
    BundledRevocationList,
    BundleFault,
    certificates_in,
    read_bundle,
)
from gateway.pki.certificate import read_certificate
from gateway.reason import Reason
from tests.authority import Authority, Issued, make_key, tlv

SECRET = b"s3cret"


def kinds(found: Bundle) -> str:
    """The objects in short: c, k, r for certificate, key, revocation list; f for a fault."""
    letters = {BundledCertificate: "c", BundledKey: "k", BundledRevocationList: "r", BundleFault: "f"}
    return "".join(letters[type(item)] for item in found.objects)


def the_fault(data: bytes, *passphrases: bytes) -> BundleFault:
    """The only object, a fault of one clear line."""
    (fault,) = read_bundle(data, passphrases).objects
    assert isinstance(fault, BundleFault)
    assert "\n" not in fault.text
    assert len(fault.text) > 15
    return fault


def numbers(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture(scope="module")
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", kind="p256")


@pytest.fixture(scope="module")
def rsa_alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com")


# ── single objects ──


def test_der_certificate(alice: Issued) -> None:
    (found,) = read_bundle(alice.der).certificates
    assert found == BundledCertificate("file", alice.der)


@pytest.mark.parametrize(
    "kind", ["rsa-2048", "p384", "ed25519", "ed448", "x25519", "x448", "ml-dsa-44", "ml-kem-768", "dsa"]
)
@pytest.mark.parametrize("passphrase", [None, SECRET])
def test_pkcs8_keys(kind: str, passphrase: bytes | None) -> None:
    key = make_key(kind)
    protection = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    for encoding in (Encoding.DER, Encoding.PEM):
        (found,) = read_bundle(key.private_bytes(encoding, PrivateFormat.PKCS8, protection), [b"no", SECRET]).keys
        assert numbers(found.key) == numbers(key)
        assert found.passphrase == passphrase


@pytest.mark.parametrize("kind", ["rsa-2048", "p521", "dsa"])
@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_traditional_keys(kind: str, encoding: Encoding) -> None:
    key = make_key(kind)
    (found,) = read_bundle(key.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())).keys
    assert numbers(found.key) == numbers(key)
    assert found.passphrase is None


def test_traditional_encrypted_key() -> None:
    key = make_key("rsa-2048")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(SECRET))
    assert b"Proc-Type: 4,ENCRYPTED" in pem
    (found,) = read_bundle(pem, [b"no", SECRET]).keys
    assert (numbers(found.key), found.passphrase) == (numbers(key), SECRET)
    assert the_fault(pem, b"no").reason is Reason.BAD_PASSPHRASE
    assert the_fault(pem).reason is Reason.BAD_PASSPHRASE


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_pkcs7_certificates(authority: Authority, alice: Issued, encoding: Encoding) -> None:
    issued = (alice, authority.intermediate, authority.root)
    found = read_bundle(pkcs7.serialize_certificates([item.x509 for item in issued], encoding))
    assert {item.der for item in found.certificates} == {item.der for item in issued}
    assert found.certificates[2].name.endswith("certificate 3")
    assert kinds(found) == "ccc"


def test_pkcs7_in_ber(alice: Issued) -> None:
    """Indefinite lengths at every level but the certificate's."""
    content = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010701") + b"\0\0"
    signed = b"\x30\x80\x02\x01\x01\x31\x00" + content + b"\xa0\x80" + alice.der + b"\0\0" + b"\x31\x00" + b"\0\0"
    data = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010702") + b"\xa0\x80" + signed + b"\0\0\0\0"
    assert [item.der for item in read_bundle(data).certificates] == [alice.der]


def test_large_collections(alice: Issued) -> None:
    """Each object is bounded for itself, so that their number is bounded by nothing but MAX_OBJECTS."""
    found = read_bundle(pkcs7.serialize_certificates([alice.x509] * 4000, Encoding.DER))
    assert kinds(found) == "c" * 4000


def test_revocation_lists(authority: Authority) -> None:
    data = authority.revocation_list().public_bytes(Encoding.DER)
    assert read_bundle(data).revocation_lists == (BundledRevocationList("file", data),)
    pem = authority.revocation_list().public_bytes(Encoding.PEM)
    assert kinds(read_bundle(pem)) == "r"


# ── PEM with much in it ──


def test_pem_with_everything_in_order(authority: Authority, alice: Issued, rsa_alice: Issued) -> None:
    data = b"\n".join(
        [
            b"Bag Attributes\n    friendlyName: Alice\nsubject=CN = Alice\n",
            alice.pem(),
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----",
            alice.key_pem(),
            alice.pem().replace(b"BEGIN CERTIFICATE", b"BEGIN X509 CERTIFICATE").replace(b"END CERT", b"END X509 CERT"),
            pkcs7.serialize_certificates([authority.intermediate.x509], Encoding.PEM),
            rsa_alice.key_pem(SECRET),
            authority.revocation_list().public_bytes(Encoding.PEM),
        ]
    )
    for written in (data, data.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + data, data.replace(b"\n", b"\n  ")):
        found = read_bundle(written, [SECRET])
        assert kinds(found) == "ckcckr"
        assert found.objects[0] == BundledCertificate("PEM block 1 (CERTIFICATE)", alice.der)
        assert [key.passphrase for key in found.keys] == [None, SECRET]
        assert read_certificate(found.certificates[2].der) == authority.intermediate.certificate


def test_trusted_certificate_without_the_notes_on_trust(alice: Issued) -> None:
    body = base64.encodebytes(alice.der + tlv(0x30, tlv(0x0C, b"alias")))
    data = b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n"
    assert [item.der for item in read_bundle(data).certificates] == [alice.der]


def test_one_bad_block_does_not_stop_the_others(alice: Issued) -> None:
    data = b"".join(
        [
            alice.key_pem(SECRET),
            alice.pem(),
            b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n",
            alice.pem(),
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n",
            b"-----BEGIN PRIVATE KEY-----\nMAA=",
        ]
    )
    found = read_bundle(data, [b"wrong"])
    assert kinds(found) == "fcfffcff"
    assert [(fault.name, fault.reason) for fault in found.faults] == [
        ("PEM block 1 (ENCRYPTED PRIVATE KEY)", Reason.BAD_PASSPHRASE),
        ("PEM block 3 (CERTIFICATE)", Reason.MALFORMED),
        ("PEM block 4 (CERTIFICATE REQUEST)", Reason.MALFORMED),
        ("PEM block 5 (CERTIFICATE)", Reason.MALFORMED),
        ("PEM block 7 (CERTIFICATE)", Reason.MALFORMED),
        ("PEM block 8 (PRIVATE KEY)", Reason.MALFORMED),
    ]


# ── PKCS#12 ──


def p12(issued: Issued, passphrase: bytes | None, *, rounds: int = 1, mac: Any = None, above: bool = True) -> bytes:
    """A cheap PKCS#12."""
    chain = [issuer.x509 for issuer in issued.issuers] if above else None
    if passphrase is None:
        return pkcs12.serialize_key_and_certificates(b"a", issued.private_key, issued.x509, chain, NoEncryption())
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
    builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
    protection = builder.hmac_hash(mac or hashes.SHA256()).build(passphrase)
    return pkcs12.serialize_key_and_certificates(b"a", issued.private_key, issued.x509, chain, protection)


def test_pkcs12(alice: Issued) -> None:
    found = read_bundle(p12(alice, SECRET), [b"no", SECRET])
    assert sorted(kinds(found)) == ["c", "c", "c", "k"]
    assert {item.der for item in found.certificates} == {item.der for item in (alice, *alice.issuers)}
    assert numbers(found.keys[0].key) == numbers(alice.private_key)
    assert found.keys[0].passphrase == SECRET


def test_pkcs12_with_the_empty_passphrase_needs_none(alice: Issued) -> None:
    found = read_bundle(p12(alice, None))
    assert sorted(kinds(found)) == ["c", "c", "c", "k"]
    assert found.keys[0].passphrase is None


def test_pkcs12_with_a_passphrase_beyond_ascii(alice: Issued) -> None:
    secret = "pässwörd 🔑".encode()
    assert read_bundle(p12(alice, secret), [secret]).keys[0].passphrase == secret


def test_pkcs12_under_the_wrong_passphrase(alice: Issued) -> None:
    for passphrases in ((), (b"wrong",), (b"wrong", b"", b"S3CRET")):
        assert the_fault(p12(alice, SECRET), *passphrases).reason is Reason.BAD_PASSPHRASE


def test_pkcs12_in_ber(alice: Issued) -> None:
    """As NSS writes it: indefinite lengths, the content in segments."""
    version, content, mac = read(p12(alice, SECRET)).children
    safe = content.children[1].only().octets()
    segments = b"".join(tlv(0x04, safe[n : n + 100]) for n in range(0, len(safe), 100))
    data_oid = tlv(0x06, bytes.fromhex("2a864886f70d010701"))
    inner = b"\x30\x80" + data_oid + b"\xa0\x80\x24\x80" + segments + b"\0\0" * 3
    assert kinds(read_bundle(b"\x30\x80" + version.raw + inner + mac.raw + b"\0\0", [SECRET])).count("c") == 3


def test_lim_07_pkcs12_is_bounded_in_size(alice: Issued) -> None:
    """LIM-07."""
    data = tlv(0x02, b"\x03") + tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d010701")) + b"\xa0\x80" + b"\0\0")
    filler = b"\x04\x83" + (1 << 20).to_bytes(3) + bytes(1 << 20)
    body = data + filler
    assert the_fault(b"\x30\x83" + len(body).to_bytes(3) + body).reason is Reason.LIMIT


def test_lim_02_nested_bags_are_bounded(alice: Issued) -> None:
    """LIM-02: SafeContents within SafeContents, without end."""
    data_oid = tlv(0x06, bytes.fromhex("2a864886f70d010701"))

    def nested(depth: int) -> bytes:
        bags = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d010c0a0101")) + tlv(0xA0, alice.key_der()))
        for _ in range(depth):
            safe = tlv(0xA0, tlv(0x30, bags))
            bags = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d010c0a0106")) + safe)
        part = tlv(0x30, data_oid + tlv(0xA0, tlv(0x04, tlv(0x30, bags))))
        return tlv(0x30, tlv(0x02, b"\x03") + tlv(0x30, data_oid + tlv(0xA0, tlv(0x04, tlv(0x30, part)))))

    assert kinds(read_bundle(nested(4))) == "k"
    assert the_fault(nested(100)).reason is Reason.LIMIT


def with_rounds(data: bytes, rounds: int) -> bytes:
    """The MAC's count of rounds, the last element of a PFX, replaced by one of 4 bytes; all lengths are mended."""
    assert data.endswith(b"\x02\x02\x08\x00")
    changed = bytearray(data[:-4] + b"\x02\x04" + rounds.to_bytes(4))
    changed[2:4] = (int.from_bytes(data[2:4]) + 2).to_bytes(2)
    changed[read(data).children[-1].start + 1] += 2
    return bytes(changed)


def test_lim_07_rounds_of_key_derivation_are_bounded(alice: Issued) -> None:
    """LIM-07: 2^31 rounds are not begun."""
    data = p12(alice, SECRET)
    assert the_fault(with_rounds(data, 2**31 - 1), SECRET).reason is Reason.LIMIT
    assert the_fault(with_rounds(data, 1000), SECRET).reason is Reason.BAD_PASSPHRASE


def test_lim_07_the_budget_is_one_for_the_whole_file(alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIM-07: many cheap objects cost no more than one dear one."""
    block = alice.key_pem(SECRET)
    assert kinds(read_bundle(block * 3, [SECRET])) == "kkk"
    rounds = 2048
    monkeypatch.setattr(bundle, "Work", lambda: pbe.Work(left=rounds * 2))
    found = read_bundle(block * 3, [SECRET])
    assert found.faults[-1].reason is Reason.LIMIT


@pytest.mark.parametrize(("length", "fits"), [(20, True), (40, True), (64, False)])
def test_lim_07_a_long_key_costs_as_many_rounds_as_it_has_blocks(length: int, fits: bool) -> None:
    """LIM-07: PBKDF2 derives each block of the hash's size by itself."""
    sha1 = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d0207")))
    numbers = tlv(0x02, b"\x08\x00") + tlv(0x02, bytes((length,)))
    kdf = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050c")) + tlv(0x30, tlv(0x04, b"salt") + numbers + sha1))
    algorithm = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050e")) + tlv(0x30, kdf + sha1))
    work = pbe.Work(left=4096)
    if fits:
        assert len(pbe.mac(read(algorithm), b"", 1, b"", SECRET, work)) == 20
    else:
        with pytest.raises(LimitExceeded):
            pbe.mac(read(algorithm), b"", 1, b"", SECRET, work)


def test_lim_07_scrypt_is_bounded() -> None:
    """LIM-07: memory is a cost too."""

    def encrypted(cost: int, parallel: int) -> bytes:
        numbers_ = tlv(0x02, cost.to_bytes(5)) + tlv(0x02, b"\x08") + tlv(0x02, parallel.to_bytes(4))
        kdf = tlv(0x30, tlv(0x06, bytes.fromhex("2b06010401da47040b")) + tlv(0x30, tlv(0x04, b"salt") + numbers_))
        aes = tlv(0x30, tlv(0x06, bytes.fromhex("60864801650304012a")) + tlv(0x04, bytes(16)))
        pbes2 = tlv(0x30, tlv(0x06, bytes.fromhex("2a864886f70d01050d")) + tlv(0x30, kdf + aes))
        return tlv(0x30, pbes2 + tlv(0x04, bytes(64)))

    assert the_fault(encrypted(1 << 32, 1), SECRET).reason is Reason.LIMIT
    assert the_fault(encrypted(2, 1 << 17), SECRET).reason is Reason.LIMIT
    assert the_fault(encrypted(3, 1), SECRET).reason is Reason.MALFORMED
    assert the_fault(encrypted(16, 1 << 30), SECRET).reason is Reason.LIMIT
    assert the_fault(encrypted(16, 1), SECRET).reason is Reason.BAD_PASSPHRASE


def test_pkcs12_with_a_public_key_as_protection(alice: Issued) -> None:
    signed_data = bytes.fromhex("2a864886f70d010702")
    data = tlv(0x30, tlv(0x02, b"\x03") + tlv(0x30, tlv(0x06, signed_data) + tlv(0xA0, tlv(0x30, b""))))
    assert the_fault(data).reason is Reason.UNSUPPORTED_ALGORITHM


# ── what is nothing ──


@pytest.mark.parametrize("data", [b"hello", "Grüße\r\n".encode(), b"0-----BEGIN nonsense-----", b"0" * 200])
def test_text_that_is_none_of_it_says_so(data: bytes) -> None:
    assert the_fault(data).text == "no certificate, key or CRL in it"


def test_a_certificate_request_says_what_to_import_instead() -> None:
    fault = the_fault(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
    assert fault.text == "a certificate request: import what the authority made of it"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \r\n\t",
        b"hello",
        b"\0" * 1000,
        bytes(range(256)) * 10,
        b"\x30\x03\x02\x01\x01",
        b"-----BEGIN CERTIFICATE-----",
        b"0-----BEGIN nonsense-----",
        b"%PDF-1.4 and so on",
    ],
)
def test_junk_is_malformed(data: bytes) -> None:
    assert the_fault(data).reason is Reason.MALFORMED


def test_truncated_files_are_malformed(alice: Issued) -> None:
    for data in (alice.der, alice.pem(), alice.key_der(), alice.key_pem(), p12(alice, SECRET)):
        for end in (10, len(data) // 2, len(data) - 30):
            assert the_fault(data[:end], SECRET).reason is Reason.MALFORMED


def test_a_file_over_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch, alice: Issued) -> None:
    monkeypatch.setattr(bundle, "MAX_SIZE", len(alice.pem()) - 1)
    assert the_fault(alice.pem()).reason is Reason.LIMIT


def test_objects_are_bounded(monkeypatch: pytest.MonkeyPatch, alice: Issued) -> None:
    monkeypatch.setattr(bundle, "MAX_OBJECTS", 3)
    assert kinds(read_bundle(alice.pem() * 3)) == "ccc"
    found = read_bundle(alice.pem() * 4)
    assert (kinds(found), found.faults[0].reason) == ("cccf", Reason.LIMIT)


def test_keys_that_contradict_themselves_are_malformed(rsa_alice: Issued) -> None:
    good = rsa_alice.private_key.private_numbers()
    broken = rsa.RSAPrivateNumbers(good.p, good.q, good.d + 2, good.dmp1, good.dmq1, good.iqmp, good.public_numbers)
    key = broken.private_key(unsafe_skip_rsa_key_validation=True)
    data = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert the_fault(data).reason is Reason.MALFORMED


def test_large_keys_are_not_even_checked() -> None:
    integer = tlv(0x02, b"\x01" + bytes(9000))
    assert the_fault(tlv(0x30, tlv(0x02, b"\0") + integer)).reason is Reason.LIMIT


def test_faults_tell_no_secret(alice: Issued) -> None:
    for data in (alice.key_pem(SECRET), p12(alice, SECRET)):
        assert "hunter2" not in the_fault(data, b"hunter2").text


# ── whatever comes ──


def _mutant(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                changed[at] ^= 1 << chance.randrange(8)
            case 2:
                del changed[at : at + chance.randrange(1, 9)]
            case _:
                changed[at:at] = chance.randbytes(chance.randrange(1, 9))
        if not changed:
            break
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["p12", "pem", "der", "keys", "p7b"])
def test_two_thousand_mutants_of_each_form_never_raise(authority: Authority, alice: Issued, form: str) -> None:
    """The only exception that leaves this room is Malformed, and ``read_bundle`` has none at all."""
    made: dict[str, Callable[[], bytes]] = {
        "p12": lambda: p12(alice, SECRET, above=False),
        "pem": lambda: alice.pem() + alice.key_pem() + authority.intermediate.pem(),
        "der": lambda: alice.der,
        "keys": lambda: alice.key_der(),
        "p7b": lambda: pkcs7.serialize_certificates([alice.x509, authority.root.x509], Encoding.DER),
    }
    data, chance = made[form](), random.Random(form)
    for _ in range(2000):
        for item in read_bundle(_mutant(chance, data), [SECRET]).objects:
            if isinstance(item, BundledCertificate):
                try:
                    assert read_certificate(item.der).der == item.der
                except Malformed:
                    continue
            elif isinstance(item, BundleFault):
                assert item.reason in (
                    Reason.MALFORMED,
                    Reason.BAD_PASSPHRASE,
                    Reason.LIMIT,
                    Reason.UNSUPPORTED_ALGORITHM,
                )


def test_no_key_of_a_stranger_is_loaded(alice: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    """To check one takes up to a second, and a page has room for a hundred."""
    loaded: list[bytes] = []
    monkeypatch.setattr(bundle, "load_der_private_key", lambda der, _: loaded.append(der))
    page = alice.key_pem() + alice.pem()
    assert certificates_in(page) == [alice.der]
    assert not loaded
    read_bundle(page)
    assert len(loaded) == 1
