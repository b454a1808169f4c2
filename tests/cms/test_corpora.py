"""CMS of other people's making, read as bare layers: mathematics of signatures, contents of envelopes, clean findings.

No trust, no clock, no addresses: where the manifest says ``pass`` or ``policy`` the signature must verify, and no more
is asked here. ``DISAGREEMENTS`` lists every row on which we differ from the manifest, with the cause.
"""

import base64
import csv
import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.cms.algorithm import scheme_for
from gateway.cms.compressed import Compressed, decompress
from gateway.cms.enveloped import Enveloped, decrypt, encrypt
from gateway.cms.parameter import read_wrap
from gateway.cms.probe import read_cms
from gateway.cms.rejected import Rejected
from gateway.cms.signed import SignedData, Signer, SignerInfo, content_digests, sign_opaque, verify_signer
from gateway.cms.unwrap import kem_derive
from gateway.errors import Malformed
from gateway.mail.entity import decoded_body, read_entity
from gateway.pki.bundle import read_bundle
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.key import PrivateKey, SoftwareKey

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
SOURCES = ("nss", "bouncycastle", "rustcrypto-cms", "lamps-ml-dsa", "lamps-ml-kem", "rfc4134", "openssl-attributes",
           "notmuch", "thunderbird")  # fmt: skip
KINDS = ("signed-detached", "signed-opaque", "enveloped", "auth-enveloped", "compressed", "certs-only", "raw-cms",
         "data", "digested", "encrypted-data", "fragment")  # fmt: skip
LIMIT = 1 << 20

SHARED_SECRET = "a shared secret or a password is needed, which no mail has (DEC-16)"
DISAGREEMENTS = {
    "rfc4134/4.6.der": "the second certificate inherits DSA parameters and cannot be loaded",
    "rustcrypto-cms/enveloped_data_pwri.der": SHARED_SECRET,
    "rustcrypto-cms/enveloped_data_kekri.der": SHARED_SECRET,
    "rustcrypto-cms/enveloped_data_multi.der": SHARED_SECRET,
    "rfc4134/7.1.der": f"EncryptedData, {SHARED_SECRET}",
    "rfc4134/7.2.der": f"EncryptedData, {SHARED_SECRET}",
    "rfc4134/6.0.der": "DigestedData is no layer of S/MIME",
    "rustcrypto-cms/digested_data.der": "DigestedData is no layer of S/MIME",
    "lamps-ml-kem/cms/ML-KEM-512.pem": "the library has no ML-KEM-512",
    "rfc4134/5.2.der": "RC2 of 40 bits, which is never read",
}  # fmt: skip

Row = dict[str, str]


def rows() -> list[Row]:
    if not (CORPORA / "MANIFEST.tsv").exists():
        pytest.skip("no ../shared/corpora")
    with (CORPORA / "MANIFEST.tsv").open(encoding="utf-8", newline="") as table:
        found = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row for row in found if row["file"].split("/")[0] in SOURCES and row["kind"] in KINDS]


@dataclass
class Owner:
    """The keys of a row with their certificates, and the other certificates that belong to it."""

    keys: dict[str, PrivateKey] = field(default_factory=dict)
    certificates: list[Certificate] = field(default_factory=list)
    content: bytes | None = None

    def key_for(self, enveloped: Enveloped) -> tuple[Certificate, PrivateKey]:
        for certificate in self.certificates:
            named = any(item.identity is not None and item.identity.names(certificate) for item in enveloped.recipients)
            if named and certificate.public_key_id in self.keys:
                return certificate, self.keys[certificate.public_key_id]
        raise enveloped.unreadable()


def owner(row: Row) -> Owner:
    made = Owner()
    for name in filter(None, f"{row['keys']},{row['certificates']}".split(",")):
        data = (CORPORA / name).read_bytes()
        if name.endswith(".txt"):
            made.content = data
            continue
        bundle = read_bundle(data, [row["passphrase"].encode()])
        for key in bundle.keys:
            software = SoftwareKey(key.key)  # type: ignore[arg-type]
            made.keys[software.public_key_id] = software
        made.certificates += loaded([item.der for item in bundle.certificates])
    return made


