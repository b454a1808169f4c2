"""Mail of other people's making through the whole inbound side: real store, own clock, envelope as the manifest says.

``DISAGREEMENTS`` lists every row on which we differ from the manifest; ``docs/foreign-mail.md`` tells why, and a test
holds the two together. Bare CMS objects come in a mail labelled ``application/octet-stream``: content decides.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway.engine.finding import SignatureJudged
from gateway.engine.transaction import Outcome, Verdict
from gateway.mail.header import read_header
from gateway.mail.message_id import plain_id
from gateway.reason import Reason
from gateway.smime.finding import MATHEMATICS
from tests.inbound.foreign import CORPORA, Row, Stores, Unwrapped, mail_of, receive, rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "foreign-mail.md"

DISAGREEMENTS = {
    "rfc4134/4.6.der": "neutral unsupported-algorithm",
    "rfc4134/5.2.der": "failed unsupported-algorithm",
    "rfc4134/6.0.der": "none",
    "rfc4134/7.1.der": "none",
    "rfc4134/7.2.der": "none",
    "rustcrypto-cms/digested_data.der": "none",
    "rustcrypto-cms/enveloped_data_pwri.der": "failed unsupported-algorithm",
    "rustcrypto-cms/enveloped_data_kekri.der": "failed unsupported-algorithm",
    "rustcrypto-cms/enveloped_data_multi.der": "failed no-key",
    "lamps-ml-kem/cms/ML-KEM-512.pem": "failed no-key",
    "mail-parser/malformed/016.eml": "neutral limit",
}
"""Row and what we say of it: of the signature, or where that is not what differs, of the encryption."""

PLAIN = ("mail-parser/", "mikel-mail/", "mime-is-broken/")
UNVERIFIED = MATHEMATICS | {Reason.NO_SIGNER, Reason.UNSUPPORTED_ALGORITHM, Reason.NO_CERTIFICATE}
WEAK = {Reason.WEAK_ALGORITHM, Reason.WEAK_KEY}

Ran = tuple[Row, Outcome, str]
"""A row, what became of it, the SHA-256 of what its outermost opened layer held."""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return Stores(tmp_path_factory.mktemp("stores"))


@pytest.fixture(scope="module")
def ran(stores: Stores) -> Iterator[Mapping[bool, list[Ran]]]:
    """Every S/MIME row, with ``accept_legacy`` and without."""
    everything = [row for row in rows() if row["kind"] != "plain-mail"]
    with pytest.MonkeyPatch.context() as patch:
        unwrapped = Unwrapped(patch)
        yield {
            legacy: [
                (row, receive(stores.for_row(row), row, accept_legacy=legacy), unwrapped.taken()) for row in everything
            ]
            for legacy in (True, False)
        }


def disagreement(row: Row, outcome: Outcome, plaintext: str) -> str:
    """What differs from the manifest; nothing where all agrees."""
    signature, encryption = outcome.finding.signature, outcome.finding.encryption
    if not _signature_agrees(row, signature):
        return f"{signature.status} {signature.reason or ''}".strip()
    wanted = row["expect_encryption"]
    reasons = row["expect_reason"].split("|") if wanted == "failed" and row["expect_reason"] else None
    if wanted and (encryption.status != wanted or (reasons and encryption.reason not in reasons)):
        return f"{encryption.status} {encryption.reason or ''}".strip()
    return "none" if row["plaintext_sha256"] and plaintext != row["plaintext_sha256"] else ""


def _signature_agrees(row: Row, found: SignatureJudged) -> bool:
    wanted, status, reasons = row["expect_signature"], found.status, set(found.reasons)
    if wanted == "verifies":
        return status in ("pass", "policy") and not reasons & UNVERIFIED
    if wanted == "does-not-verify":
        return status in ("fail", "neutral")
    expected_reason = row["expect_reason"] if wanted in ("fail", "policy") else None
    return not wanted or (status == wanted and (not expected_reason or found.reason == expected_reason))


def test_every_row_agrees_with_the_manifest(
    ran: Mapping[bool, list[Ran]], stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``accept_legacy``, as the manifest assumes."""
    differing = {item[0]["file"]: text for item in ran[True] if (text := disagreement(*item))}
    with capsys.disabled():
        print(f"\nforeign mail: {len(ran[True]) - len(differing)} of {len(ran[True])} rows agree")
    assert differing == {file: word for file, word in DISAGREEMENTS.items() if not file.startswith(PLAIN)}
    assert set(stores.refused) == {"lamps-ml-kem/cms/ML-KEM-512.crt", "lamps-ml-kem/cms/ML-KEM-512-seed.key"}


