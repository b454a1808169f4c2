"""The requirement rows on inbound mail, at message level: one message in, what leaves and how it is tagged."""

import email
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from authres import AuthenticationResultsHeader
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.asn1 import der
from gateway.cms.attribute import CONTENT_TYPE, MESSAGE_DIGEST
from gateway.cms.content import DATA, ENVELOPED_DATA
from gateway.cms.identity import issuer_and_serial
from gateway.engine import judging
from gateway.engine.inbound import InboundRules
from gateway.engine.opened import OPERATIONS
from gateway.engine.transaction import Outcome, Verdict
from gateway.mail.header import read_header
from gateway.pki.key import AgreementKey, KeyTransport, SoftwareKey
from gateway.pki.revocation import read_revocation_list
from gateway.pki.validation import Revocation, Strictness
from gateway.reason import Reason
from gateway.smtp.content import stuffed
from tests.authority import SERVER_AUTH, Authority, Issued, general_names
from tests.cms import foreign
from tests.cms.surgery import BODY, at, put
from tests.engine.world import AT, HELPDESK
from tests.hostile import CMS, compressions, many_candidates, messages, nest, nested, parameters, zeros
from tests.inbound import made
from tests.inbound.made import ALICE, CANARY, MALLORY, TEXT, Desk, body, mail, multipart, p7m, signed, words

RSA = der.oid("1.2.840.113549.1.1.1")
MD5_OID = der.oid("1.2.840.113549.2.5")
MD5 = der.sequence(MD5_OID)
RECIPIENTS = (*BODY, 1)
"""Where the recipient infos of an envelope made here stand."""


class Unowned:
    """A public key that nobody has the private one of."""

    def __init__(self, modulus: int, exponent: int) -> None:
        self._numbers = rsa.RSAPublicNumbers(exponent, modulus)

    def public_key(self) -> rsa.RSAPublicKey:
        return self._numbers.public_key()


class Counted(SoftwareKey):
    """A private key that counts how often it is used."""

    uses = 0

    def unwrap(self, wrapped: bytes, transport: KeyTransport) -> bytes:
        self.uses += 1
        return super().unwrap(wrapped, transport)

    def agree(self, peer: AgreementKey) -> bytes:
        self.uses += 1
        return super().agree(peer)


def rsa_desk(authority: Authority) -> tuple[Desk, Issued, Counted]:
    """A helpdesk with an RSA certificate more, and its key, which counts."""
    desk = Desk(authority)
    issued = desk.hold(HELPDESK, key=True, kind="rsa-2048")
    key = desk.private_keys[issued.certificate.public_key_id] = Counted(issued.private_key)
    return desk, issued, key


# --- signatures -----------------------------------------------------------------------------------------------------


def test_sig_03_content_inside_a_detached_signature(desk: Desk, alice: Issued) -> None:
    """SIG-03: what the CMS carries besides must be the same; the bytes beside it are what counts."""
    shown = TEXT.replace(b"burns", b"works")
    assert desk.words(mail(made.clear(TEXT, made.signature(TEXT, alice, opaque=True)))) == ("pass", "none")
    assert desk.words(mail(made.clear(shown, made.signature(TEXT, alice, opaque=True))))[0] == "fail altered"
    assert desk.words(mail(made.clear(TEXT, made.signature(shown, alice, opaque=True))))[0] == "fail altered"
    contradicting = made.signed_data(
        [made.signer_info(alice, made.attributes(TEXT))], [alice, *alice.issuers[:1]], content=shown
    )
    assert desk.words(mail(made.clear(TEXT, contradicting)))[0] == "fail altered"


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_sig_05_every_signer_counts(desk: Desk, authority: Authority, alice: Issued, mallory: Issued,
                                    first: bool) -> None:  # fmt: skip
    """SIG-05: a good signature of the sender makes up for nothing that is wrong with another signer's.

    Of his own the best counts (RFC 4853): an old certificate beside the new one.
    """
    good = made.signer_info(alice, made.attributes(TEXT))
    stranger = authority.leaf("stranger@example.com", kind="p256")
    expired = authority.leaf(ALICE, kind="p256", not_after=AT - timedelta(days=1))
    broken = made.signer_info(mallory, made.attributes(TEXT), key=alice.private_key)
    cases = {
        "policy address-mismatch": (made.signer_info(mallory, made.attributes(TEXT)), mallory),
        "permerror no-certificate": (made.signer_info(stranger, made.attributes(TEXT)), alice),
        "fail bad-signature": (broken, mallory),
    }
    for expected, (info, carried) in cases.items():
        infos = [info, good] if first else [good, info]
        cms = made.signed_data(infos, [alice, carried, authority.intermediate])
        outcome = desk.receive(mail(made.clear(TEXT, cms)))
        assert words(outcome)[0] == expected
        header = read_header(bytes(outcome.deliveries[0].content))
        value = header.value(header.named("authentication-results")[0]).decode()
        results = AuthenticationResultsHeader.parse_value(value).results
        assert [result.method for result in results] == ["smime", "smime"]
        assert "pass" not in [result.result for result in results]
    outcome = desk.receive(mail(signed(TEXT, *([expired, alice] if first else [alice, expired]))))
    assert words(outcome)[0] == "pass"
    assert [signer.status for signer in outcome.finding.signature.signers] == ["pass", "policy"]
    header = read_header(bytes(outcome.deliveries[0].content))
    value = header.value(header.named("authentication-results")[0]).decode()
    assert [result.result for result in AuthenticationResultsHeader.parse_value(value).results] == ["pass"]


