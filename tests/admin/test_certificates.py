"""Certificates in pages, in full, and what would go along with them."""

from datetime import timedelta

import pytest

from gateway.admin.certificate_view import CertificateKind
from gateway.admin.certificates import CertificateFilter, listed, shown, waiting
from gateway.admin.deletion import BrokenChain, doomed
from gateway.admin.trust import falls
from gateway.errors import Refused
from gateway.policy.state import State
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.authority import Authority, Issued


def test_pages_together_are_the_whole_list(stocked: Wiring, authority: Authority) -> None:
    for number in range(5):
        import_file(stocked.store, authority.leaf(f"n{number}@example.com", kind="p256").pem(), [], ImportOptions())
    whole = listed(stocked, CertificateFilter())
    assert (len(whole.items), whole.next) == (8, None)
    for limit in (1, 3, 8):
        found, after = [], None
        while True:
            page = listed(stocked, CertificateFilter(), after, limit)
            assert len(page.items) <= limit
            found += page.items
            if (after := page.next) is None:
                break
        assert tuple(found) == whole.items
    with pytest.raises(Refused):
        listed(stocked, CertificateFilter(), "0" * 64)


def test_the_filter_is_of_one_mind_with_the_page(stocked: Wiring, authority: Authority) -> None:
    leaf = listed(stocked, CertificateFilter(kind=CertificateKind.LEAF), limit=1)
    assert [view.addresses for view in leaf.items] == [("support@example.org",)]
    assert leaf.next is None
    assert listed(stocked, CertificateFilter(state=State.EXPIRED), limit=1).items == ()
    assert listed(stocked, CertificateFilter(expiring=timedelta(days=1))).items == ()


def test_keys_that_wait_come_in_pages_too(wiring: Wiring, authority: Authority) -> None:
    for _ in range(3):
        import_file(wiring.store, authority.leaf("a@example.com", kind="p256").key_pem(), [], ImportOptions())
    first = waiting(wiring, limit=2)
    rest = waiting(wiring, first.next, limit=2)
    assert first.items + rest.items == waiting(wiring).items
    assert (len(first.items), rest.next) == (2, None)


def test_the_detail_names_path_and_key(stocked: Wiring, authority: Authority, support: Issued) -> None:
    detail = shown(stocked, support.certificate.fingerprint[:20])
    above = [authority.intermediate.certificate, authority.root.certificate]
    assert detail.path == tuple(item.fingerprint for item in above)
    assert detail.path_subjects == tuple(item.subject for item in above)
    assert detail.anchored
    assert detail.key is not None
    assert detail.key.certificates == (detail.fingerprint,)
    assert not detail.key.protected


def test_what_would_be_lost_is_told_before_it_is(stocked: Wiring, authority: Authority, support: Issued) -> None:
    own, above = support.certificate, authority.intermediate.certificate
    lost = doomed(stocked, [own.fingerprint[:10], own.fingerprint])
    assert (lost.fingerprints, [item.name for item in lost.keys]) == ((own.fingerprint,), ["support@example.org"])
    lost = doomed(stocked, [above.fingerprint])
    assert lost.keys == ()
    (chain,) = lost.chains
    assert chain == BrokenChain(chain.certificate, above.subject)
    assert chain.certificate.fingerprint == own.fingerprint


def test_what_falls_with_an_authority(stocked: Wiring, authority: Authority, support: Issued) -> None:
    names = [support.certificate.fingerprint, authority.root.certificate.fingerprint]
    (fall,) = falls(stocked, names)
    assert (fall.authority.fingerprint, fall.certificates, fall.groups) == (names[1], 2, ("support",))
