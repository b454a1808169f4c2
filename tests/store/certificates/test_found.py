"""What sources had for an address, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.pki.holding import Holding, Origin
from gateway.store import Store
from gateway.store.certificates import found
from gateway.store.certificates.found import PER_ADDRESS, Filed, Find
from gateway.store.certificates.said import Trust, Waits
from gateway.store.lookups import KEPT, Saying
from tests.authority import Authority

ALICE = "alice@example.com"
AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def holdings(store: Store) -> dict[str, Holding]:
    return {each.certificate.fingerprint: each for each in store.certificates.find([ALICE], AT)[ALICE]}


def test_what_is_known_is_brought_up_to_date(store: Store, authority: Authority) -> None:
    leaf = authority.leaf(ALICE, kind="p256").certificate
    assert store.found.file(ALICE, "dns", Origin.DNS, [Find(leaf, dnssec=True)]) == [Filed.NEW]
    generation = store.generation.current()
    assert store.found.file(ALICE, "dns", Origin.DNS, [Find(leaf, dnssec=True)]) == [Filed.KNOWN]
    assert store.generation.current() == generation, "nothing new is no change of the store"
    assert store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf)]) == [Filed.CHANGED]
    assert holdings(store)[leaf.fingerprint].origin is Origin.DIRECTORY
    assert store.found.file(ALICE, "dns", Origin.DNS, [Find(leaf, dnssec=True)]) == [Filed.CHANGED]
    assert holdings(store)[leaf.fingerprint].origin is Origin.DIRECTORY, "it does not fall behind what it was"


def test_no_source_takes_back_what_another_vouches_for(store: Store, authority: Authority) -> None:
    """They are asked at the same time: which answers last must not matter."""
    leaf = authority.leaf(ALICE, kind="p256").certificate
    store.found.file(ALICE, "dns", Origin.DNS, [Find(leaf, dnssec=True)])
    for waits in (Waits.PATH, Waits.MINIMUM):
        assert store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf, waits=waits)]) == [Filed.KNOWN]
    assert holdings(store)[leaf.fingerprint].dnssec
    assert store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf, waits=Waits.CHANGE)]) == [Filed.CHANGED]
    assert not holdings(store)[leaf.fingerprint].trusted, "what an administrator said goes before"


def test_what_mail_taught_is_believed_more_once_a_directory_has_it(store: Store, authority: Authority) -> None:
    leaf = authority.leaf(ALICE, kind="p256").certificate
    store.learned.learn(ALICE, leaf, ("aes-256-gcm",), AT, trusted=False)
    assert store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf)]) == [Filed.CHANGED]
    held = holdings(store)[leaf.fingerprint]
    assert (held.origin, held.trusted, held.capabilities) == (Origin.DIRECTORY, True, {"aes-256-gcm"})


def test_what_an_administrator_said_stays(store: Store, authority: Authority) -> None:
    leaf = authority.leaf(ALICE, kind="p256").certificate
    store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf, waits=Waits.MINIMUM)])
    for trust in (Trust.TRUSTED, Trust.DISTRUSTED):
        store.certificates.set_trust(leaf.fingerprint, trust, "ada")
        assert store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf)]) == [Filed.KNOWN]
        assert holdings(store)[leaf.fingerprint].distrusted is (trust is Trust.DISTRUSTED)
    store.certificates.set_trust(leaf.fingerprint, Trust.NONE, "ada")
    assert not holdings(store)[leaf.fingerprint].trusted, "what he takes back serves for nothing meanwhile"


def test_an_address_has_so_many_and_only_what_is_gone_gives_way(store: Store, authority: Authority) -> None:
    crowd = [authority.leaf(ALICE, kind="p256").certificate for _ in range(PER_ADDRESS + 2)]
    for leaf in crowd[:PER_ADDRESS]:
        store.found.file(ALICE, "one", Origin.DIRECTORY, [Find(leaf)])
    assert store.found.file(ALICE, "two", Origin.DIRECTORY, [Find(crowd[-1])]) == [Filed.FULL]
    assert store.found.file(ALICE, "one", Origin.DIRECTORY, [Find(crowd[-2]), Find(crowd[0])]) == [
        Filed.NEW,
        Filed.KNOWN,
    ]
    assert set(holdings(store)) == {leaf.fingerprint for leaf in (*crowd[2:PER_ADDRESS], crowd[-2], crowd[0])}


def test_strangers_cannot_fill_the_store(store: Store, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest gives way, first of those that wait; and its address is looked up again."""
    monkeypatch.setattr(found, "IN_ALL", 2)
    names = [f"p{number}@example.com" for number in range(4)]
    leaves = {name: authority.leaf(name, kind="p256").certificate for name in names}
    for name, waits in zip(names, (None, Waits.PATH, None, None), strict=True):
        store.lookups.note(Saying("dns", name, AT, "found", AT + DAY))
        assert store.found.file(name, "dns", Origin.DNS, [Find(leaves[name], waits=waits)]) == [Filed.NEW]
        if name == names[2]:
            kept = store.certificates.find(names, AT)
            assert [name for name in names if kept[name]] == [names[0], names[2]]
    kept = store.certificates.find(names, AT)
    assert [name for name in names if kept[name]] == names[2:]
    assert [said.address for said in store.lookups.of(names)] == names[2:]


def test_what_expired_goes_unless_it_is_pinned(store: Store, authority: Authority) -> None:
    leaves = [authority.leaf(ALICE, kind="p256", not_after=AT - DAY).certificate for _ in range(2)]
    store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf) for leaf in leaves])
    store.places.pin(leaves[0].fingerprint, "ada")
    assert store.learned.prune(AT) == 1
    assert set(holdings(store)) == {leaves[0].fingerprint}


def test_pins_are_one_to_an_address(store: Store, authority: Authority) -> None:
    leaves = [authority.leaf(ALICE, kind="p256").certificate for _ in range(2)]
    store.found.file(ALICE, "ldap", Origin.DIRECTORY, [Find(leaf) for leaf in leaves])
    for leaf in leaves:
        store.places.pin(leaf.fingerprint, "ada")
    assert [holdings(store)[leaf.fingerprint].pinned for leaf in leaves] == [False, True]


def test_what_sources_said_is_kept_and_pruned(store: Store) -> None:
    said = Saying("ldap", ALICE, AT, "none", AT + DAY)
    store.lookups.note(said)
    store.lookups.note(Saying("dns", ALICE, AT, "failed", AT))
    assert store.lookups.of([ALICE.upper(), "\0@x"]) == [Saying("dns", ALICE, AT, "failed", AT), said]
    assert said.is_fresh(AT) and not said.is_fresh(AT + DAY)
    assert not said.is_fresh(AT - 30 * DAY), "said under a clock that was wrong"
    store.lookups.note(Saying("ldap", ALICE, AT + DAY, "found", AT + 2 * DAY))
    assert [each.result for each in store.lookups.of([ALICE])] == ["failed", "found"]
    assert store.lookups.prune(AT + KEPT + timedelta(hours=1)) == 1
    assert [each.result for each in store.lookups.of([ALICE])] == ["found"]