def test_sig_06_layers_in_one_another(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """SIG-06: triple wrap; the innermost signature is the verdict, one around ciphertext is in the record only."""
    triple = signed(made.encrypted(signed(TEXT, alice), desk.certificate), mallory, boundary="t")
    outcome = desk.receive(mail(triple))
    assert words(outcome) == ("pass", "decrypted")
    assert outcome.finding.layers == ("signed", "encrypted", "signed")
    assert [signer.addresses for signer in outcome.finding.signature.signers] == [(ALICE,), (MALLORY,)]
    assert results(outcome) == ["pass"]
    deep = TEXT
    for _ in range(6):
        deep = made.opaque(deep, alice)
    assert desk.words(mail(deep))[0] == "neutral limit"


def test_sig_06_the_only_signature_is_around_ciphertext(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """SIG-06, DEC-01: anybody can sign somebody else's envelope: never ``pass``, and both fields say so."""
    envelope = made.encrypted(TEXT, desk.certificate)
    broken = made.signer_info(alice, made.attributes(envelope), key=mallory.private_key)
    bad = made.signed_data([broken], [alice])
    for entity, expected in (
        (signed(envelope, alice), "policy partial"),
        (made.opaque(envelope, alice), "policy partial"),
        (made.opaque(made.opaque(envelope, alice), alice), "policy partial"),
        (signed(envelope, mallory), "policy address-mismatch"),
        (made.clear(envelope, bad), "fail bad-signature"),
        (made.clear(envelope, made.signature(TEXT, alice)), "fail altered"),
    ):
        outcome = desk.receive(mail(entity))
        assert words(outcome) == (expected, "decrypted")
        assert set(results(outcome)) == {expected.partition(" ")[0]}
        assert outcome.finding.signature.coverage == "partial"
        assert CANARY in bytes(outcome.deliveries[0].content)


def test_dec_14_ciphertext_below_the_root_is_partial(desk: Desk, alice: Issued) -> None:
    """DEC-14: whatever it is labelled, signed or not; in an attached message it is that message's own affair."""
    envelope = made.encrypted(TEXT, desk.certificate)
    unlabelled = p7m(made.envelope(TEXT, desk.certificate), "application/octet-stream; name=smime.p7m")
    beside = multipart(TEXT, envelope)
    for entity, expected in (
        (beside, ("none", "partial partial")),
        (multipart(TEXT, multipart(unlabelled, boundary="y")), ("none", "partial partial")),
        (signed(beside, alice), ("pass", "partial partial")),
        (made.opaque(beside, alice), ("pass", "partial partial")),
        (made.clear(multipart(beside, TEXT), b"no CMS", boundary="t"), ("neutral malformed", "partial partial")),
        (multipart(TEXT, made.attached(mail(envelope))), ("none", "none")),
        (made.encrypted(beside, desk.certificate), ("none", "decrypted")),
    ):
        outcome = desk.receive(mail(entity))
        assert words(outcome) == expected
        assert set(results(outcome)) == {expected[0].partition(" ")[0]}


def results(outcome: Outcome) -> list[str]:
    """What Authentication-Results says, signer by signer."""
    header = read_header(bytes(outcome.deliveries[0].content))
    (field,) = header.named("authentication-results")
    found = AuthenticationResultsHeader.parse_value(header.value(field).decode()).results
    return [result.result for result in found]


def test_sig_06_a_forwarded_signature_stays_its_own(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """SIG-06: what Alice signed, attached to what somebody else sends, says nothing of that."""
    forwarded = made.attached(mail(signed(TEXT, alice)))
    assert desk.words(mail(multipart(TEXT, forwarded))) == ("none", "none")
    assert desk.words(mail(forwarded)) == ("none", "none")
    resigned = mail(signed(multipart(TEXT, forwarded), mallory, boundary="t"))
    assert desk.words(resigned)[0] == "policy address-mismatch"


def test_sig_04_nothing_to_put_in_the_place_is_left_as_it_is(desk: Desk, alice: Issued) -> None:
    """SIG-04, SIG-15: certificates only, or a signature whose content is elsewhere, never becomes an empty mail."""
    for cms, expected in (
        (made.signed_data([], [alice]), "neutral no-signer"),
        (made.signature(TEXT, alice), "neutral malformed"),
        (made.signature(b"", alice), "neutral malformed"),
    ):
        content = mail(p7m(cms))
        outcome = desk.receive(content)
        assert words(outcome)[0] == expected
        assert bytes(outcome.deliveries[0].content).endswith(content)
    shown = desk.receive(mail(p7m(made.signed_data([], [alice], content=TEXT))))
    assert (words(shown)[0], body(shown)) == ("neutral no-signer", CANARY + b"\r\n")


def test_sig_04_certificates_only_is_no_signature_outbound_either(desk: Desk, alice: Issued) -> None:
    """SIG-04: what must be signed is signed, though its root is a SignedData; one with a signer is left alone."""
    desk.levels("required", "never")
    for cms, layers in (
        (made.signed_data([], [alice]), ()),
        (made.signature(TEXT, alice), ()),
        (made.signature(TEXT, alice, opaque=True), ("signed",)),
    ):
        outcome = desk.send(mail(p7m(cms), author=HELPDESK), ALICE)
        assert outcome.verdict is Verdict.RELAY
        content = bytes(outcome.deliveries[0].content)
        assert (b"multipart/signed" in content) == (not layers)


@pytest.mark.parametrize(
    "change",
    [
        (b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n<p>Pay me.</p>\r\n"),
        (b"boundary=s", b"boundary=s; boundary=z"),
        (b"boundary=s", b"boundary=s;\r\n Boundary*0=z"),
        (b"boundary=s", b"boundary*=us-ascii''z; boundary=s"),
        (b"boundary=s", b'boundary="s"z"'),
        (b"boundary=s", b"boundary=s(z)"),
        (b"boundary=s", b'boundary="\\s"'),
        (b"boundary=s", b"rubbish; boundary=s"),
        (b'"\r\n\r\n', b'"; name="s\r\n\r\n'),
    ],
    ids=["type", "twice", "piece", "extended", "behind", "comment", "escape", "rubbish", "open"],
)
def test_sig_01_a_root_that_readers_take_apart_in_two_ways(
    desk: Desk, alice: Issued, change: tuple[bytes, bytes]
) -> None:
    """SIG-01: where a Content-Type or boundary stands twice, others may show an unsigned preamble as the message."""
    content = mail(signed(TEXT, alice).replace(*change, 1))
    outcome = desk.receive(content)
    assert words(outcome)[0] == "neutral malformed"
    assert bytes(outcome.deliveries[0].content).endswith(content)


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ([(b"boundary=s", b"boundary=s; boundary=z")], "multipart/signed: 2 parameters boundary"),
        ([(b"pkcs7-signature\r\n", b"pkcs7-signature; name=bill.html\r\n")], "the signature part: a name"),
        (
            [(b"pkcs7-signature", b"xpkcs7signature")] * 2,
            "the signature part: it is labelled application/xpkcs7signature",
        ),
        (
            [(b"pkcs7-signature\r\n", b"octet-stream\r\n")],
            "the signature part: it is labelled application/octet-stream",
        ),
        ([(b"--s--", b"--s\r\n\r\nScanned.\r\n--s--")], "multipart/signed: 3 parts"),
    ],
    ids=["boundary", "name", "odd type", "no type", "scanned"],
)
def test_sig_01_the_record_says_what_is_wrong_with_a_frame(
    desk: Desk, alice: Issued, changes: list[tuple[bytes, bytes]], detail: str
) -> None:
    """SIG-01: bare, in an envelope, in an opaque signature and in another clear one; never unsigned."""
    frame = signed(TEXT, alice)
    for old, new in changes:
        assert old in frame
        frame = frame.replace(old, new, 1)
    for entity in (
        frame,
        made.encrypted(frame, desk.certificate),
        made.opaque(frame, alice),
        signed(frame, alice, boundary="t"),
    ):
        outcome = desk.receive(mail(entity))
        assert words(outcome)[0] == "neutral malformed"
        assert outcome.finding.signature.detail.startswith(detail)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"application/pkcs7-signature\r\n", b'application/octet-stream; name="smime.p7s"\r\n'),
        (b'; protocol="application/pkcs7-signature"', b""),
        (b"Content-Type: multipart", b"Content-Transfer-Encoding: raw\r\nContent-Type: multipart"),
        (b"Content-Type: multipart", b"Content-Transfer-Encoding: quoted-printable\r\nContent-Type: multipart"),
        (b"pkcs7-signature\r\n", b"x-pkcs7-signature\r\n"),
    ],
    ids=["octet-stream", "no protocol", "raw", "quoted-printable", "old"],
)
def test_sig_01_sloppy_labels_are_forgiven(desk: Desk, alice: Issued, old: bytes, new: bytes) -> None:
    """SIG-01: what no reader takes in another way."""
    text = b"Content-Transfer-Encoding: 7bit\r\n" + TEXT
    frame = signed(text, alice).replace(old, new, 1)
    assert new in frame
    assert desk.words(mail(frame)) == ("pass", "none")
    assert desk.words(mail(made.encrypted(frame, desk.certificate))) == ("pass", "decrypted")


