"""What a certificate says, and what it permits."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.errors import LimitExceeded, Malformed
from gateway.pki.certificate import MAX_SIZE, UnsupportedKey, read_certificate
from gateway.reason import Reason
from tests.authority import (
    ANY_USAGE,
    CLIENT_AUTH,
    EMAIL_PROTECTION,
    SERVER_AUTH,
    Authority,
    general_names,
    make_key,
    tlv,
)


def test_reads_the_facts(authority: Authority) -> None:
    leaf = authority.leaf("alice@example.com", kind="p384", subject_addresses=["old@example.com"], serial=4711)
    found = leaf.certificate
    assert found.der == leaf.der
    assert found.fingerprint == sha256(leaf.der).hexdigest()
    assert found.subject == leaf.x509.subject.rfc4514_string({NameOID.EMAIL_ADDRESS: "emailAddress"})
    assert found.issuer == authority.intermediate.x509.subject.rfc4514_string()
    assert found.issuer_der == authority.intermediate.x509.subject.public_bytes()
    assert found.subject_der == leaf.x509.subject.public_bytes()
    assert found.serial == 4711
    assert (found.not_before, found.not_after) == (leaf.x509.not_valid_before_utc, leaf.x509.not_valid_after_utc)
    assert found.addresses == ("alice@example.com",)
    assert found.subject_addresses == ("old@example.com",)
    assert found.key_usage == {"digitalSignature", "keyAgreement"}
    assert found.extended_key_usage == {EMAIL_PROTECTION}
    assert found.authority_key_id == authority.intermediate.certificate.subject_key_id
    spki = leaf.private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found.public_key_id == sha256(spki).hexdigest()
    assert (found.key_kind, found.key_size, found.curve) == ("ec", 384, "secp384r1")
    assert not found.is_ca
    assert authority.intermediate.certificate.is_ca


def test_absent_extensions_are_told_from_empty_ones(authority: Authority) -> None:
    bare = authority.leaf(key_usage=None, extended_key_usage=None, ca=None, key_ids=False).certificate
    assert bare.key_usage is None
    assert bare.extended_key_usage is None
    assert bare.subject_key_id is None
    assert bare.authority_key_id is None
    assert bare.addresses == ()
    assert not bare.is_ca


def test_equality_is_by_der(authority: Authority) -> None:
    leaf, other = authority.leaf("a@example.com"), authority.leaf("a@example.com")
    assert leaf.certificate == read_certificate(leaf.der)
    assert len({leaf.certificate, read_certificate(leaf.der), other.certificate}) == 2
    assert leaf.certificate != leaf.der


@pytest.mark.parametrize("broken", [b"", b"0", b"\x30\x00", b"garbage" * 50, bytes(range(256))])
def test_what_does_not_parse_is_malformed(broken: bytes) -> None:
    with pytest.raises(Malformed):
        read_certificate(broken)


def test_truncated_or_prolonged_is_malformed(authority: Authority) -> None:
    der = authority.leaf("a@example.com").der
    for broken in (der[:-1], der[: len(der) // 2], der + b"\0"):
        with pytest.raises(Malformed):
            read_certificate(broken)


def test_too_large_is_not_read() -> None:
    with pytest.raises(LimitExceeded):
        read_certificate(b"\x30\x84" + MAX_SIZE.to_bytes(4) + b"\0" * MAX_SIZE)


def test_a_version_that_does_not_exist_is_malformed(authority: Authority) -> None:
    der = authority.leaf("a@example.com").der
    with pytest.raises(Malformed):
        read_certificate(der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"), 1))


def test_an_unknown_kind_of_key_says_so(authority: Authority) -> None:
    der = authority.leaf("a@example.com", kind="ml-kem-768").der
    ml_kem_768, ml_kem_512 = bytes.fromhex("0609608648016503040402"), bytes.fromhex("0609608648016503040401")
    with pytest.raises(UnsupportedKey):
        read_certificate(der.replace(ml_kem_768, ml_kem_512))


def test_an_extension_twice_is_malformed(authority: Authority) -> None:
    """RFC 5280 §4.2."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.99"), b"\x05\x00")
    der = authority.leaf("a@example.com", extensions=[(unknown, False)]).der
    doubled = der.replace(bytes.fromhex("0603551d63"), bytes.fromhex("0603551d0f"))
    assert doubled != der
    with pytest.raises(Malformed, match="twice"):
        read_certificate(doubled)


def test_a_broken_extension_that_we_do_not_use_does_no_harm(authority: Authority) -> None:
    junk = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), b"junk")
    assert authority.leaf("a@example.com", extensions=[(junk, False)]).certificate.addresses == ("a@example.com",)


