"""What evidence and trust say against a leaf that is to be used: values in, a value out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.pki.holding import Holding
from gateway.pki.revocation import NO_EVIDENCE, RevocationEvidence, read_revocation_list
from gateway.pki.standing import ALWAYS, Standing, as_trusted, is_in_doubt, standing
from gateway.pki.trust import TrustSnapshot
from gateway.pki.verdicts import Verdicts
from gateway.reason import Reason
from tests.authority import Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf("alice@example.com", kind="p256")


def held(issued: Issued, **facts: Any) -> Holding:
    return Holding(issued.certificate, **{"trusted": True, "has_key": False, **facts})


def revoking(authority: Authority, issued: Issued, since: datetime = AT - DAY) -> RevocationEvidence:
    made = authority.revocation_list(issued, revoked_at=since)
    return RevocationEvidence((read_revocation_list(made.public_bytes(Encoding.DER)),))


def stands(
    authority: Authority, holding: Holding, evidence: RevocationEvidence = NO_EVIDENCE, at: datetime = AT
) -> Standing:
    trust = TrustSnapshot([authority.root.certificate])
    return standing(holding, [authority.intermediate.certificate], trust, evidence, at, Verdicts())


@pytest.mark.parametrize(
    ("facts", "some_evidence", "doubt"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"learned": True}, False, True),
        ({"trusted": False}, True, False),
        ({"trusted": False, "learned": True}, True, False),
    ],
)
def test_only_what_is_used_is_in_doubt(
    authority: Authority, alice: Issued, facts: dict[str, bool], some_evidence: bool, doubt: bool
) -> None:
    evidence = revoking(authority, alice) if some_evidence else NO_EVIDENCE
    assert is_in_doubt(held(alice, **facts), evidence) is doubt


@pytest.mark.parametrize("learned", [False, True])
def test_crt_04_its_issuer_may_revoke_it(authority: Authority, alice: Issued, learned: bool) -> None:
    found = stands(authority, held(alice, learned=learned), revoking(authority, alice))
    assert found.fault is Reason.REVOKED
    assert found.since < AT < found.until


def test_crt_06_a_learned_one_needs_a_path(authority: Authority, alice: Issued) -> None:
    other = Authority().leaf("alice@example.com", kind="p256")
    assert stands(authority, held(alice, learned=True)).fault is None
    assert stands(authority, held(other, learned=True)).fault is Reason.UNTRUSTED
    assert stands(authority, held(other)).fault is None


def test_it_stands_as_found_until_evidence_says_otherwise(authority: Authority, alice: Issued) -> None:
    evidence = revoking(authority, alice, AT + DAY)
    before = stands(authority, held(alice), evidence)
    assert before.fault is None
    assert before.until <= AT + DAY
    assert stands(authority, held(alice), evidence, AT + DAY + timedelta(seconds=1)).fault is Reason.REVOKED


def test_as_if_it_were_trusted_only_evidence_counts(authority: Authority, alice: Issued) -> None:
    pending = held(alice, trusted=False, learned=True, has_key=True)
    assert stands(authority, as_trusted(pending), revoking(authority, alice)).fault is Reason.REVOKED
    assert not is_in_doubt(as_trusted(pending), NO_EVIDENCE)
    assert as_trusted(pending).has_key


def test_nothing_ever_is_at_every_time() -> None:
    assert ALWAYS.fault is None
    assert ALWAYS.since < AT < ALWAYS.until
