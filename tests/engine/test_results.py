"""Result fields: forged ones are found in every spelling, ours parse back, and no value from a certificate injects."""

import re
from dataclasses import replace

import pytest
from authres import AuthenticationResultsHeader
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.mark import Sealer, Stamp
from gateway.engine.results import PROTECTED_SUBJECT, VALUE_LIMIT, _quoted, forged_fields, result_fields
from gateway.mail.address import folded
from gateway.mail.header import read_header
from gateway.reason import Reason
from gateway.smime.finding import (
    ORDER,
    Coverage,
    Encryption,
    EncryptionFinding,
    SignatureFinding,
    SignerFinding,
    Status,
    ordered,
    over_ciphertext_only,
    status_of,
    verdict,
)
from gateway.smime.protected import SUBJECT_LIMIT, subject_field
from gateway.smtp.capability import FIELDS
from tests.authority import Authority

OURS = "smime.gw.example.org"


@pytest.mark.parametrize(
    "value",
    [
        f"{OURS}; smime=pass",
        f"{OURS.upper()}; smime=pass",
        f'"{OURS}"; smime=pass',
        f"(comment) {OURS} 1; smime=pass",
        f"(a (nested) comment){OURS}(again);smime=pass",
        f"\r\n {OURS}\r\n ; smime=pass",
        f"{OURS}",
        '"smime.gw\\.example.org"; none',
        f"{OURS};",
        f"{OURS}.; smime=pass",
        f"\v{OURS}\f; smime=pass",
        "smime\v.gw.exam\u00a0ple.org; smime=pass",
        f'"{OURS}." 1; smime=pass',
        f"\u00a0{OURS}; smime=pass",
        rf"(a \) b) (c (d)) {OURS} (e",
        "(" * 30_000 + ")" * 30_000 + f"{OURS}; smime=pass",
        "()" * 30_000 + f'"{OURS}"',
    ],
)
@pytest.mark.parametrize("name", ["Authentication-Results", "AUTHENTICATION-results", "authentication-results "])
def test_hdr_01_our_id_in_every_spelling(name: str, value: str) -> None:
    """HDR-01: an Authentication-Results field that claims to be ours is found."""
    content = f"{name}: {value}\r\nSubject: x\r\n\r\n".encode()
    assert len(forged_fields(read_header(content), [OURS])) == 1


@pytest.mark.parametrize(
    "id_", ["smime.gw.example.com", "gw.example.org", "xsmime.gw.example.org", "other; x=smime.gw", f"({OURS}"]
)
def test_hdr_01_other_ids_stay(id_: str) -> None:
    """HDR-01: others' results are not ours to remove."""
    content = f"Authentication-Results: {id_}; dkim=pass\r\n\r\n".encode()
    assert forged_fields(read_header(content), [OURS]) == []


def test_hdr_01_internationalised_ids_compare_as_a_labels() -> None:
    """HDR-01: U-label and A-label are one id."""
    content = "Authentication-Results: smime.bücher.example; smime=pass\r\n\r\n".encode()
    assert len(forged_fields(read_header(content), ["smime.xn--bcher-kva.example"])) == 1


@pytest.mark.parametrize(
    "name", ["X-SMIME-Gateway-Id", "x-smime-gateway-anything", "X-Smime-Gateway-Seal\t", "X-SMIME-GATEWAY-"]
)
def test_hdr_02_our_prefix_in_every_spelling(name: str) -> None:
    """HDR-02: no field of our prefix survives."""
    assert len(forged_fields(read_header(f"{name}: x\r\n\r\n".encode()), [OURS])) == 1


def parsed(fields: tuple[bytes, ...]) -> AuthenticationResultsHeader:
    return AuthenticationResultsHeader.parse(fields[0].decode().strip())


def test_hdr_07_an_explicit_result_even_where_there_is_none() -> None:
    """HDR-07: the fields are always there."""
    fields = result_fields(OURS, "0123", SignatureFinding(), EncryptionFinding())
    header = parsed(fields)
    assert header.authserv_id == OURS
    assert [(result.method, result.result) for result in header.results] == [("smime", "none")]
    assert fields[1:] == (
        b"X-SMIME-Gateway-Signature: none\r\n",
        b"X-SMIME-Gateway-Encryption: none\r\n",
        b"X-SMIME-Gateway-Id: 0123\r\n",
    )