def test_validity_includes_both_ends(authority: Authority) -> None:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    found = authority.leaf("a@example.com", not_before=begin, not_after=end).certificate
    second = timedelta(seconds=1)
    assert found.fault_at(begin - second) is Reason.NOT_YET_VALID
    assert found.fault_at(begin) is None
    assert found.fault_at(end) is None
    assert found.fault_at(end + second) is Reason.EXPIRED


# ── CRT-01 to CRT-03: addresses ──


def test_crt_01_addresses_by_field(authority: Authority) -> None:
    """CRT-01: SAN and subject emailAddress are told apart; the common name never counts."""
    both = authority.leaf("san@example.com", subject_addresses=["dn@example.com"]).certificate
    assert (both.addresses, both.subject_addresses) == (("san@example.com",), ("dn@example.com",))
    name_only = authority.leaf(common_name="cn@example.com").certificate
    assert (name_only.addresses, name_only.subject_addresses) == ((), ())


def test_crt_01_other_name_forms_are_no_addresses(authority: Authority) -> None:
    """CRT-01: a DNS name, a URI and a user principal name that look like addresses."""
    upn = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), tlv(0x0C, b"upn@example.com"))
    names = [x509.DNSName("dns@example.com"), x509.UniformResourceIdentifier("mailto:uri@example.com"), upn]
    assert authority.leaf("a@example.com", other_names=names).certificate.addresses == ("a@example.com",)


@pytest.mark.parametrize(
    "name",
    [
        b"a@good.example\0@evil.example",
        b"a@good.example\0",
        b"\0a@good.example",
        b"a b@example.com",
        b"a@example.com ",
        b" a@example.com",
        b"a\n@example.com",
        b"a@example.com\r\nBcc: x@y",
        b"a\x7f@example.com",
        b"a@b@example.com",
        b"a@@example.com",
        b"a@b.example,c@d.example",
        b"<a@example.com>",
        b"Alice<a@example.com>",
        "ä@example.com".encode(),
        "ä@example.com".encode("latin-1"),
        b"a@example.com;x=y",
        b"@example.com",
        b"a@",
        b"a",
        b"a(c)@example.com",
        b"a)(uid=*@example.com",
        b"",
        b'"a@example.com',
        b'a"b@c"d@example.com',
        b"a@exa\xadmple.com",
        b"a" * 320 + b"@example.com",
    ],
)
def test_crt_02_unusable_names_are_left_out(authority: Authority, name: bytes) -> None:
    """CRT-02: controls, NUL, blanks, non-IA5 and several @ never make an address; the other names stay."""
    san = general_names((0x81, name), (0x81, b"real@example.com"))
    assert authority.leaf(raw_san=san).certificate.addresses == ("real@example.com",)


@pytest.mark.parametrize(
    "name",
    [
        "a+tag@example.com",
        "*@example.com",
        "o'neil@example.com",
        ".*$|@example.com",
        '"a@b"@example.com',
        "A@Example.COM",
    ],
)
def test_crt_02_odd_but_plain_names_are_kept_as_written(authority: Authority, name: str) -> None:
    """CRT-02: metacharacters of regular expressions, SQL and globs are ordinary characters of a name."""
    assert authority.leaf(raw_san=general_names((0x81, name.encode()))).certificate.addresses == (name,)


def test_crt_02_unusable_subject_addresses_are_left_out(authority: Authority) -> None:
    """CRT-02: the rules hold for the subject's emailAddress too."""
    found = authority.leaf(subject_addresses=["a@b@example.com", "a b@example.com", "ok@example.com"]).certificate
    assert found.subject_addresses == ("ok@example.com",)


def test_crt_03_smtp_utf8_mailbox(authority: Authority) -> None:
    """CRT-03: RFC 9598: only with a non-ASCII local part, only with an A-label domain, exactly as written."""
    composed, decomposed = "ren\u00e9@example.com", "rene\u0301@example.com"
    found = authority.leaf(
        utf8_addresses=[composed, decomposed, "plain@example.com", "ä@bücher.example", "ä@xn--bcher-kva.example"]
    ).certificate
    assert found.addresses == (composed, decomposed, "ä@xn--bcher-kva.example")


@pytest.mark.parametrize(
    "address", ["ä\0@example.com", "ä b@example.com", "ä@b@example.com", "\ufeffä@example.com", "ä\u202e@example.com"]
)
def test_crt_03_utf8_names_with_controls_are_left_out(authority: Authority, address: str) -> None:
    """CRT-03 and CRT-02: the rules for characters hold for international names too, direction marks included."""
    assert authority.leaf(utf8_addresses=[address]).certificate.addresses == ()