def test_by_default_legacy_is_weak_and_nothing_else_changes(ran: Mapping[bool, list[Ran]]) -> None:
    """SIG-13: what would pass is policy, and a legacy envelope stays closed."""
    wrong = {}
    for row, outcome, plaintext in ran[False]:
        signature, encryption = outcome.finding.signature, outcome.finding.encryption
        if row["file"] in DISAGREEMENTS:
            continue
        legacy = bool(WEAK & set(signature.reasons)) or encryption.reason in WEAK
        if row["legacy"] != "yes":
            agrees = not disagreement(row, outcome, plaintext)
        elif row["expect_signature"] in ("fail", "does-not-verify"):
            agrees = signature.status == "fail"
        else:
            agrees = legacy and signature.status != "pass"
        if not agrees:
            wrong[row["file"]] = (signature.status, signature.reasons, encryption.status)
    assert wrong == {}


def test_every_mail_is_delivered_with_what_it_holds(ran: Mapping[bool, list[Ran]]) -> None:
    """Once, to its recipient; byte for byte where no layer was taken off."""
    for row, outcome, _ in (*ran[True], *ran[False]):
        (delivery,) = outcome.deliveries
        made, content = bytes(delivery.content), mail_of(row)
        assert outcome.verdict is Verdict.RELAY
        assert len(delivery.recipients) == 1
        closed = outcome.finding.encryption.status == "failed" and row["kind"] != "signed-opaque"
        kept = closed or (row["kind"] == "signed-detached" and row["layers"] == "signed")
        assert made.endswith(content) or not kept, row["file"]
        assert b"\n" not in made.replace(b"\r\n", b""), row["file"]


def test_plain_mail_is_none_and_survives(stores: Stores, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of it is S/MIME, however odd it is: tagged ``none`` on top of bytes that did not change."""
    plain = [row for row in rows() if row["kind"] == "plain-mail"]
    differing = {}
    for row in plain:
        outcome = receive(stores.for_row(row), row, accept_legacy=False)
        (delivery,) = outcome.deliveries
        assert bytes(delivery.content).endswith(mail_of(row)), row["file"]
        if text := disagreement(row, outcome, ""):
            differing[row["file"]] = text
    with capsys.disabled():
        print(f"\nforeign plain mail: {len(plain) - len(differing)} of {len(plain)} are none and as they came")
    assert differing == {file: word for file, word in DISAGREEMENTS.items() if file.startswith(PLAIN)}


def test_thunderbird_agrees_but_for_its_own_rules(
    ran: Mapping[bool, list[Ran]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its verdicts, with SHA-1 refused, beside ours: what we call good and it does not, and the other way round."""
    with (CORPORA / "thunderbird" / "verdicts.tsv").open(encoding="utf-8", newline="") as table:
        theirs = {f"thunderbird/{row['file']}": row for row in csv.DictReader(table, delimiter="\t")}
    ours = {row["file"]: outcome.finding for row, outcome, _ in ran[False]}
    good = {file for file, row in theirs.items() if row["signature_good"] == "true"}
    passing = {file for file in theirs if ours[file].signature.status == "pass"}
    with capsys.disabled():
        print(f"\nThunderbird: {len(theirs) - len(good ^ passing)} of {len(theirs)} verdicts are the same")
    assert passing - good == {"thunderbird/alice.future.dsig.SHA256.multipart.eml"}
    assert good - passing == {
        "thunderbird/alice.env.sig.SHA256.opaque.dave.sig.SHA256.opaque.eml",
        "thunderbird/alice.plain.sig.SHA256.opaque.dave.sig.SHA256.opaque.eml",
    }
    for file, row in theirs.items():
        assert row["encrypted"] == "false" or ours[file].encryption.status == "decrypted", file


def test_the_document_lists_every_disagreement() -> None:
    lines = re.findall(r"^\| `([^`/]+/[^`]+)` \|[^|]*\| ([^|]+) \|[^|]+\|$", DOCUMENT.read_text(), re.MULTILINE)
    assert dict(lines) == DISAGREEMENTS


def test_header_survives_opening(ran: Mapping[bool, list[Ran]]) -> None:
    """Of an opened mail all fields but Content-* are those that came, in their order; a hidden Subject is found.

    Where a key was used and none is a plain Message-ID, one of ours is on top.
    """
    for row, outcome, _ in ran[True]:
        if row["wrapped"] != "eml":
            continue
        came, left = map(read_header, (mail_of(row), bytes(outcome.deliveries[0].content)))
        before, after = (
            [(field.name, header.value(field)) for field in header.fields if not _ours(field.name)]
            for header in (came, left)
        )
        if plain_id(came) is None and outcome.deliveries[0].key_used:
            assert after[0][0] == "message-id"
            assert plain_id(left) is not None
            del after[0]
        if HIDDEN in before and any(told.name == "Subject" for told in outcome.finding.protected):
            aside = [left.value(field) for field in left.named("x-smime-gateway-protected-subject")]
            shown = left.value(left.named("subject")[0])
            assert (shown == HIDDEN[1]) is bool(aside)
            before[before.index(HIDDEN)] = ("subject", shown)
        assert [field for field in after if field[0] != "mime-version"] == [
            field for field in before if field[0] != "mime-version"
        ]


HIDDEN = ("subject", b"...")


def _ours(name: str) -> bool:
    return name.startswith(("content-", "x-smime-gateway-")) or name == "authentication-results"
