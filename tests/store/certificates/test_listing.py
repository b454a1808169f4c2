"""Lists of certificates: in pages, by state, and made of columns."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from gateway.errors import Refused
from gateway.pki.certificate import Certificate
from gateway.policy.state import State
from gateway.store import Store
from gateway.store.certificates.listing import Filter
from gateway.store.certificates.said import BY_ITSELF, Origin, Said, Trust
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued
from tests.store.certificates.entries import entries

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = Filter()


def put(store: Store, *leaves: Issued, by: str = "somebody", **options: Any) -> None:
    for each in leaves:
        import_file(store, each.pem(), (), ImportOptions(at=AT, by=by, **options))


def owners(found: Any) -> list[str]:
    return [item.entry.certificate.addresses[0].split("@")[0] for item in found]


def states(store: Store, *leaves: Issued, at: datetime = AT) -> list[State]:
    return [item.status.state for item in store.listing.of([each.certificate.fingerprint for each in leaves], at)]


def revoke(store: Store, authority: Authority, *revoked: Issued, **facts: Any) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding

    import_file(store, authority.revocation_list(*revoked, **facts).public_bytes(Encoding.DER), (), ImportOptions())


@pytest.fixture
def several(store: Store, authority: Authority) -> dict[str, Issued]:
    """Three leaves that end one after the other."""
    ends = {name: AT + timedelta(days=days) for name, days in (("late", 60), ("soon", 10), ("gone", -1))}
    made = {
        name: authority.leaf(f"{name}@Example.com", common_name=f"Mr {name}", not_after=end, kind="p256")
        for name, end in ends.items()
    }
    put(store, *made.values())
    return made


def test_what_is_stored_is_told_by_columns(store: Store, authority: Authority) -> None:
    alice = authority.leaf("Alice@example.com", "b@example.com", kind="p256")
    import_file(store, alice.pem() + alice.key_pem(), (), ImportOptions(at=AT, by="somebody"))
    ((item),) = store.listing.page(ALL, AT)
    certificate, told = alice.certificate, item.entry.certificate
    same = ("fingerprint", "subject", "issuer", "not_before", "not_after", "addresses", "is_ca", "may_sign")
    same += ("may_encrypt", "may_seal", "public_key_id", "key_kind", "key_size", "curve")
    assert [getattr(told, name) for name in same] == [getattr(certificate, name) for name in same]
    assert int(told.serial, 16) == certificate.serial
    assert (item.entry.has_key, item.entry.said) == (True, Said(Origin.IMPORTED, Trust.TRUSTED))
    assert (item.entry.changed_by, item.entry.changed_at) == ("somebody", item.entry.added_at)
    assert item.names == tuple(sorted(item.names)) and "alice@example.com" in item.names


def test_no_certificate_is_read(store: Store, several: dict[str, Issued], monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.learned.learn("waits@example.com", several["late"].certificate, (), AT, trusted=False)

    def fails(*_: object, **__: object) -> Certificate:
        raise AssertionError("a certificate was read")

    monkeypatch.setattr("gateway.store.certificates.stored.read_as", fails)
    assert owners(store.listing.page(ALL, AT)) == ["gone", "soon", "late"]


def test_the_list_is_filtered_and_sorted_by_expiry(store: Store, several: dict[str, Issued]) -> None:
    def names(text: str) -> list[str]:
        return owners(store.listing.page(Filter(text=text), AT))

    assert names("LATE@example") == ["late"]
    assert names("mr soon") == ["soon"]
    assert names(several["gone"].certificate.fingerprint[:20].upper()) == ["gone"]
    assert names(several["gone"].certificate.fingerprint[5:25]) == []
    assert names("%") == names("_") == names("nothing like it") == names("\udcff\0") == []
    # "gone" has expired and has no key here: nobody has to do anything.
    assert owners(store.listing.page(Filter(expiring=AT + 30 * DAY), AT)) == ["soon"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_page_goes_on_behind_the_last(store: Store, authority: Authority, limit: int) -> None:
    """Also where several end at the same moment."""
    put(store, *(authority.leaf(f"u{number}@example.com", kind="p256") for number in range(5)))
    put(store, authority.root)
    wanted, found, after = Filter(is_ca=False), [], None
    while page := store.listing.page(wanted, AT, after, limit):
        assert len(page) <= limit
        found += [item.entry.certificate for item in page]
        after = found[-1].fingerprint
    assert [item.fingerprint for item in found] == [item.fingerprint for item in map(_leaf, entries(store)) if item]
    assert all((a.not_after, a.fingerprint) < (b.not_after, b.fingerprint) for a, b in pairwise(found))


def _leaf(item: Any) -> Any:
    return None if item.certificate.is_ca else item.certificate


def test_it_does_not_go_on_behind_what_is_not_stored(store: Store) -> None:
    with pytest.raises(Refused, match="behind which"):
        store.listing.page(ALL, AT, "0" * 64)


def test_those_of_authorities_and_those_with_keys_are_told_apart(store: Store, authority: Authority) -> None:
    own, other = (authority.leaf(f"{name}@example.com", kind="p256") for name in ("own", "other"))
    import_file(store, own.pem() + own.key_pem(), (), ImportOptions(at=AT))
    put(store, other, authority.root)
    assert [item.entry.certificate.is_ca for item in store.listing.page(Filter(is_ca=True), AT)] == [True]
    assert sorted(owners(store.listing.page(Filter(is_ca=False), AT))) == ["other", "own"]
    assert owners(store.listing.page(Filter(with_key=True), AT)) == ["own"]


@pytest.fixture
def of_each(store: Store, authority: Authority) -> Iterator[dict[State, Issued]]:
    """One in each state."""

    def made(state: State, **facts: Any) -> Issued:
        return authority.leaf(f"{state}@example.com", kind="p256", **facts)

    made_ones = {
        State.DISTRUSTED: made(State.DISTRUSTED),
        State.REVOKED: made(State.REVOKED),
        State.PENDING: made(State.PENDING),
        State.EXPIRED: made(State.EXPIRED, not_after=AT - DAY),
        State.NOT_YET_VALID: made(State.NOT_YET_VALID, not_before=AT + DAY),
        State.SUPERSEDED: made(State.SUPERSEDED, not_before=AT - 3 * DAY),
        State.CURRENT: made(State.SUPERSEDED, not_before=AT - DAY),
    }
    put(store, *(each for state, each in made_ones.items() if state is not State.PENDING))
    put(store, authority.root, authority.intermediate)
    store.certificates.set_trust(made_ones[State.DISTRUSTED].certificate.fingerprint, Trust.DISTRUSTED, "somebody")
    store.learned.learn("pending@example.com", made_ones[State.PENDING].certificate, (), AT, trusted=False)
    revoke(store, authority, made_ones[State.REVOKED])
    yield made_ones


def test_each_state_is_found_by_it(store: Store, of_each: dict[State, Issued]) -> None:
    found = {
        state: [item.entry.certificate.fingerprint for item in store.listing.page(Filter(state=state, is_ca=False), AT)]
        for state in of_each
    }
    assert found == {state: [each.certificate.fingerprint] for state, each in of_each.items()}
    assert states(store, *of_each.values()) == list(of_each)


def test_a_rare_state_is_found_behind_many_others(store: Store, authority: Authority) -> None:
    """Those that the database cannot tell apart are looked through, a slice at a time."""
    key = authority.leaf("k@example.com", kind="p256").private_key
    many = [authority.leaf(f"u{number}@example.com", kind="p256", key=key) for number in range(30)]
    import_file(store, b"".join(each.pem() for each in many), (), ImportOptions(at=AT))
    put(store, authority.root, authority.intermediate)
    fallen = max(many, key=lambda each: each.certificate.fingerprint)
    revoke(store, authority, fallen)
    (found,) = store.listing.page(Filter(state=State.REVOKED), AT, limit=2)
    assert found.entry.certificate.fingerprint == fallen.certificate.fingerprint


def test_what_stands_below_a_revoked_authority_is_revoked(store: Store, authority: Authority) -> None:
    leaf = authority.leaf("alice@example.com", kind="p256")
    put(store, authority.root)
    put(store, leaf, authority.intermediate, trust=False)
    assert states(store, leaf, authority.intermediate) == [State.CURRENT, State.CURRENT]
    revoke(store, authority, authority.intermediate, issuer=authority.root)
    assert states(store, leaf, authority.intermediate) == [State.REVOKED, State.REVOKED]


def test_a_learned_one_that_serves_is_pending_where_no_path_holds(store: Store, authority: Authority) -> None:
    alice = authority.leaf("alice@example.com", kind="p256")
    store.learned.learn("alice@example.com", alice.certificate, (), AT, trusted=True)
    assert states(store, alice) == [State.PENDING]
    put(store, authority.root, authority.intermediate)
    assert states(store, alice) == [State.CURRENT]


def test_origin_stays_whatever_is_said_until_somebody_imports_it(store: Store, authority: Authority) -> None:
    alice = authority.leaf("alice@example.com", kind="p256")
    name = alice.certificate.fingerprint
    store.learned.learn("alice@example.com", alice.certificate, (), AT, trusted=False)

    def said() -> tuple[Said, str | None]:
        (item,) = store.listing.of([name], AT)
        return item.entry.said, item.entry.changed_by

    assert said() == (Said(Origin.LEARNED, Trust.NONE, pending=True), BY_ITSELF)
    for trust in (Trust.TRUSTED, Trust.DISTRUSTED, Trust.NONE):
        store.certificates.set_trust(name, trust, "somebody")
        assert said() == (Said(Origin.LEARNED, trust, pending=True), "somebody")
    put(store, alice, by="somebody else")
    assert said() == (Said(Origin.IMPORTED, Trust.TRUSTED), "somebody else")


def test_one_that_serves_as_it_was_learned_waits_once_trust_is_taken_back(store: Store, authority: Authority) -> None:
    alice = authority.leaf("alice@example.com", kind="p256")
    put(store, authority.root, authority.intermediate)
    store.learned.learn("alice@example.com", alice.certificate, (), AT, trusted=True)
    for trust, state in ((Trust.TRUSTED, State.CURRENT), (Trust.NONE, State.PENDING)):
        store.certificates.set_trust(alice.certificate.fingerprint, trust)
        assert states(store, alice) == [state]


def test_the_time_of_a_change_is_noted(store: Store, authority: Authority) -> None:
    alice = authority.leaf("alice@example.com", kind="p256")
    put(store, alice)
    store.certificates.set_trust(alice.certificate.fingerprint, Trust.DISTRUSTED, "somebody")
    (item,) = store.listing.of([alice.certificate.fingerprint], AT)
    assert item.entry.added_at is not None and item.entry.changed_at is not None
    assert item.entry.added_at < item.entry.changed_at


def test_those_that_are_not_stored_are_left_out(store: Store, several: dict[str, Issued]) -> None:
    names = [several["late"].certificate.fingerprint, "0" * 64, several["gone"].certificate.fingerprint]
    assert owners(store.listing.of(names, AT)) == ["late", "gone"]