def test_crt_03_a_mailbox_that_is_no_utf8_is_malformed(authority: Authority) -> None:
    """CRT-03."""
    mailbox = tlv(0x06, bytes.fromhex("2b06010505070809")) + tlv(0xA0, tlv(0x0C, b"\xff@example.com"))
    with pytest.raises(Malformed):
        read_certificate(authority.leaf(raw_san=general_names((0xA0, mailbox))).der)


def test_many_names_are_bounded(authority: Authority) -> None:
    def names(number: int) -> bytes:
        return b"".join(tlv(0x81, b"a%d@example.com" % n) for n in range(number))

    assert len(authority.leaf(raw_san=tlv(0x30, names(1000))).certificate.addresses) == 1000
    with pytest.raises(LimitExceeded):
        read_certificate(authority.leaf(raw_san=tlv(0x30, names(1001))).der)


# ── CRT-04: usages ──

_BOTH = ("digitalSignature", "keyEncipherment", "keyAgreement")


@pytest.mark.parametrize(
    ("kind", "usage", "sign", "encrypt"),
    [
        ("rsa-2048", None, True, True),
        ("rsa-2048", ("digitalSignature",), True, False),
        ("rsa-2048", ("nonRepudiation",), True, False),
        ("rsa-2048", ("keyEncipherment",), False, True),
        ("rsa-2048", ("keyAgreement", "dataEncipherment"), False, False),
        ("p256", None, True, True),
        ("p256", ("digitalSignature",), True, False),
        ("p256", ("keyAgreement",), False, True),
        ("p256", ("keyEncipherment",), False, False),
        ("ed25519", _BOTH, True, False),
        ("ed448", None, True, False),
        ("x25519", _BOTH, False, True),
        ("x448", None, False, True),
        ("x25519", ("keyEncipherment",), False, False),
        ("ml-dsa-65", None, True, False),
        ("ml-kem-768", None, False, True),
        ("dsa", _BOTH, True, False),
    ],
)
def test_crt_04_key_usage(authority: Authority, kind: str, usage: object, sign: bool, encrypt: bool) -> None:
    """CRT-04: keyUsage where present must permit it, and the kind of key must be able to."""
    found = authority.leaf("a@example.com", kind=kind, key_usage=usage).certificate
    assert (found.may_sign, found.may_encrypt) == (sign, encrypt)


@pytest.mark.parametrize(
    ("extended", "allowed"),
    [
        (None, True),
        ((EMAIL_PROTECTION,), True),
        ((CLIENT_AUTH, EMAIL_PROTECTION), True),
        ((ANY_USAGE,), True),
        ((SERVER_AUTH,), False),
        ((CLIENT_AUTH, SERVER_AUTH), False),
    ],
)
def test_crt_04_extended_key_usage(authority: Authority, extended: object, allowed: bool) -> None:
    """CRT-04: absent, emailProtection or anyExtendedKeyUsage (RFC 8550 §4.4.4)."""
    found = authority.leaf("a@example.com", extended_key_usage=extended).certificate
    assert (found.may_sign, found.may_encrypt) == (allowed, allowed)


def test_crt_04_a_ca_never_signs_or_encrypts_mail(authority: Authority) -> None:
    """CRT-04: also where its usages would permit it."""
    found = authority.leaf("a@example.com", ca=True, key_usage=_BOTH).certificate
    assert (found.may_sign, found.may_encrypt) == (False, False)


def test_a_key_for_pss_only_is_told_apart(authority: Authority) -> None:
    """RFC 4055 §1.2: it must not be used for anything else, so neither to encrypt nor, by us, to sign."""
    leaf = authority.leaf("a@example.com")
    rsa, pss = bytes.fromhex("06092a864886f70d0101010500"), bytes.fromhex("06092a864886f70d01010a3000")
    found = read_certificate(leaf.der.replace(rsa, pss))
    assert (found.key_kind, found.key_size) == ("rsa-pss", 2048)
    assert (found.may_sign, found.may_encrypt, found.may_seal) == (True, False, False)
    assert found.public_key_id == leaf.certificate.public_key_id


@pytest.mark.parametrize(
    ("kind", "seals"),
    [
        ("rsa-1024", False),
        ("rsa-2048", True),
        ("p224", False),
        ("p256", True),
        ("p521", True),
        ("secp256k1", False),
        ("brainpool256", False),
        ("ed25519", True),
        ("ed448", False),
        ("x25519", True),
        ("x448", False),
        ("ml-dsa-44", False),
        ("ml-kem-768", False),
        ("dsa", False),
    ],
)
def test_what_new_mail_is_made_with(authority: Authority, kind: str, seals: bool) -> None:
    assert authority.leaf("a@example.com", kind=kind, key=make_key(kind)).certificate.may_seal is seals
