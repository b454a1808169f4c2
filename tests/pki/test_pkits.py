"""NIST PKITS: 224 signed mails whose paths are right or wrong in one point each, judged with the CRLs they carry.

The expected results come from a table beside the project (``../shared/corpora/pkits/mails.tsv``), the mails from the
package ``cryptography-vectors``. The score is printed: ``pytest -s``.
"""

import csv
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from gateway.cms.signed import SignedData, read_signed, verify_signer
from gateway.errors import Malformed
from gateway.mail.entity import decoded_body, read_entity
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.revocation import RevocationEvidence, read_revocation_list
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import PathFinding, Revocation, Strictness, judge
from gateway.reason import Reason

TABLE = Path(__file__).parents[3] / "shared" / "corpora" / "pkits" / "mails.tsv"
AT = datetime(2026, 1, 1, tzinfo=UTC)
STRICTNESS = Strictness(Revocation.HARD, accept_legacy=True)

UNREADABLE = {"SignedValidDSAParameterInheritanceTest5.eml"}
"""Missed: `cryptography` does not read a DSA key that leaves its parameters to the issuer's certificate."""
CA_AS_LEAF = {
    "SignedDifferentPoliciesTest7.eml",
    "SignedDifferentPoliciesTest8.eml",
    "SignedInvalidSelfIssuedinhibitAnyPolicyTest10.eml",
    "SignedInvalidonlyContainsUserCertsCRLTest11.eml",
    "SignedInvalidpathLenConstraintTest10.eml",
    "SignedInvalidpathLenConstraintTest12.eml",
    "SignedInvalidpathLenConstraintTest6.eml",
    "SignedOverlappingPoliciesTest6.eml",
    "SignedValidonlyContainsCACertsCRLTest13.eml",
    "SignedValidpathLenConstraintTest14.eml",
    "SignedValidpathLenConstraintTest8.eml",
}
"""Signed by a CA's certificate: a fault of usage for us, beside the path, which is what PKITS asks about."""
REASONS = {
    r"Revoked(CA|EE)|SeparateCertificateandCRLKeysTest20|deltaCRLTest[3469]": Reason.REVOKED,
    r"BadCRL|WrongCRL|MissingCRL|UnknownCRL|(OldCRL|pre2000CRL)nextUpdate|cRLSignFalse": Reason.REVOCATION_UNKNOWN,
    r"notAfterDate": Reason.EXPIRED,
    r"notBeforeDateTest[12]\b": Reason.NOT_YET_VALID,
    r"Invalid(CA|EE|DSA)Signature|NameChaining(EE|Order)": Reason.NO_PATH,
    r"MissingbasicConstraints|InvalidcAFalse|keyCertSignFalse": Reason.NO_PATH,
    r"Invalid.*(nameConstraints|pathLen|Explicit|inhibit|Mapping)|InvalidUnknownCritical": Reason.UNTRUSTED,
}
"""What is wrong in mails that must be refused, by name."""


@cache
def rows() -> list[dict[str, str]]:
    if not TABLE.exists():
        pytest.skip("no ../shared/corpora")
    with TABLE.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def vectors() -> Path:
    package = pytest.importorskip("cryptography_vectors")
    return Path(package.__file__).parent / "x509" / "PKITS_data"


@cache
def signed_mail(name: str) -> tuple[bytes, bytes]:
    """Return the signed part and the CMS of a clear-signed mail."""
    content = re.sub(rb"\r?\n", b"\r\n", (vectors() / "smime" / name).read_bytes())
    first, second = read_entity(content).children
    return content[first.start : first.end], decoded_body(second)


def certificates(signed: SignedData) -> list[Certificate]:
    found = []
    for data in signed.certificates:
        try:
            found.append(read_certificate(bytes(data)))
        except Malformed:
            continue
    return found


def leaf_of(signed: SignedData) -> Certificate:
    """Return the signer's certificate. Raises ``LookupError`` where it cannot be read."""
    (info,) = signed.signers
    (leaf,) = [item for item in certificates(signed) if info.signer.names(item)] or [None]
    if leaf is None:
        raise LookupError("the signer's certificate is not among those that could be read")
    return leaf


@cache
def found(name: str) -> PathFinding:
    _, data = signed_mail(name)
    signed = read_signed(data)
    lists = tuple(read_revocation_list(bytes(item)) for item in signed.revocation_lists)
    anchor = read_certificate((vectors() / "certs" / "TrustAnchorRootCertificate.crt").read_bytes())
    return judge(
        leaf_of(signed), certificates(signed), TrustSnapshot([anchor]), AT, RevocationEvidence(lists), STRICTNESS
    )


def is_accepted(name: str) -> bool | None:
    """Whether the path holds; None: it could not be judged."""
    try:
        return not set(found(name).reasons) - {Reason.WRONG_USAGE}
    except LookupError:
        return None


def expected(row: dict[str, str]) -> bool:
    """Eleven mails have no test without policy input in the table; PKITS accepts all of them under any policy."""
    return (row["expect_default"] or "accept") == "accept"


def test_the_signatures() -> None:
    """All verify with our CMS code but the one whose key cannot be read."""
    verified = 0
    for row in rows():
        part, data = signed_mail(row["mail"])
        signed = read_signed(data)
        (info,) = signed.signers
        hasher = info.digest.new()
        hasher.update(part)
        if row["mail"] in UNREADABLE:
            with pytest.raises(LookupError):
                leaf_of(signed)
        else:
            verify_signer(info, hasher.digest(), leaf_of(signed))
            verified += 1
    assert verified == 223


@pytest.mark.slow
def test_the_paths() -> None:
    missed = {row["mail"] for row in rows() if is_accepted(row["mail"]) is not expected(row)}
    print(f"\nPKITS: {len(rows()) - len(missed)} of {len(rows())} paths as expected; missed: {sorted(missed)}")
    assert len(rows()) == 224
    assert missed == UNREADABLE


def test_no_wrong_path_is_accepted() -> None:
    refused = [row["mail"] for row in rows() if not expected(row)]
    assert len(refused) == 121
    assert not [mail for mail in refused if is_accepted(mail)]


def test_the_reasons() -> None:
    for pattern, reason in REASONS.items():
        wrong = [row["mail"] for row in rows() if not expected(row) and re.search(pattern, row["mail"])]
        assert wrong, pattern
        for mail in wrong:
            assert reason in found(mail).reasons, mail


def test_ca_certificates_that_sign_mail() -> None:
    readable = [row["mail"] for row in rows() if row["mail"] not in UNREADABLE]
    assert {mail for mail in readable if Reason.WRONG_USAGE in found(mail).reasons} == CA_AS_LEAF