def loaded(certificates: list[bytes]) -> list[Certificate]:
    found = []
    for data in certificates:
        try:
            found.append(read_certificate(data))
        except Malformed:
            continue
    return found


@dataclass
class Outcome:
    """What came of a row: words per layer, and the hash of what came out, decrypted content before any other."""

    signatures: list[str] = field(default_factory=list)
    encryption: str = "none"
    legacy: bool = False
    plaintext: str = ""


def process(row: Row, accept_legacy: bool) -> Outcome:
    outcome = Outcome()
    data = (CORPORA / row["file"]).read_bytes()
    who = owner(row)
    if row["wrapped"] == "eml":
        walk(data, who, outcome, accept_legacy)
    else:
        armoured = re.search(rb"-----BEGIN [A-Z0-9 ]+-----\s(.*?)-----END", data, re.DOTALL)
        layer(base64.b64decode(armoured[1]) if armoured else data, who, outcome, accept_legacy)
    return outcome


def walk(content: bytes, who: Owner, outcome: Outcome, accept_legacy: bool) -> None:
    """Judge the layer at the root of ``content``, and what is in it; lines are signed with CRLF, however they came."""
    entity = read_entity(re.sub(rb"\r\n|\r|\n", b"\r\n", content))
    kind = entity.content_type.type
    if kind == "multipart/signed" and len(entity.children) == 2:
        part = entity.children[0]
        detached = entity.content[part.start : part.end]
        signed = read_cms(decoded_body(entity.children[1]))
        assert isinstance(signed, SignedData)
        if signed.content is not None:
            outcome.signatures.append("malformed")
        else:
            outcome.signatures += [judge(signer, signed, detached, who, outcome) for signer in signed.signers]
        walk(detached, who, outcome, accept_legacy)
    elif kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        inner = layer(decoded_body(entity), who, outcome, accept_legacy)
        if inner is not None:
            walk(inner, who, outcome, accept_legacy)


def layer(data: bytes, who: Owner, outcome: Outcome, accept_legacy: bool) -> bytes | None:
    """Open one layer and return what is in it."""
    parsed = read_cms(data)
    inner = None
    if isinstance(parsed, SignedData):
        inner = who.content if parsed.content is None else b"".join(parsed.content)
        outcome.signatures += [judge(signer, parsed, inner or b"", who, outcome) for signer in parsed.signers]
    elif isinstance(parsed, Enveloped):
        try:
            inner = bytes(decrypt(parsed, *who.key_for(parsed), accept_legacy))
            outcome.encryption = "decrypted"
        except Rejected as rejected:
            outcome.encryption = rejected.reason
    elif isinstance(parsed, Compressed):
        inner = bytes(decompress(parsed, LIMIT))
    if inner is not None and (isinstance(parsed, Enveloped) or not outcome.plaintext):
        outcome.plaintext = hashlib.sha256(inner).hexdigest()
    return inner


def judge(signer: SignerInfo, signed: SignedData, content: bytes, who: Owner, outcome: Outcome) -> str:
    candidates = loaded([bytes(item) for item in signed.certificates]) + who.certificates
    certificate = next((item for item in candidates if signer.signer.names(item)), None)
    if certificate is None:
        return "no-certificate"
    try:
        digest = content_digests([signer], content).get(signer.digest.name, b"")
        verified = verify_signer(signer, digest, certificate)
    except Rejected as rejected:
        return str(rejected.reason)
    except Malformed:
        return "malformed"
    outcome.legacy |= verified.weak or (certificate.key_kind in ("rsa", "dsa") and certificate.key_size < 2048)
    reasons = verified.reasons(accept_legacy=True)
    return str(reasons[0]) if reasons else "verifies"


def disagreement(row: Row) -> str:
    """What differs from the manifest, nothing where all agrees."""
    try:
        outcome = process(row, accept_legacy=True)
    except Malformed as error:
        clean = not (row["expect_signature"] or row["expect_encryption"] or row["plaintext_sha256"])
        return "" if clean else f"malformed: {error}"
    return "; ".join(filter(None, (_signature(row, outcome), _encryption(row, outcome), _plaintext(row, outcome))))


