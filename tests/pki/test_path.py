"""The chain that goes along with a signature."""

from datetime import UTC, datetime
from itertools import permutations

import pytest

from gateway.pki import path
from gateway.pki.certificate import Certificate
from gateway.pki.path import build_paths, chain_for
from gateway.pki.trust import TrustSnapshot
from tests.authority import Authority, Issued, make_key

AT = datetime(2026, 6, 1, tzinfo=UTC)


def of(*issued: Issued) -> list[Certificate]:
    return [item.certificate for item in issued]


def chain(leaf: Issued, *known: Issued) -> list[Certificate]:
    return list(chain_for(leaf.certificate, [item.certificate for item in known], AT).issuers)


def test_nearest_first_and_without_the_root(authority: Authority) -> None:
    second = authority.ca("Second", issuer=authority.intermediate)
    leaf = authority.leaf("a@example.com", issuer=second)
    assert chain(leaf, authority.root, second, authority.intermediate) == of(second, authority.intermediate)
    assert chain(leaf, second) == of(second)
    assert chain(leaf) == []
    assert chain(authority.leaf("a@example.com", issuer=authority.root), authority.root) == []


@pytest.mark.parametrize("kind", ["rsa-2048", "p384", "brainpool256", "ed25519", "ed448", "ml-dsa-44"])
def test_issuers_of_every_kind(kind: str) -> None:
    authority = Authority(kind)
    leaf = authority.leaf("a@example.com", kind="p256")
    assert chain(leaf, authority.intermediate, authority.root) == of(authority.intermediate)


def test_what_is_missing_is_said(authority: Authority) -> None:
    leaf, root, intermediate = authority.leaf("a@example.com"), authority.root, authority.intermediate

    def gap(of: Issued, *known: Issued) -> tuple[bool, str | None]:
        chain = chain_for(of.certificate, [item.certificate for item in known], AT)
        return chain.is_cut, chain.gap

    assert gap(leaf, root, intermediate) == (False, None)
    assert gap(root) == gap(authority.self_signed("a@example.com")) == (False, None)
    cut, text = gap(leaf, root)
    assert cut and text is not None and intermediate.certificate.subject in text and "not stored" in text
    cut, text = gap(leaf, intermediate)
    assert not cut and text is not None and root.certificate.subject in text and "if it is no root" in text


def test_the_signature_decides_not_the_name(authority: Authority) -> None:
    impostor = authority.ca("Test Intermediate", issuer=authority.root, key_ids=False)
    leaf = authority.leaf("a@example.com", key_ids=False)
    assert impostor.certificate.subject_der == authority.intermediate.certificate.subject_der
    assert chain(leaf, impostor) == []
    assert chain(leaf, impostor, authority.intermediate) == of(authority.intermediate)
    assert chain(authority.leaf("a@example.com", broken_signature=True), authority.intermediate) == []


def test_who_is_no_ca_issues_nothing(authority: Authority) -> None:
    no_ca = authority.leaf("x@example.com", kind="p256", common_name="No CA")
    no_usage = authority.ca("No Usage", issuer=authority.root, key_usage=("digitalSignature",))
    assert chain(authority.leaf("a@example.com", issuer=no_ca), no_ca) == []
    assert chain(authority.leaf("a@example.com", issuer=no_usage), no_usage) == []


def test_key_identifiers_spare_signature_checks(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    namesakes = [authority.ca("Test Intermediate", issuer=authority.root) for _ in range(5)]
    monkeypatch.setattr(path, "MAX_SIGNATURE_CHECKS", 1)
    leaf = authority.leaf("a@example.com")
    assert chain(leaf, *namesakes, authority.intermediate) == of(authority.intermediate)


def test_signature_checks_are_bounded(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = datetime(2026, 1, 1, tzinfo=UTC)
    facts = {"issuer": authority.root, "key_ids": False, "not_before": newer}
    namesakes = [authority.ca("Test Intermediate", **facts) for _ in range(4)]
    leaf = authority.leaf("a@example.com", key_ids=False)
    monkeypatch.setattr(path, "MAX_SIGNATURE_CHECKS", 4)
    assert chain(leaf, *namesakes, authority.intermediate) == []
    monkeypatch.setattr(path, "MAX_SIGNATURE_CHECKS", 5)
    assert chain(leaf, *namesakes, authority.intermediate) == of(authority.intermediate)


def test_the_newest_valid_issuer_is_preferred(authority: Authority) -> None:
    key = make_key("p256")

    def renewed(begin: int, end: int) -> Issued:
        dates = {"not_before": datetime(begin, 1, 1, tzinfo=UTC), "not_after": datetime(end, 1, 1, tzinfo=UTC)}
        return authority.ca("Renewed", issuer=authority.root, key=key, **dates)

    old, new, expired, future = renewed(2024, 2030), renewed(2025, 2031), renewed(2026, 2026), renewed(2028, 2034)
    leaf = authority.leaf("a@example.com", issuer=old)
    assert chain(leaf, old, expired, new, future) == of(new)
    assert chain(leaf, expired) == of(expired)
    without_clock = chain_for(leaf.certificate, [item.certificate for item in (old, new, future)]).issuers
    assert list(without_clock) == of(future)


def test_cross_signed_roots_end(authority: Authority) -> None:
    one, two = authority.ca("One", issuer=None), authority.ca("Two", issuer=None)
    one_by_two = authority.ca("One", issuer=two, key=one.private_key)
    two_by_one = authority.ca("Two", issuer=one, key=two.private_key)
    leaf = authority.leaf("a@example.com", issuer=one)
    assert chain(leaf, one_by_two, two_by_one) == of(one_by_two, two_by_one)
    assert chain(leaf, one_by_two, two_by_one, one, two) == []


def test_a_self_signed_leaf_has_no_chain(authority: Authority) -> None:
    alone = authority.self_signed("a@example.com", ca=True, key_usage=None)
    assert chain(alone, alone, authority.intermediate) == []


def test_long_chains_are_cut(authority: Authority) -> None:
    known = [authority.intermediate]
    for number in range(12):
        known.append(authority.ca(f"Level {number}", issuer=known[-1]))
    leaf = authority.leaf("a@example.com", issuer=known[-1])
    assert chain(leaf, *known) == of(*known[:-11:-1])


def test_the_likeliest_issuer_is_tried_first(authority: Authority) -> None:
    """An anchor, then what the leaf names by key id, what is stored, what is valid, what is newest."""
    key, root = make_key("p256"), authority.root

    def shared(issuer: Issued | None = root, begin: int = 2024, end: int = 2040, *, key_ids: bool = True) -> Issued:
        dates = {"not_before": datetime(begin, 1, 1, tzinfo=UTC), "not_after": datetime(end, 1, 1, tzinfo=UTC)}
        return authority.ca("Shared", issuer=issuer, key=key, key_ids=key_ids, **dates)

    anchor, stored, unnamed = shared(None), shared(), shared(key_ids=False, begin=2026)
    newest, older, expired = shared(begin=2026), shared(begin=2025), shared(begin=2025, end=2026)
    leaf = authority.leaf("a@example.com", issuer=stored)
    trust = TrustSnapshot(of(anchor, root), of(stored, unnamed))
    for carried in permutations(of(older, expired, newest)):
        found = build_paths(leaf.certificate, carried, trust, AT).complete
        assert [list(way) for way in found] == [
            of(leaf, anchor),
            *(of(leaf, issuer, root) for issuer in (stored, newest, older, expired, unnamed)),
        ]
