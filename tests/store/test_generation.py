"""What is withdrawn is counted, once for all processes; what is added is not."""

import pytest

from gateway.pki.revocation import read_status_response
from gateway.store import Store, StoreOptions, open_store
from gateway.store.certificates.said import Trust
from gateway.store.generation import LOOK_EVERY
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority
from tests.store.revocation.test_lists import LATER, crl, take
from tests.store.revocation.test_sources import AT, DAY, claimed, naming, path


def count(store: Store) -> int:
    store.generation.expire()
    return store.generation.withdrawals()


@pytest.fixture
def filled(store: Store, authority: Authority) -> Store:
    import_file(store, authority.root.pem(), (), ImportOptions())
    alice = authority.leaf("alice@example.com", kind="p256")
    import_file(store, alice.pem() + alice.key_pem(), (), ImportOptions())
    return store


def test_imports_and_trust_withdraw_nothing(filled: Store, authority: Authority) -> None:
    before = count(filled)
    import_file(filled, authority.leaf("bob@example.com", kind="p256").pem(), (), ImportOptions())
    take(filled, crl(authority.root))
    filled.certificates.set_trust(authority.root.certificate.fingerprint, Trust.TRUSTED)
    assert count(filled) == before == 0


@pytest.mark.parametrize("trust", [Trust.DISTRUSTED, Trust.NONE])
def test_distrust_does(filled: Store, authority: Authority, trust: Trust) -> None:
    filled.certificates.set_trust(authority.root.certificate.fingerprint, trust)
    assert count(filled) == 1


def test_deletion_does(filled: Store, authority: Authority) -> None:
    filled.keys.delete(filled.keys.list()[0].public_key_id)
    assert count(filled) == 1
    filled.certificates.delete(authority.root.certificate.fingerprint)
    assert count(filled) == 2
    take(filled, crl(authority.root))
    filled.revocation_lists.delete(filled.revocation_lists.list()[0].fingerprint)
    assert count(filled) == 3


def test_a_list_that_revokes_somebody_does(filled: Store, authority: Authority) -> None:
    take(filled, crl(authority.root, 1, revoked=[7]))
    assert count(filled) == 1
    take(filled, crl(authority.root, 2, LATER, revoked=[7, 8]))
    assert count(filled) == 2
    take(filled, crl(authority.root, 1, revoked=[7]))  # older: not stored
    assert count(filled) == 2


@pytest.mark.parametrize("revoked", [True, False])
def test_a_responder_that_says_so_does(filled: Store, authority: Authority, revoked: bool) -> None:
    leaf = naming(authority, 0, 1)
    filled.revocation_sources.want(path(leaf), AT)
    answer = authority.status_response(leaf, at=AT, until=AT + DAY, **({"revoked_at": AT} if revoked else {}))
    filled.revocation_sources.fetched(claimed(filled), read_status_response(answer), AT)
    assert count(filled) == int(revoked)


def test_other_processes_see_it_within_half_a_second(options: StoreOptions, authority: Authority) -> None:
    now = [100.0]
    one, other = open_store(options, durable=True), open_store(options, durable=True, clock=lambda: now[0])
    import_file(one, authority.root.pem(), (), ImportOptions())
    assert other.generation.withdrawals() == 0
    one.certificates.set_trust(authority.root.certificate.fingerprint, Trust.DISTRUSTED)
    assert other.generation.withdrawals() == 0
    now[0] += LOOK_EVERY
    assert other.generation.withdrawals() == 1


def test_what_is_not_committed_comes_into_nobodys_memory(filled: Store, authority: Authority) -> None:
    root, leaf = authority.root.certificate, naming(authority, 0, 1).certificate
    with pytest.raises(ZeroDivisionError), filled.database.together():
        filled.certificates.set_trust(root.fingerprint, Trust.DISTRUSTED)
        assert not filled.evidence.trust(leaf).is_anchor(root)
        raise ZeroDivisionError
    assert filled.evidence.trust(leaf).is_anchor(root)
    with filled.database.together():
        filled.evidence.trust(leaf)
        filled.certificates.set_trust(root.fingerprint, Trust.DISTRUSTED)
        assert not filled.evidence.trust(leaf).is_anchor(root), "what was kept before is not taken for it either"