@pytest.mark.parametrize(
    "field", [b"X: y\r\n \r\n", b"X: y\r\n\t\r\n", b"X: y\rTo: z\r\n", b"X: y\r\r\n", b"X: \0\r\n"]
)
def test_sig_09_a_field_that_some_take_for_more(desk: Desk, alice: Issued, field: bytes) -> None:
    """SIG-09, SIG-01: a line of blanks ends the header for some, a CR alone ends a line."""
    clear = signed(TEXT, alice)
    ambiguous = "policy from-ambiguous"
    for entity, expected in (
        (clear, "neutral malformed"),
        (made.opaque(TEXT, alice), ambiguous),
        (made.encrypted(clear, desk.certificate), ambiguous),
    ):
        assert desk.words(field + mail(entity))[0] == expected
    assert desk.words(mail(made.encrypted(field + clear, desk.certificate)))[0] in ("neutral malformed", "none")


@pytest.mark.parametrize("line", [b"Dear helpdesk, please pay.\r\n", b"Dear : please pay.\r\n", b">From nobody\r\n"])
def test_sig_09_a_header_that_readers_end_in_two_places(desk: Desk, alice: Issued, line: bytes) -> None:
    """SIG-09, SIG-01: a line that is no field ends the header for some: what follows it is text to them."""
    clear, ambiguous = signed(TEXT, alice), "policy from-ambiguous"
    for entity, expected in (
        (clear, "neutral malformed"),
        (made.opaque(TEXT, alice), ambiguous),
        (made.encrypted(clear, desk.certificate), ambiguous),
    ):
        content = mail(entity)
        assert desk.words(content)[0] == "pass"
        for field in (b"From:", b"Subject:", b"MIME-Version:"):
            assert desk.words(content.replace(field, line + field, 1))[0] == expected


@pytest.mark.parametrize("name", [">From", ")From", "From>", "From)", ">)From>"])
def test_sig_09_a_name_in_brackets(desk: Desk, alice: Issued, name: str) -> None:
    """SIG-09, SIG-01, HDR-02: to PHP's reader such a field is the one without them, and the later one counts."""
    clear = signed(TEXT, alice)
    for entity in (made.opaque(TEXT, alice), made.encrypted(clear, desk.certificate)):
        assert desk.words(mail(entity, f"{name}: {MALLORY}"))[0] == "policy from-ambiguous"
    label = name.replace("From", "Content-Type").encode()
    assert desk.words(mail(label + b": text/html\r\n" + clear))[0] == "neutral malformed"
    forged = name.replace("From", "X-SMIME-Gateway-Signature")
    outcome = desk.receive(mail(TEXT, f"{forged}: pass; signer=forged"))
    assert b"forged" not in bytes(outcome.deliveries[0].content)