def _signature(row: Row, outcome: Outcome) -> str:
    wanted = row["expect_signature"]
    found = next(
        (word for word in outcome.signatures if word != "verifies"), "verifies" if outcome.signatures else "none"
    )
    if wanted in ("verifies", "pass", "policy", "none"):
        agrees = found == ("none" if wanted == "none" else "verifies")
    elif wanted in ("fail", "does-not-verify"):
        agrees = found in (row["expect_reason"] or "bad-signature altered malformed unsupported-algorithm").split()
    else:
        agrees = True
    return "" if agrees else f"signature {found}, expected {wanted} {row['expect_reason']}"


def _encryption(row: Row, outcome: Outcome) -> str:
    wanted = row["expect_encryption"]
    reasons = row["expect_reason"].split("|") if wanted == "failed" else [wanted]
    return "" if not wanted or outcome.encryption in reasons else f"encryption {outcome.encryption}, expected {wanted}"


def _plaintext(row: Row, outcome: Outcome) -> str:
    wanted = row["plaintext_sha256"]
    return "" if outcome.plaintext == wanted or not wanted else "another plaintext"


@pytest.mark.slow
def test_every_row_agrees_with_the_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    everything = rows()
    differing = {row["file"]: text for row in everything if (text := disagreement(row))}
    with capsys.disabled():
        print(f"\nforeign CMS: {len(everything) - len(differing)} of {len(everything)} rows agree")
    assert {file: text for file, text in differing.items() if file not in DISAGREEMENTS} == {}
    assert set(DISAGREEMENTS) == set(differing)


@pytest.mark.slow
def test_sig_13_legacy_is_told_apart() -> None:
    """Without ``accept_legacy`` legacy envelopes stay closed, and nothing else does; legacy signatures are known."""
    wrong = []
    for row in rows():
        judged = row["expect_encryption"] == "decrypted" or row["expect_signature"] in ("verifies", "pass", "policy")
        if row["file"] in DISAGREEMENTS or row["expect_signature"] == "fail" or not judged:
            continue
        strict = process(row, accept_legacy=False)
        legacy = strict.legacy or strict.encryption in ("weak-algorithm", "weak-key")
        if legacy != (row["legacy"] == "yes"):
            wrong.append((row["file"], row["legacy"], strict))
    assert wrong == []


def test_dec_16_key_encryption_key_of_rfc_9936() -> None:
    """The example's parameter set is not to be had, but its secret is given: what is derived from it must agree."""
    rows()
    folder = CORPORA / "lamps-ml-kem" / "cms"
    armoured = re.search(rb"-----BEGIN CMS-----(.*?)-----END", (folder / "ML-KEM-512.pem").read_bytes(), re.DOTALL)
    assert armoured is not None
    parsed = read_cms(base64.b64decode(armoured[1]))
    assert isinstance(parsed, Enveloped)
    kem = parsed.recipients[0].kem
    assert kem is not None
    secret = bytes.fromhex((folder / "shared_secret.txt").read_text())
    assert kem_derive(secret, kem, *read_wrap(kem.wrap)).hex() == (folder / "kek.txt").read_text().strip().lower()


@pytest.mark.parametrize("name", ["alice", "bob", "carlos", "dana"])
def test_keys_of_rfc_9216_make_and_open_mail(name: str) -> None:
    """RSA, and Ed25519 with X25519, each person with a pair to sign and a pair to encrypt."""
    rows()
    row = {"keys": f"rfc9216/{name}.p12", "certificates": "", "passphrase": name}
    who = owner(row)
    signing = next(item for item in who.certificates if item.may_sign)
    receiving = next(item for item in who.certificates if item.may_encrypt)
    signer = Signer(signing, who.keys[signing.public_key_id], scheme_for(signing, "sha256", "pss"))
    opaque = b"".join(sign_opaque(b"content", signer, [], datetime(2026, 5, 1, tzinfo=UTC)))
    found = read_cms(b"".join(encrypt(opaque, [receiving], "aes-256-gcm", "oaep")))
    assert isinstance(found, Enveloped)
    inner = read_cms(decrypt(found, *who.key_for(found)))
    assert isinstance(inner, SignedData)
    assert judge(inner.signers[0], inner, b"content", who, Outcome()) == "verifies"
    assert judge(inner.signers[0], inner, b"other", who, Outcome()) == "altered"
