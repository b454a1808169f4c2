"""Certificates learned from mail: used for nothing or ranking last, bounded, and gone for good when they are gone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select

from gateway.cms.identity import Identity
from gateway.pki.holding import Holding
from gateway.pki.need import NeedKind, by_serial
from gateway.pki.path import CertificatePath
from gateway.store import Store, StoreOptions, open_store, schema
from gateway.store.certificates import learned
from gateway.store.certificates.learned import Learning
from gateway.store.certificates.said import Trust
from gateway.store.held.message import State
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import NOT_AFTER, Authority, Issued
from tests.store.certificates.entries import entries
from tests.store.held.messages import held

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = "alice@example.com"
DAY = timedelta(days=1)


def leaf(authority: Authority, *addresses: str, **facts: Any) -> Issued:
    return authority.leaf(*(addresses or (ALICE,)), **({"kind": "p256"} | facts))


def teach(
    store: Store,
    issued: Issued,
    address: str = ALICE,
    capabilities: Sequence[str] = (),
    at: datetime = AT,
    trusted: bool = False,
    intermediates: CertificatePath = (),
) -> Learning:
    return store.learned.learn(
        address, issued.certificate, capabilities, at, trusted=trusted, intermediates=intermediates
    )


def found(store: Store, address: str = ALICE) -> list[Holding]:
    return list(store.certificates.find([address], AT)[address])


def serial(issued: Issued) -> Identity:
    return Identity(issued.certificate.issuer_der, issued.certificate.serial, None)


def counts(store: Store) -> tuple[int, int]:
    with store.database.read() as connection:
        certificates, memory = (
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (schema.certificates, schema.learned)
        )
        return certificates, memory


# what it is used for


def test_crt_06_in_quarantine_it_is_used_for_nothing(store: Store, authority: Authority) -> None:
    """CRT-06: neither found by a signature or envelope, nor trusted, nor a reason to try held mail again."""
    alice = leaf(authority)
    name = held(store, by_serial(NeedKind.SIGNER, alice.certificate.issuer_der, alice.certificate.serial))
    assert teach(store, alice) is Learning.NEW
    (holding,) = found(store)
    assert (holding.learned, holding.trusted, holding.distrusted) == (True, False, False)
    assert store.evidence.named([serial(alice)])[serial(alice)] == ()
    assert not store.evidence.trust(alice.certificate).is_trusted_itself(alice.certificate)
    assert store.held.get(name).state is State.WAITING


def test_crt_06_approval_makes_it_like_any_other(store: Store, authority: Authority) -> None:
    """CRT-06: ``cert trust`` approves, for all addresses that it names."""
    alice = leaf(authority, ALICE, "sales@example.com")
    name = held(store, by_serial(NeedKind.SIGNER, alice.certificate.issuer_der, alice.certificate.serial))
    teach(store, alice, capabilities=["aes-256-gcm"])
    assert found(store, "sales@example.com") == []
    holding = store.certificates.set_trust(alice.certificate.fingerprint, Trust.TRUSTED)
    assert (holding.learned, holding.trusted, holding.capabilities) == (False, True, {"aes-256-gcm"})
    assert found(store) == found(store, "sales@example.com") == [holding]
    assert store.evidence.trust(alice.certificate).is_trusted_itself(alice.certificate)
    assert store.held.get(name).state is State.READY


def test_learned_at_once_it_encrypts_and_is_not_trusted_for_itself(store: Store, authority: Authority) -> None:
    alice = leaf(authority)
    assert teach(store, alice, trusted=True) is Learning.NEW
    (holding,) = found(store)
    assert (holding.learned, holding.trusted) == (True, True)
    assert [item.certificate for item in store.evidence.named([serial(alice)])[serial(alice)]] == [alice.certificate]
    assert not store.evidence.trust(alice.certificate).is_trusted_itself(alice.certificate)


def test_crt_05_it_is_found_by_the_address_that_wrote_only(store: Store, authority: Authority) -> None:
    """CRT-05: another of its addresses counts once mail came from that one."""
    both = leaf(authority, ALICE, "sales@example.com")
    teach(store, both, "Alice@EXAMPLE.com", trusted=True)
    assert (len(found(store)), len(found(store, "sales@example.com"))) == (1, 0)
    assert teach(store, both, "sales@example.com", trusted=True) is Learning.KNOWN
    assert len(found(store, "sales@example.com")) == 1


def test_an_import_makes_it_like_any_other(store: Store, authority: Authority) -> None:
    alice = leaf(authority, ALICE, "sales@example.com")
    teach(store, alice)
    (imported,) = import_file(store, alice.pem(), (), ImportOptions(trust=False))
    assert (imported.result, "learned from mail" in imported.text) == ("known", True)
    assert found(store)[0].learned
    (imported,) = import_file(store, alice.pem(), (), ImportOptions())
    assert imported.result == "known"
    assert [holding.learned for holding in found(store, "sales@example.com")] == [False]


def test_crt_06_what_is_stored_is_never_changed(store: Store, authority: Authority) -> None:
    """CRT-06: neither lifted nor lowered, whatever mail shows; distrust holds."""
    manual, doubtful, refused = (leaf(authority) for _ in range(3))
    import_file(store, manual.pem() + refused.pem(), (), ImportOptions())
    import_file(store, doubtful.pem(), (), ImportOptions(trust=False))
    store.certificates.set_trust(refused.certificate.fingerprint, Trust.DISTRUSTED)
    before = {holding.certificate: holding for holding in found(store)}
    for issued in (manual, doubtful, refused):
        assert teach(store, issued, trusted=True) is Learning.KNOWN
    assert {holding.certificate: holding for holding in found(store)} == before
    assert counts(store) == (3, 0)


def test_crt_06_what_was_learned_and_distrusted_stays_so(store: Store, authority: Authority) -> None:
    """CRT-06."""
    alice = leaf(authority)
    teach(store, alice)
    store.certificates.set_trust(alice.certificate.fingerprint, Trust.DISTRUSTED)
    assert teach(store, alice, trusted=True) is Learning.KNOWN
    assert [(holding.distrusted, holding.learned) for holding in found(store)] == [(True, False)]


@pytest.mark.parametrize("imported", [False, True])
def test_crt_06_what_was_deleted_does_not_come_back(store: Store, authority: Authority, imported: bool) -> None:
    """CRT-06: not with the next mail; an import brings it back."""
    alice = leaf(authority)
    if imported:
        import_file(store, alice.pem(), (), ImportOptions())
    else:
        teach(store, alice)
    store.certificates.delete(alice.certificate.fingerprint)
    assert teach(store, alice, trusted=True) is Learning.DELETED
    assert found(store) == []
    import_file(store, alice.pem(), (), ImportOptions())
    assert [holding.learned for holding in found(store)] == [False]


def test_a_certificate_for_a_key_of_ours_is_not_learned(store: Store, authority: Authority) -> None:
    """A private key that waits for its certificate must not depend on one that anybody can have deleted."""
    own = leaf(authority)
    import_file(store, own.key_pem(), (), ImportOptions())
    assert teach(store, own) is Learning.OURS
    assert counts(store) == (0, 0)


# what its owner announces


def test_capabilities_are_kept_and_renewed(store: Store, authority: Authority) -> None:
    learned_one, manual = leaf(authority), leaf(authority, "bob@example.com")
    import_file(store, manual.pem(), (), ImportOptions())
    for issued, address in ((learned_one, ALICE), (manual, "bob@example.com")):
        teach(store, issued, address, ["aes-128-cbc"], trusted=True)
        assert [holding.capabilities for holding in found(store, address)] == [{"aes-128-cbc"}]
        teach(store, issued, address, trusted=True)
        assert [holding.capabilities for holding in found(store, address)] == [{"aes-128-cbc"}]
        teach(store, issued, address, ["aes-256-gcm", "aes-256-gcm", "aes-128-gcm"], trusted=True)
        assert [holding.capabilities for holding in found(store, address)] == [{"aes-256-gcm", "aes-128-gcm"}]
    assert [holding.learned for holding in found(store, "bob@example.com")] == [False]


# bounds


def test_crt_06_so_many_for_an_address(store: Store, authority: Authority) -> None:
    """CRT-06: those that expired do not count, nor do imported ones; nobody else's address is affected."""
    old = [leaf(authority, not_after=AT + DAY * n) for n in range(1, learned.PER_ADDRESS + 1)]
    import_file(store, leaf(authority).pem(), (), ImportOptions())
    assert {teach(store, each) for each in old} == {Learning.NEW}
    new = leaf(authority, ALICE, "sales@example.com")
    assert teach(store, new, "ALICE@example.com") is Learning.ADDRESS_FULL
    assert teach(store, new, "sales@example.com") is Learning.NEW
    assert teach(store, new) is Learning.ADDRESS_FULL
    assert teach(store, new, at=AT + DAY) is Learning.KNOWN
    assert len(found(store)) == learned.PER_ADDRESS + 2