def test_sig_09_nor_inside_another_signature(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """SIG-09, SIG-01: what Alice signed once, with a line before it in what somebody else signs around it."""
    inner = signed(TEXT, alice)
    assert desk.words(mail(signed(inner, mallory, boundary="t")))[0] == "pass"
    assert desk.words(mail(signed(b"Pay me.\r\n" + inner, mallory, boundary="t")))[0] == "neutral malformed"


def test_sig_11_revoked(desk: Desk, authority: Authority, alice: Issued) -> None:
    """SIG-11: a stored CRL counts under every setting; unknown is temperror only where that is asked for."""
    content = mail(signed(TEXT, alice))
    desk.strictness = Strictness(Revocation.HARD)
    assert desk.words(content)[0] == "temperror revocation-unknown"
    desk.strictness = Strictness(Revocation.OFF)
    for revoked, expected in ((alice, "policy revoked"), (authority.leaf(ALICE, kind="p256"), "pass")):
        crl = authority.revocation_list(revoked, revoked_at=AT - timedelta(days=9))
        desk.lists = (read_revocation_list(crl.public_bytes(Encoding.DER)),)
        assert desk.words(content)[0] == expected


def test_sig_13_weak(desk: Desk, authority: Authority, alice: Issued) -> None:
    """SIG-13: SHA-1 and small keys are policy, unless legacy is accepted."""
    sha1 = made.signed_data(
        [made.signer_info(alice, made.attributes(TEXT, "sha1"), "sha1")], [alice, authority.intermediate],
        digests=(made.SHA1,),
    )  # fmt: skip
    content = mail(made.clear(TEXT, sha1))
    assert desk.words(content)[0] == "policy weak-algorithm"
    desk.strictness = Strictness(accept_legacy=True)
    assert desk.words(content)[0] == "pass"


def test_sig_13_md5_is_policy_and_never_accepted(desk: Desk, authority: Authority, alice: Issued) -> None:
    """SIG-13, HDR-05: weak under every setting; as it is not verified, nothing is said of who signed."""
    info = der.sequence(
        der.integer(1), issuer_and_serial(alice.certificate), MD5, der.set_of(made.attributes(TEXT, "md5"), 0xA0),
        der.sequence(made.ECDSA["sha256"]), der.octets(bytes(64)),
    )  # fmt: skip
    content = mail(made.clear(TEXT, made.signed_data([info], [alice, authority.intermediate], digests=(MD5_OID,))))
    for desk.strictness in (Strictness(), Strictness(accept_legacy=True)):
        outcome = desk.receive(content)
        assert words(outcome)[0] == "policy weak-algorithm"
        assert b"smime-identifier" not in bytes(outcome.deliveries[0].content)


def rsa_signed(who: Issued, signature: bytes) -> bytes:
    """A clear-signed mail with an RSA signature that somebody else made, or nobody."""
    return mail(made.clear(TEXT, made.signed_data([rsa_info(who, signature)], [who, *who.issuers[:1]])))


def rsa_info(who: Issued, signature: bytes) -> bytes:
    return der.sequence(
        der.integer(1), issuer_and_serial(who.certificate), der.sequence(made.SHA256),
        der.set_of(made.attributes(TEXT), 0xA0), der.sequence(RSA), der.octets(signature),
    )  # fmt: skip


def test_sig_13_small_rsa_keys(desk: Desk, authority: Authority) -> None:
    """SIG-13: RSA-1024 is policy, unless legacy is accepted."""
    who = authority.leaf(ALICE, kind="rsa-1024")
    signature = who.private_key.sign(der.set_of(made.attributes(TEXT)), padding.PKCS1v15(), SHA256())
    content = rsa_signed(who, signature)
    assert desk.words(content)[0] == "policy weak-key"
    desk.strictness = Strictness(accept_legacy=True)
    assert desk.words(content)[0] == "pass"


@pytest.mark.parametrize(
    ("bits", "exponent", "used"),
    [(8192, 65537, True), (8200, 65537, False), (16384, 65537, False), (2048, 2**64 + 1, False)],
)
def test_sig_13_keys_that_cost_too_much_are_not_used(
    desk: Desk, authority: Authority, bits: int, exponent: int, used: bool
) -> None:
    """SIG-13: had a huge key been used, the mathematics were told wrong; it is refused by its size before that."""
    who = authority.leaf(ALICE, key=Unowned(2 ** (bits - 1) + 1, exponent))
    outcome = desk.receive(rsa_signed(who, bytes(bits // 8)))
    assert words(outcome)[0] == ("fail bad-signature" if used else "neutral limit")
    assert (Reason.BAD_SIGNATURE in outcome.finding.signature.reasons) == used
    assert b"smime-identifier" not in bytes(outcome.deliveries[0].content)


def test_sig_13_an_even_exponent_is_no_key(desk: Desk, authority: Authority) -> None:
    """SIG-13: such a certificate is there and cannot be read."""
    who = authority.leaf(ALICE)
    even = who.der.replace(bytes.fromhex("0203010001"), bytes.fromhex("0203010000"), 1)
    cms = made.signed_data([rsa_info(who, bytes(256))], [authority.intermediate])
    carried = put(cms, (*BODY, 3), der.tlv(0xA0, even, authority.intermediate.der))
    assert even != who.der
    assert desk.words(mail(made.clear(TEXT, carried)))[0] == "neutral malformed"


@pytest.mark.parametrize(
    "change",
    [
        lambda good: good[:1],
        lambda good: good[1:],
        lambda good: [*good, good[1]],
        lambda good: [good[0], made.attribute(MESSAGE_DIGEST)],
        lambda good: [good[0], made.attribute(MESSAGE_DIGEST, der.octets(bytes(32)), der.octets(bytes(32)))],
        lambda good: [made.attribute(CONTENT_TYPE, ENVELOPED_DATA), good[1]],
    ],
    ids=["no digest", "no type", "digest twice", "no value", "two values", "wrong type"],
)
def test_sig_14_attribute_games(desk: Desk, alice: Issued, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """SIG-14: the mathematics hold and the rules do not: neutral."""
    info = made.signer_info(alice, change(made.attributes(TEXT)))
    cms = made.signed_data([info], [alice, *alice.issuers[:1]])
    assert desk.words(mail(made.clear(TEXT, cms)))[0] == "neutral malformed"


def test_sig_14_no_attributes_and_no_digests(desk: Desk, alice: Issued) -> None:
    """SIG-14: an empty digestAlgorithms, and a signature straight over the content."""
    good = made.signature(TEXT, alice)
    info = (*BODY, 4, 0)
    parts = [bytes(item.raw) for item in at(good, *info).children]
    bare = put(good, info, der.sequence(*parts[:3], *parts[4:]))
    for cms in (put(good, (*BODY, 1), der.tlv(der.SET)), bare):
        status = desk.words(mail(made.clear(TEXT, cms)))[0]
        assert status.startswith(("neutral malformed", "fail bad-signature"))
    assert desk.words(mail(made.clear(TEXT, good)))[0] == "pass"


def test_sig_16_a_chain_that_the_mail_does_not_bring(desk: Desk, authority: Authority, alice: Issued) -> None:
    """SIG-16: intermediates of the store count, in a mail their order and company do not matter."""
    alone = mail(signed(TEXT, alice, chain=False))
    outcome = desk.receive(alone)
    assert words(outcome)[0] == "policy no-path"
    assert outcome.hold is not None
    desk.intermediates = [authority.intermediate]
    assert desk.words(alone)[0] == "pass"
    desk.intermediates = []
    other = Authority(name="Other")
    shuffled = [other.root, authority.intermediate, other.intermediate, alice]
    cms = made.signed_data([made.signer_info(alice, made.attributes(TEXT))], shuffled)
    assert desk.words(mail(made.clear(TEXT, cms)))[0] == "pass"


@pytest.mark.parametrize("mode", ["clear", "cipher"])
def test_sig_19_protected_header_fields(desk: Desk, alice: Issued, mode: str) -> None:
    """SIG-19: a protected From that is another one never passes; without ``hp=`` inner fields are only text."""
    protected = TEXT.replace(b"utf-8", b'utf-8; hp="%s"' % mode.encode())
    cases = {
        b"From: Alice <alice@example.com>\r\n" + protected: "pass",
        b"From: mallory@example.net\r\n" + protected: "policy address-mismatch",
        b"From: alice@example.com\r\nFrom: mallory@example.net\r\n" + protected: "policy address-mismatch",
        protected: "policy address-mismatch",
        b"From: mallory@example.net\r\n" + TEXT: "pass",
    }
    for inner, expected in cases.items():
        assert desk.words(mail(signed(inner, alice)))[0] == expected


@pytest.mark.parametrize(
    "change",
    [
        (b"application/pkcs7-mime", b"text/html"),
        (b"application/pkcs7-mime", b'application/pkcs7-mime; name="bill.html"'),
        (b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n\r\n<!--\r\n"),
        (b"Encoding: base64", b"Encoding: base64\r\nContent-Transfer-Encoding: 7bit"),
    ],
    ids=["type", "name", "two types", "text", "two encodings"],
)
def test_sig_01_an_opaque_signature_that_stays_and_is_shown_as_a_text(
    desk: Desk, alice: Issued, change: tuple[bytes, bytes]
) -> None:
    """SIG-01: what is replaced by its content may be labelled as it likes; what stays is shown by its label."""
    plain = made.opaque(TEXT, alice)
    odd = plain.replace(*change, 1)
    assert odd != plain
    for opened, expected in ((True, "pass"), (False, "neutral malformed")):
        desk.open_opaque = opened
        assert desk.words(mail(plain))[0] == "pass"
        assert desk.words(mail(odd))[0] == expected


def test_opaque_keep_judges_what_is_inside_as_opaque_open_does(desk: Desk, alice: Issued, mallory: Issued) -> None:
    """An opaque layer that stays: what is in it may have other line ends than mail has."""
    inside = signed(TEXT, alice).replace(b"\r\n", b"\n")
    content = mail(made.opaque(inside, mallory))
    assert desk.words(content)[0] == "pass"
    desk.open_opaque = False
    outcome = desk.receive(content)
    assert words(outcome)[0] == "pass"
    assert bytes(outcome.deliveries[0].content).endswith(content)


# --- decryption -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mixed", "alternative", "related", "signed", "digest", "report", "x-unknown"])
@pytest.mark.parametrize("depth", [1, 3, 5])
def test_dec_01_efail_shapes(desk: Desk, kind: str, depth: int) -> None:
    """DEC-01, DEC-14: ciphertext between parts of somebody else is never opened."""
    inner = made.encrypted(TEXT, desk.certificate)
    for level in range(depth):
        html = b"Content-Type: text/html\r\n\r\n<img src='http://evil.example/"
        inner = multipart(html, inner, b"Content-Type: text/html\r\n\r\n'>", kind=kind, boundary=f"b{level}")
    content = mail(inner)
    outcome = desk.receive(content)
    assert CANARY not in bytes(outcome.deliveries[0].content)
    assert bytes(outcome.deliveries[0].content).endswith(content)
    assert words(outcome) == ("none", "partial partial")


def test_dec_01_what_was_decrypted_stands_alone(desk: Desk) -> None:
    """DEC-01: text before and behind the ciphertext of one part does not come along."""
    content = mail(made.encrypted(TEXT, desk.certificate) + b"\r\n<img src='http://evil.example/\r\n")
    outcome = desk.receive(content)
    made_of_it = bytes(outcome.deliveries[0].content)
    assert not (CANARY in made_of_it and b"evil" in made_of_it)


@pytest.mark.parametrize("size", [15, 12, 8, 4, 1, 0])
def test_dec_02_short_tags(desk: Desk, size: int) -> None:
    """DEC-02: a tag that is shorter than declared opens nothing."""
    cms = made.envelope(TEXT, desk.certificate, cipher="aes-256-gcm")
    cut = put(cms, (*BODY, -1), der.octets(bytes(at(cms, *BODY, -1).value)[:size]))
    outcome = desk.receive(mail(p7m(cut)))
    assert words(outcome)[1].startswith("failed")
    assert CANARY not in bytes(outcome.deliveries[0].content)
    assert desk.words(mail(p7m(cms)))[1] == "decrypted"


def test_dec_02_a_cipher_that_authenticates_nothing(desk: Desk) -> None:
    """DEC-02: CBC and OFB in AuthEnvelopedData are refused before a key is used."""
    cms = made.envelope(TEXT, desk.certificate, cipher="aes-256-gcm")
    for oid in ("2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.43"):
        algorithm = der.sequence(der.oid(oid), der.octets(bytes(16)))
        outcome = desk.receive(mail(p7m(put(cms, (*BODY, 2, 1), algorithm))))
        assert words(outcome)[1] == "failed unsupported-algorithm"


def test_dec_05_a_downgrade_to_cbc_looks_like_any_failure(desk: Desk) -> None:
    """DEC-05: the content key of an authenticated envelope, tried with CBC, whose padding holds once in 256 times."""
    faces = []
    for _ in range(8):
        cms = made.envelope(TEXT, desk.certificate, cipher="aes-256-gcm")
        infos, ciphertext = bytes(at(cms, *RECIPIENTS).raw), bytes(at(cms, *BODY, 2, 2).value)[:48]
        algorithm = der.sequence(der.oid("2.16.840.1.101.3.4.1.42"), der.octets(bytes(16)))
        inner = der.sequence(DATA, algorithm, der.tlv(0x80, ciphertext))
        rewritten = der.sequence(ENVELOPED_DATA, der.explicit(0, der.sequence(der.integer(2), infos, inner)))
        outcome = desk.receive(mail(p7m(rewritten)))
        assert CANARY not in bytes(outcome.deliveries[0].content)
        faces.append(words(outcome))
    flipped = put(cms, (*BODY, -1), der.octets(bytes(16)))
    assert desk.words(mail(p7m(flipped))) == ("none", "failed decrypt-failed")
    assert ("none", "failed decrypt-failed") in faces


def test_dec_06_one_recipient_info_is_tried(authority: Authority) -> None:
    """DEC-06: of two that name one certificate the first is tried, one that names another's is not."""
    desk, issued, key = rsa_desk(authority)
    cms = made.envelope(TEXT, issued)
    info = bytes(at(cms, *RECIPIENTS, 0).raw)
    twice = put(cms, RECIPIENTS, der.tlv(der.SET, info, info))
    assert desk.words(mail(p7m(twice)))[1] == "decrypted"
    assert key.uses == 1
    foreign_one = made.envelope(TEXT, authority.leaf("other@example.org", kind="rsa-2048"))
    assert desk.words(mail(p7m(foreign_one)))[1] == "failed no-key"
    assert key.uses == 1
    assert desk.words(mail(p7m(cms)))[1] == "decrypted"
    assert key.uses == 2


def test_dec_07_every_failure_after_the_key_has_one_face(authority: Authority) -> None:
    """DEC-07: wrong padding, wrong key length, wrong content: one word, and the mail as it came."""
    desk, issued, key = rsa_desk(authority)
    cms = made.envelope(TEXT, issued)
    wrapped = (*RECIPIENTS, 0, 3)
    short = issued.x509.public_key().encrypt(bytes(7), padding.PKCS1v15())  # type: ignore[union-attr, call-arg]
    ciphertext = bytearray(at(cms, *BODY, 2, 2).value)
    ciphertext[-17] ^= 0xFF
    broken = [
        put(cms, wrapped, der.octets(bytes(255) + b"\2")),
        put(cms, wrapped, der.octets(short)),
        put(cms, (*BODY, 2, 2), der.tlv(0x80, bytes(ciphertext))),
    ]
    for number, variant in enumerate(broken, 1):
        content = mail(p7m(variant))
        outcome = desk.receive(content)
        assert words(outcome) == ("none", "failed decrypt-failed")
        assert outcome.verdict is Verdict.RELAY
        assert outcome.hold is None
        assert bytes(outcome.deliveries[0].content).endswith(content)
        assert key.uses == number


def test_dec_12_envelopes_in_one_another_open_for_who_may_read_both(desk: Desk) -> None:
    """DEC-12: nobody gets what an inner envelope holds for somebody else, and every recipient gets one copy."""
    sales = desk.hold("sales@example.org", key=True, kind="p256")
    content = mail(made.encrypted(made.encrypted(TEXT, sales), desk.certificate))
    outcome = desk.receive(content, HELPDESK, "sales@example.org")
    copies = {
        tuple(to.address for to in delivery.recipients): bytes(delivery.content) for delivery in outcome.deliveries
    }
    assert set(copies) == {(HELPDESK,), ("sales@example.org",)}
    assert not any(CANARY in copy for copy in copies.values())
    desk.anybody = True
    assert body(desk.receive(content, HELPDESK, "sales@example.org")) == CANARY + b"\r\n"


def test_dec_03_an_inner_envelope_that_stays_closed_tells_nothing(desk: Desk, alice: Issued) -> None:
    """DEC-03, HDR-07: what an opened envelope holds decides over no status and no refusal; the mail is kept whole."""
    desk.inbound_rules = InboundRules(True, frozenset(), True, True, True)
    absent = made.encrypted(signed(TEXT, alice), alice)
    faces = set()
    for inner in (absent, absent.replace(b"MI", b"AA", 1), TEXT):
        outcome = desk.receive(mail(made.encrypted(inner, desk.certificate)))
        assert outcome.verdict is Verdict.RELAY
        faces.add(outcome.finding.encryption.status)
        needs = outcome.hold.needs if outcome.hold is not None else frozenset()
        assert bool(needs) == (inner is absent)
        assert outcome.hold is None or outcome.hold.unreadable
    assert faces == {"decrypted"}
    held_for_some = desk.receive(mail(made.encrypted(absent, desk.certificate)), HELPDESK, "sales@example.org")
    assert held_for_some.hold is not None
    assert held_for_some.finding.encryption.key == desk.certificate.certificate.fingerprint


UMLAUTS = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "Grüße\r\n".encode()


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n.\n"])
@pytest.mark.parametrize("layer", ["encrypted", "compressed", "opaque"])
def test_smt_02_opened_content_can_be_sent(desk: Desk, alice: Issued, ending: bytes, layer: str) -> None:
    """SMT-02: what was inside a layer is no way around the door: no bare line end, no NUL, no endless line."""
    content = b"Content-Type: text/plain\r\n\r\n" + ending.join([b"one", b".", b"\0", b"x" * 3000])
    make: dict[str, Callable[[], bytes]] = {
        "encrypted": lambda: made.encrypted(content, desk.certificate),
        "compressed": lambda: p7m(made.compressed(zlib.compress(content))),
        "opaque": lambda: made.opaque(content, alice),
    }
    (delivery,) = desk.receive(mail(make[layer]())).deliveries
    assert b"".join(stuffed(delivery.content)).endswith(b"\r\n")
    assert b"\0" not in delivery.content
    assert max(map(len, bytes(delivery.content).split(b"\r\n"))) <= 998


def test_opened_8_bit_mail_in_7_bits_keeps_its_seal_and_its_results(desk: Desk, alice: Issued) -> None:
    """SIG-02: what is signed inside stays byte for byte, all else may be re-coded; the seal is over what leaves."""
    inside = signed(UMLAUTS, alice)
    for entity, changed in ((UMLAUTS, True), (inside, False), (multipart(inside, UMLAUTS), True)):
        (delivery,) = desk.receive(mail(made.encrypted(entity, desk.certificate))).deliveries
        assert delivery.recode is not None
        narrow = bytes(delivery.recode(delivery.content))
        assert (narrow != delivery.content) is changed
        assert narrow.isascii() is (entity is UMLAUTS)
        assert (inside in narrow) is (inside in entity)
        again = desk.receive(narrow)
        assert again.finding.pass_of == "0123"
        assert bytes(again.deliveries[0].content) == narrow


def test_what_was_not_opened_is_never_recoded(desk: Desk, alice: Issued) -> None:
    """SIG-02: the root of a clear-signed mail, and mail without any layer, leave as they came."""
    for entity in (UMLAUTS, signed(UMLAUTS, alice)):
        (delivery,) = desk.receive(mail(entity)).deliveries
        assert delivery.recode is None
        assert bytes(delivery.content).endswith(entity)


def test_a_binary_layer_inside_an_envelope_is_read_as_it_stands(desk: Desk, alice: Issued) -> None:
    """RFC 8551 §3.1.2: inner layers may be binary; their line ends are none."""
    head = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    many = (made.signature(TEXT, alice, opaque=True) for _ in range(64))
    bare = next(cms for cms in many if b"\n" in cms.replace(b"\r\n", b""))
    outcome = desk.receive(mail(made.encrypted(head + bare, desk.certificate)))
    assert words(outcome) == ("pass", "decrypted")
    assert body(outcome) == CANARY + b"\r\n"


@pytest.mark.parametrize(
    "parameters", [der.tlv(der.NULL), der.octets(b"x"), der.sequence(der.explicit(0, der.tlv(der.NULL)))]
)
def test_dec_09_oaep_parameters_are_read_strictly(authority: Authority, parameters: bytes) -> None:
    """DEC-09: what they do not say properly never becomes PKCS #1 v1.5, and the key is not used."""
    desk, issued, key = rsa_desk(authority)
    cms = made.envelope(TEXT, issued, rsa="oaep")
    algorithm = der.sequence(der.oid("1.2.840.113549.1.1.7"), parameters)
    outcome = desk.receive(mail(p7m(put(cms, (*RECIPIENTS, 0, 2), algorithm))))
    assert words(outcome)[1] in ("failed malformed", "failed unsupported-algorithm")
    assert key.uses == 0
    assert desk.words(mail(p7m(cms)))[1] == "decrypted"


@pytest.mark.parametrize("tag", [0xA2, 0xA3, 0xA4], ids=["kekri", "pwri", "ori"])
def test_dec_16_other_kinds_of_recipients(desk: Desk, tag: int) -> None:
    """DEC-16: passwords, shared keys and unknown kinds are unsupported; beside one of ours they are passed over."""
    key_identifier = der.sequence(der.octets(b"id"))
    kinds = {
        0xA2: der.integer(4)
        + key_identifier
        + der.sequence(der.oid("2.16.840.1.101.3.4.1.45"))
        + der.octets(bytes(40)),
        0xA3: der.integer(0) + der.sequence(der.oid("1.2.840.113549.1.9.16.3.9")) + der.octets(bytes(40)),
        0xA4: der.oid("1.2.3.4") + der.sequence(),
    }
    info = der.tlv(tag, kinds[tag])
    sealed = foreign.cbc(foreign.algorithms.AES, "2.16.840.1.101.3.4.1.42", bytes(32), TEXT)
    content = mail(p7m(foreign.envelope(info, sealed)))
    outcome = desk.receive(content)
    assert words(outcome)[1] == "failed unsupported-algorithm"
    assert outcome.hold is None
    assert bytes(outcome.deliveries[0].content).endswith(content)
    cms = made.envelope(TEXT, desk.certificate)
    beside = put(cms, RECIPIENTS, der.tlv(der.SET, info, bytes(at(cms, *RECIPIENTS, 0).raw)))
    assert desk.words(mail(p7m(beside)))[1] == "decrypted"


# --- header fields --------------------------------------------------------------------------------------------------


def test_hdr_08_results_in_an_attached_message_stay(desk: Desk, alice: Issued) -> None:
    """HDR-08: they may be signed, they are never read, and they are not ours to cut."""
    forwarded = mail(TEXT, "Authentication-Results: smime.gw.example.org; smime=pass", "X-SMIME-Gateway-Id: 1")
    for entity, expected in (
        (multipart(TEXT, made.attached(forwarded)), "none"),
        (signed(multipart(TEXT, made.attached(forwarded)), alice), "pass"),
    ):
        content = mail(entity)
        outcome = desk.receive(content)
        assert words(outcome)[0] == expected
        assert bytes(outcome.deliveries[0].content).endswith(content)


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at_limit", "over"),
    [(multipart(*[TEXT] * 999), multipart(*[TEXT] * 1000)), (nested(20), nested(21)),
     (multipart(TEXT, boundary="b" * 70), multipart(TEXT, boundary="b" * 71))],
    ids=["parts", "depth", "boundary"],
)  # fmt: skip
def test_lim_01_structures_over_a_limit_are_delivered(desk: Desk, at_limit: bytes, over: bytes) -> None:
    """LIM-01: at the limit judged, over it tagged ``limit`` and delivered as it came."""
    assert desk.words(mail(at_limit)) == ("none", "none")
    outcome = desk.receive(mail(over))
    assert words(outcome)[0] == "neutral limit"
    assert bytes(outcome.deliveries[0].content).endswith(mail(over))


@pytest.mark.parametrize(
    "header",
    [b"X: " + b"w" * 70_000, b"\r\n".join([b"a:"] * 1001), b"\r\n".join([b"a:" + b"w" * 998] * 300)],
    ids=["field", "fields", "header"],
)  # fmt: skip
def test_dec_07_a_header_over_a_limit_inside_is_no_error(desk: Desk, alice: Issued, header: bytes) -> None:
    """DEC-07, LIM-01: a reply that differs after a key was used is an oracle; what is inside is text, or attached."""
    for entity, kind in (
        (header + b"\r\n\r\nHello\r\n", "text/plain"),
        (b"Content-Type: text/html\r\n" + header + b"\r\n\r\nHello\r\n", "application/octet-stream"),
    ):
        for content, expected in (
            (made.encrypted(entity, desk.certificate), ("none", "decrypted")),
            (made.opaque(entity, alice), ("policy address-mismatch", "none")),
        ):
            outcome = desk.receive(mail(content))
            assert words(outcome) == expected
            read = email.message_from_bytes(bytes(outcome.deliveries[0].content))
            assert read.get_content_type() == kind
            assert read.get_payload(decode=True) == entity


@pytest.mark.parametrize("name", CMS)
def test_lim_02_cms_bombs_are_delivered(desk: Desk, name: str) -> None:
    """LIM-02: as they came, and tagged."""
    content = mail(p7m(CMS[name]))
    outcome = desk.receive(content)
    envelope = "recipient" in name or "agreement" in name
    assert words(outcome) == (("none", "failed limit") if envelope else ("neutral limit", "none"))
    assert (outcome.finding.encryption if envelope else outcome.finding.signature).detail
    assert bytes(outcome.deliveries[0].content).endswith(content)


def test_lim_02_at_most_twenty_operations(desk: Desk, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIM-02: ten signers of one name that four certificates have, twice over: the rest is not verified."""
    counted: list[int] = []
    verify = judging.verify_signer

    def counting(*arguments: Any) -> Any:
        counted.append(1)
        return verify(*arguments)

    monkeypatch.setattr(judging, "verify_signer", counting)
    outcome = desk.receive(mail(many_candidates(authority)))
    assert len(counted) == OPERATIONS == 20
    assert outcome.finding.signature.status in ("fail", "neutral")
    assert Reason.LIMIT in {signer.reason for signer in outcome.finding.signature.signers}


@pytest.mark.parametrize("depth", [500, 30_000])
@pytest.mark.parametrize("shape", ["({})", "g:{};", '"{}"'])
def test_lim_03_nested_addresses(desk: Desk, alice: Issued, depth: int, shape: str) -> None:
    """LIM-03: no recursion, no lost mail, no pass."""
    author = nest(shape, depth) + " alice@example.com"
    content = mail(signed(TEXT, alice), author=author)
    outcome = desk.receive(content)
    assert bytes(outcome.deliveries[0].content).endswith(content)
    assert words(outcome)[0].split()[0] in ("policy", "neutral") or (shape == "({})" and depth == 500)


@pytest.mark.parametrize(
    "fields",
    [
        "To: " + "a@example.com,\r\n " * 4000 + "a@example.com",
        "Subject: " + "=?utf-8?q?x?=\r\n " * 4000 + "x",
        "X: " + "x" * 1_000_000,
    ],
    ids=["addresses", "words", "one"],
)
def test_lim_04_long_fields(desk: Desk, alice: Issued, fields: str) -> None:
    """LIM-04: read up to a limit, delivered whole."""
    content = mail(signed(TEXT, alice), fields)
    outcome = desk.receive(content)
    assert words(outcome)[0] in ("pass", "neutral limit")
    assert bytes(outcome.deliveries[0].content).endswith(content)


def test_lim_04_many_parameters(desk: Desk) -> None:
    """LIM-04: parameters by the thousand in the field that decides."""
    content = mail(parameters(9000))
    outcome = desk.receive(content)
    assert words(outcome)[0] == "neutral limit"
    assert bytes(outcome.deliveries[0].content).endswith(content)


def test_lim_06_compression_bombs(desk: Desk) -> None:
    """LIM-06: 60 MB of zeros, and five layers of compression in one another."""
    content = mail(p7m(made.compressed(zeros(60))))
    outcome = desk.receive(content)
    assert words(outcome)[0] == "neutral limit"
    assert bytes(outcome.deliveries[0].content).endswith(content)
    assert body(desk.receive(mail(compressions(5)))) == CANARY + b"\r\n"
    assert desk.words(mail(compressions(6)))[0] == "neutral limit"


def test_nothing_that_is_made_to_cost_is_lost(desk: Desk, authority: Authority) -> None:
    """LIM-01, LIM-02, LIM-03, LIM-04, LIM-06: one delivery each, tagged, and never on the path for faults of ours."""
    for hostile in messages(authority):
        outcome = desk.receive(hostile.make())
        assert len(outcome.deliveries) == 1, hostile.name
        assert "internal" not in words(outcome)[0], hostile.name


def test_compression_of_another_kind_is_unsupported(desk: Desk) -> None:
    """Told apart from a fault of ours, and left as it is."""
    content = mail(p7m(made.compressed(zlib.compress(TEXT), der.oid("1.2.3.4"))))
    outcome = desk.receive(content)
    assert words(outcome)[0] == "neutral unsupported-algorithm"
    assert bytes(outcome.deliveries[0].content).endswith(content)


# --- certificates of signers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "facts", "expected"),
    [
        ((ALICE,), {}, "pass"),
        ((), {"subject_addresses": [ALICE]}, "pass"),
        ((MALLORY,), {"subject_addresses": [ALICE]}, "policy address-mismatch"),
        ((), {"common_name": ALICE}, "policy address-mismatch"),
        ((MALLORY,), {"common_name": ALICE}, "policy address-mismatch"),
    ],
    ids=["SAN", "subject", "SAN before subject", "CN", "SAN and CN"],
)
def test_crt_01_where_a_signers_address_stands(
    desk: Desk, authority: Authority, addresses: tuple[str, ...], facts: dict[str, Any], expected: str
) -> None:
    """CRT-01: in the SAN, in the subject only where that has none, never in the common name."""
    who = authority.leaf(*addresses, kind="p256", **facts)
    assert desk.words(mail(signed(TEXT, who)))[0] == expected


@pytest.mark.parametrize(
    "name",
    [b"alice@example.com\0@evil.example", b"alice@example.com\0", b"*@example.com", b".*@example.com",
     b"alice@example.com@evil.example", b"alice@example.com.", b"example.com", b"alice@example.com\r\nX: y", b""],
)  # fmt: skip
def test_crt_02_odd_names_match_nothing(desk: Desk, authority: Authority, name: bytes) -> None:
    """CRT-02: whole addresses are compared, and names with controls are none."""
    who = authority.leaf(kind="p256", raw_san=general_names((0x81, name)))
    outcome = desk.receive(mail(signed(TEXT, who)))
    assert words(outcome)[0] == "policy address-mismatch"
    assert b"\r\nX: y" not in bytes(outcome.deliveries[0].content)


def test_crt_03_international_names(desk: Desk, authority: Authority) -> None:
    """CRT-03: domains as A-labels, look-alikes are others."""
    who = authority.leaf("alice@xn--bcher-kva.example", kind="p256")
    assert desk.words(mail(signed(TEXT, who), author="alice@bücher.example"))[0] == "pass"
    assert desk.words(mail(signed(TEXT, who), author="alice@bucher.example"))[0] == "policy address-mismatch"
    utf8 = authority.leaf(kind="p256", utf8_addresses=["älice@example.com"])
    assert desk.words(mail(signed(TEXT, utf8), author="älice@example.com"))[0] == "pass"
    cyrillic = mail(signed(TEXT, authority.leaf(ALICE, kind="p256")), author="\u0430lice@example.com")
    assert desk.words(cyrillic)[0].startswith("policy")


@pytest.mark.parametrize(
    "facts", [{"key_usage": ("keyAgreement",)}, {"extended_key_usage": (SERVER_AUTH,)}], ids=["usage", "extended"]
)
def test_crt_04_a_certificate_that_may_not_sign(desk: Desk, authority: Authority, facts: dict[str, Any]) -> None:
    """CRT-04: the usage of the signer's certificate counts."""
    who = authority.leaf(ALICE, kind="p256", **facts)
    assert desk.words(mail(signed(TEXT, who)))[0] == "policy wrong-usage"


def test_crt_04_of_several_certificates_the_one_that_signed_is_judged(
    desk: Desk, authority: Authority, alice: Issued
) -> None:
    """CRT-04: a renewed certificate beside an expired one of the same key and address."""
    old = authority.leaf(ALICE, kind="p256", key=alice.private_key, not_after=AT - timedelta(days=1))
    cms = made.signed_data([made.signer_info(alice, made.attributes(TEXT))], [old, alice, authority.intermediate])
    outcome = desk.receive(mail(made.clear(TEXT, cms)))
    assert words(outcome)[0] == "pass"
    assert outcome.finding.signature.signers[0].fingerprint == alice.certificate.fingerprint


@pytest.mark.parametrize(("line", "found"), [(b"\n", "limit"), (b"\r\n", "")])
def test_the_cap_on_what_is_compressed_holds_after_its_line_ends_were_mended(
    desk: Desk, line: bytes, found: str
) -> None:
    desk.size_limit = 60_000
    inner = b"Content-Type: text/plain" + line * 2 + line * (50_000 // len(line))
    signature, _ = desk.words(mail(p7m(made.compressed(zlib.compress(inner)))))
    assert signature == f"neutral {found}" if found else signature == "none"