def test_a_pass_names_signer_fingerprint_and_anchor(authority: Authority) -> None:
    alice = authority.leaf("alice@example.com", kind="p256").certificate
    root = authority.root.certificate
    signer = SignerFinding((), certificate=alice, anchor=root, addresses=alice.addresses, digest="sha256")
    fields = result_fields(OURS, "0123", verdict([signer]), EncryptionFinding())
    (result,) = parsed(fields).results
    properties = {(p.type, p.name): p.value for p in result.properties}
    assert result.result == "pass"
    assert properties[("body", "smime-identifier")] == "alice@example.com"
    assert properties[("body", "smime-serial")] == f"{alice.serial:x}"
    assert properties[("body", "smime-issuer")] == alice.issuer
    text = b"".join(fields[1].split(b"\r\n")).decode()
    assert "pass; signer=alice@example.com;" in text
    assert alice.fingerprint in text
    assert f'anchor="{root.subject}"' in " ".join(text.split())


@pytest.mark.parametrize("reason", [Reason.BAD_SIGNATURE, Reason.ALTERED, Reason.MALFORMED, Reason.NO_CERTIFICATE])
def test_hdr_05_no_identity_without_mathematics(authority: Authority, reason: Reason) -> None:
    """HDR-05: what does not verify carries no identity; ``signer=`` stands with pass only."""
    certificate = None if reason is Reason.NO_CERTIFICATE else authority.leaf("alice@example.com").certificate
    signer = SignerFinding((reason,), certificate=certificate, addresses=("alice@example.com",))
    fields = result_fields(OURS, "0123", verdict([signer]), EncryptionFinding())
    assert b"alice@example.com" not in b"".join(fields)
    assert b"reason=" + reason.encode() in fields[1]


def test_a_good_signer_beside_a_bad_one_never_reads_as_pass(authority: Authority) -> None:
    good = SignerFinding((), certificate=authority.leaf("a@example.com").certificate, addresses=("a@example.com",))
    bad = SignerFinding((Reason.UNTRUSTED,), certificate=authority.leaf("b@example.com").certificate)
    fields = result_fields(OURS, "0123", verdict([good, bad]), EncryptionFinding())
    assert {result.result for result in parsed(fields).results} == {"policy"}
    assert b"signer=" not in fields[1]


PEOPLE = ("a@example.com", "b@example.com", "B@example.COM", "c@example.com")
SIGNERS = st.builds(
    SignerFinding,
    reasons=st.lists(st.sampled_from(ORDER), max_size=3).map(ordered),
    addresses=st.lists(st.sampled_from(PEOPLE), max_size=2).map(tuple),
)
MADE = st.sampled_from([verdict, over_ciphertext_only])
FINDINGS = st.builds(lambda make, signers: make(signers), MADE, st.lists(SIGNERS, min_size=1, max_size=5)) | st.builds(
    lambda reason: SignatureFinding(status_of(reason), (reason,)), st.sampled_from(ORDER)
)


@given(FINDINGS)
def test_both_fields_always_agree(finding: SignatureFinding) -> None:
    """One result per signer that counts; each says what our own field says, and why."""
    fields = result_fields(OURS, "0123", finding, EncryptionFinding())
    results = parsed(fields).results
    status, *words = fields[1].decode().removeprefix("X-SMIME-Gateway-Signature: ").strip().split("; ")
    assert {result.result for result in results} == {status} == {finding.status}
    assert {result.reason for result in results} == {finding.reason}
    assert [f"reason={finding.reason}"] == words[:1] or status == "pass"
    assert len(results) == max(1, len(finding.signers))


@given(st.lists(SIGNERS, min_size=1, max_size=6))
def test_of_one_signers_signatures_the_best_counts_of_several_signers_the_worst(found: list[SignerFinding]) -> None:
    finding = verdict(found)
    assert sorted(map(id, (*finding.signers, *finding.others))) == sorted(map(id, found))
    addresses = [{folded(address) for address in signer.addresses} for signer in finding.signers]
    assert sum(map(len, addresses)) == len(set().union(*addresses)), "each address is one signer's"
    assert (finding.status is Status.PASS) is all(signer.reason is None for signer in finding.signers)
    if all(signer.reason is None for signer in found):
        assert finding.status is Status.PASS
    if all(signer.reason is not None for signer in found):
        assert finding.status is not Status.PASS


def test_a_better_signature_of_the_same_signer_makes_up_for_a_worse_one() -> None:
    old = SignerFinding((Reason.EXPIRED,), addresses=("a@example.com", "info@example.com"))
    new = SignerFinding((), addresses=("A@example.com",))
    nobody = SignerFinding((Reason.NO_CERTIFICATE,))
    assert verdict([old, new]).status is Status.PASS
    assert verdict([old, new]).others == (old,)
    assert verdict([old, new, nobody]).reasons == (Reason.NO_CERTIFICATE,)
    assert verdict([nobody, nobody]).signers == (nobody, nobody)
    assert over_ciphertext_only([old, new]).reasons == (Reason.PARTIAL,)