def test_crt_06_so_many_in_a_day(store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRT-06: a flood of good signatures; deleting makes no room, the next day does."""
    monkeypatch.setattr(learned, "PER_DAY", 5)
    flood = [leaf(authority, f"u{number}@example.net") for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        found_out = list(threads.map(lambda each: teach(store, each, each.certificate.addresses[0]), flood))
    assert sorted(found_out) == sorted([Learning.NEW] * 5 + [Learning.DAY_FULL] * 7)
    assert counts(store) == (5, 5)
    stored = entries(store)
    store.certificates.delete(stored[0].certificate.fingerprint)
    assert teach(store, leaf(authority)) is Learning.DAY_FULL
    assert teach(store, leaf(authority), at=AT.replace(hour=0) + DAY) is Learning.NEW


def test_crt_06_so_many_in_all(store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRT-06."""
    monkeypatch.setattr(learned, "IN_ALL", 2)
    for number in range(2):
        assert teach(store, leaf(authority, f"u{number}@example.net"), f"u{number}@example.net") is Learning.NEW
    assert teach(store, leaf(authority)) is Learning.STORE_FULL
    store.certificates.set_trust(entries(store)[0].certificate.fingerprint, Trust.TRUSTED)
    assert teach(store, leaf(authority)) is Learning.NEW


def test_what_is_known_is_answered_without_a_write(options: StoreOptions, authority: Authority) -> None:
    store = open_store(options, durable=True)
    alice, gone = leaf(authority), leaf(authority)
    path = (authority.intermediate.certificate,)
    teach(store, alice, capabilities=["aes-256-gcm"], intermediates=path)
    teach(store, gone)
    store.certificates.delete(gone.certificate.fingerprint)
    generation = store.generation.current()
    sent: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    assert teach(store, alice, capabilities=["aes-256-gcm"], intermediates=path) is Learning.KNOWN
    assert teach(store, gone) is Learning.DELETED
    assert sent
    assert not [statement for statement in sent if not statement.startswith(("SELECT", "BEGIN"))]
    store.generation.expire()
    assert store.generation.current() == generation


def test_what_expired_is_removed(store: Store, authority: Authority) -> None:
    """Whatever can teach nothing and serve nobody any more; what an administrator brought stays."""
    ends = AT + DAY
    learned_one, gone, approved = (leaf(authority, not_after=ends) for _ in range(3))
    manual = leaf(authority, not_after=ends)
    import_file(store, manual.pem(), (), ImportOptions())
    for issued in (learned_one, gone, approved):
        teach(store, issued, trusted=True)
    lasting = leaf(authority, "later@example.com")
    teach(store, lasting, "later@example.com")
    store.certificates.delete(gone.certificate.fingerprint)
    store.certificates.set_trust(approved.certificate.fingerprint, Trust.TRUSTED)
    assert store.learned.prune(AT) == 0
    assert store.learned.prune(ends + timedelta(seconds=1)) == 4
    assert {item.certificate.fingerprint for item in entries(store)} == {
        manual.certificate.fingerprint,
        approved.certificate.fingerprint,
        lasting.certificate.fingerprint,
    }
    assert store.learned.prune(NOT_AFTER + DAY) == 2