def test_signers_are_told_apart_however_many_they_are() -> None:
    """One certificate that holds everybody's address makes them one; the work stays proportional to the addresses."""
    names = tuple(f"{number}@example.com" for number in range(1000))
    apart = [SignerFinding((Reason.EXPIRED,), addresses=(name,)) for name in names]
    assert len(verdict([*apart, *apart]).signers) == 1000
    finding = verdict([*apart, SignerFinding((), addresses=names), *apart])
    assert (finding.status, len(finding.signers), len(finding.others)) == (Status.PASS, 1, 2000)


def test_our_fields_fit_into_what_a_door_leaves_for_them(authority: Authority) -> None:
    """However many signers, whatever their certificates say: an inbound door never answers 552 for our fields."""
    certificate = replace(authority.leaf("a@example.com").certificate, issuer='"' * 5000, serial=1 << 20_000)
    many = [
        SignerFinding((Reason.UNTRUSTED,), certificate=certificate, addresses=('"' * 5000 + str(n),), digest="sha256")
        for n in range(60)
    ]
    for finding in (verdict(many), verdict(many[:1])):
        fields = result_fields(OURS, "0123", finding, EncryptionFinding(), "4567")
        subject = subject_field(PROTECTED_SUBJECT, "x" * SUBJECT_LIMIT)
        seal = Sealer(b"k" * 32, (OURS,)).seal(
            read_header(b"".join(fields)), memoryview(b""), Stamp(1 << 40, 1 << 30, 9)
        )
        assert sum(map(len, (*fields, subject, seal))) < FIELDS
        assert parsed(fields).results[0].reason == "untrusted"


def test_the_encryption_field() -> None:
    def words(finding: EncryptionFinding) -> bytes:
        return result_fields(OURS, "0", SignatureFinding(), finding)[2]

    opened = EncryptionFinding(Encryption.DECRYPTED, cipher="aes-256-gcm", authenticated=True)
    assert words(opened) == b"X-SMIME-Gateway-Encryption: decrypted; cipher=aes-256-gcm; authenticated=yes\r\n"
    failed = EncryptionFinding(Encryption.FAILED, Reason.NO_KEY, cipher="aes-256-gcm")
    assert words(failed) == b"X-SMIME-Gateway-Encryption: failed; reason=no-key\r\n"


HOSTILE = [
    'CN="evil"; smime=pass',
    "CN=x; SMIME = pass",
    "CN=x\r\nBcc: y",
    "CN=\x00",
    "CN=\\",
    "CN=" + "x" * 70_000,
    "CN=\u202eabc",
    "CN=Grüße",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hdr_04_values_from_certificates_do_not_inject(name: str) -> None:
    """HDR-04: a quoted ASCII string on one logical line, short, whatever the certificate says."""
    text = _quoted(name)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= 2 * VALUE_LIMIT + 2
    field = f'{OURS}; smime=policy reason="untrusted" body.smime-serial=1 body.smime-issuer={text}'
    (result,) = AuthenticationResultsHeader.parse_value(field).results
    assert result.result == "policy"
    assert [p.name for p in result.properties] == ["smime-serial", "smime-issuer"]
    assert not re.search("smime *=", text, re.IGNORECASE), "nor does a filter that searches for a result find one"


@given(st.text(max_size=300))
def test_hdr_04_any_text_is_one_quoted_string(text: str) -> None:
    """HDR-04: the closing quote is the last character, and the first that is not escaped."""
    quoted = _quoted(text)
    inner = quoted[1:-1].replace("\\\\", "").replace('\\"', "").replace("\\=", "")
    assert '"' not in inner
    assert "\\" not in inner
    assert quoted.isascii()
    assert quoted.isprintable()


def test_verdict_of_nobody_is_none() -> None:
    assert SignatureFinding().coverage is Coverage.NONE
    assert SignatureFinding().status is Status.NONE


def test_hdr_03_fields_stand_in_order_and_fold() -> None:
    """HDR-03: Authentication-Results first; no line is over 78 characters where it can be folded."""
    fields = result_fields(OURS, "0123", SignatureFinding(), EncryptionFinding())
    assert [field.partition(b":")[0] for field in fields] == [
        b"Authentication-Results",
        b"X-SMIME-Gateway-Signature",
        b"X-SMIME-Gateway-Encryption",
        b"X-SMIME-Gateway-Id",
    ]
