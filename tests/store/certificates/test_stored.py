"""What the engine finds, from memory and by others' changes; what administrators ask and delete."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import event

from gateway.errors import Refused
from gateway.reason import Reason
from gateway.store import Store, StoreOptions, open_store
from gateway.store.certificates.said import Trust
from gateway.store.generation import LOOK_EVERY, Cache, Generation
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued
from tests.store.certificates.entries import entries

AT = datetime(2026, 6, 1, tzinfo=UTC)


class Clock:
    """Monotonic seconds that pass when told."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def put(store: Store, *issued: Issued) -> None:
    import_file(store, b"".join(each.pem() for each in issued), (), ImportOptions())


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(options: StoreOptions, clock: Clock) -> tuple[Store, list[str]]:
    """A store whose clock we hold, and the statements it sends."""
    store = open_store(options, durable=True, clock=clock)
    sent: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
    return store, sent


def test_addresses_are_found_in_any_case_and_with_what_is_stored(store: Store, authority: Authority) -> None:
    both = authority.leaf("Alice@Example.com", "sales@example.com", kind="p256")
    other = authority.leaf("alice@EXAMPLE.com", kind="p256")
    put(store, both, other)
    asked = ["ALICE@example.COM", "sales@example.com", "nobody@example.com"]
    found = store.certificates.find(asked, AT)
    assert list(found) == asked
    assert {h.certificate for h in found[asked[0]]} == {both.certificate, other.certificate}
    assert [h.certificate for h in found[asked[1]]] == [both.certificate]
    assert found[asked[2]] == ()


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "@",
        "a@b@c",
        "%@example.com",
        "_lice@example.com",
        "x' OR 1=1 --@y",
        "ü@exämple.de",
        "a\0b@c",
        "\udcff@example.com",
    ],
)
def test_odd_addresses_find_nothing(store: Store, authority: Authority, odd: str) -> None:
    put(store, authority.leaf("alice@example.com", kind="p256"))
    assert store.certificates.find([odd], AT)[odd] == ()


def test_a_ca_is_nobodys_certificate(store: Store, authority: Authority) -> None:
    facts = {"kind": "p256", "key_usage": ("keyCertSign",), "extended_key_usage": None}
    ca = authority.self_signed("ca@example.com", ca=True, **facts)
    put(store, ca)
    assert store.certificates.find(["ca@example.com"], AT)["ca@example.com"] == ()
    assert store.certificates.get(ca.certificate.fingerprint).trusted


def test_all_addresses_are_asked_at_once_and_then_never_again(
    watched: tuple[Store, list[str]], clock: Clock, authority: Authority
) -> None:
    store, sent = watched
    put(store, authority.leaf("alice@example.com", kind="p256"))
    sent.clear()
    asked = [f"u{number}@example.com" for number in range(50)] + ["alice@example.com"]
    first = store.certificates.find(asked, AT)
    assert sum("addresses" in statement for statement in sent) == 1
    sent.clear()
    clock.at += LOOK_EVERY / 2
    assert store.certificates.find(asked, AT) == first
    assert sent == []
    clock.at += LOOK_EVERY
    assert store.certificates.find(asked, AT)["alice@example.com"][0] is first["alice@example.com"][0]
    asked_for = [statement for statement in sent if statement != "BEGIN"]
    assert len(asked_for) == 1
    assert asked_for[0].startswith("SELECT condition.generation")


def test_what_another_process_changes_is_seen_within_a_second(
    watched: tuple[Store, list[str]], clock: Clock, options: StoreOptions, authority: Authority
) -> None:
    store, _ = watched
    other = open_store(options, durable=True)
    alice = authority.leaf("alice@example.com", kind="p256")

    def seen() -> list[tuple[bool, bool]]:
        clock.at += 0.99
        found = store.certificates.find(["alice@example.com"], AT)["alice@example.com"]
        return [(holding.has_key, holding.distrusted) for holding in found]

    assert seen() == []
    put(other, alice)
    assert seen() == [(False, False)]
    import_file(other, alice.key_pem(), (), ImportOptions())
    assert seen() == [(True, False)]
    assert store.keys.key(alice.certificate.public_key_id) is not None
    other.certificates.set_trust(alice.certificate.fingerprint, Trust.DISTRUSTED)
    assert seen() == [(True, True)]
    other.keys.delete(alice.certificate.public_key_id)
    assert seen() == [(False, True)]
    assert store.keys.key(alice.certificate.public_key_id) is None
    other.certificates.delete(alice.certificate.fingerprint)
    assert seen() == []


_IMPORT = """
import sys
from pathlib import Path
from gateway.store import StoreOptions, open_store
from gateway.store.imports.importing import ImportOptions, import_file
store = open_store(StoreOptions(Path(sys.argv[1]), sys.argv[2]), durable=True)
import_file(store, sys.stdin.buffer.read(), (), ImportOptions())
"""


def test_what_a_real_other_process_imports_is_seen(
    watched: tuple[Store, list[str]], clock: Clock, options: StoreOptions, authority: Authority
) -> None:
    store, _ = watched
    assert store.certificates.find(["new@example.com"], AT)["new@example.com"] == ()
    pem = authority.leaf("new@example.com", kind="p256").pem()
    command = [sys.executable, "-c", _IMPORT, str(options.state), options.database]
    subprocess.run(command, input=pem, check=True)
    clock.at += 0.99
    assert len(store.certificates.find(["new@example.com"], AT)["new@example.com"]) == 1


def test_own_changes_are_seen_at_once(watched: tuple[Store, list[str]], authority: Authority) -> None:
    store, _ = watched
    alice = authority.leaf("alice@example.com", kind="p256")
    assert store.certificates.find(["alice@example.com"], AT)["alice@example.com"] == ()
    put(store, alice)
    assert len(store.certificates.find(["alice@example.com"], AT)["alice@example.com"]) == 1
    store.certificates.delete(alice.certificate.fingerprint)
    assert store.certificates.find(["alice@example.com"], AT)["alice@example.com"] == ()


def test_what_was_read_before_a_change_is_not_kept_after_it(store: Store, authority: Authority) -> None:
    """A slow reader must not bring back what another thread has meanwhile found to be out of date."""
    generation = Generation(store.database)
    cache: Cache[str] = Cache(generation, 10)

    def slow(_: str) -> str:
        put(store, authority.leaf("x@example.com", kind="p256"))
        generation.expire()
        assert cache.one("y", lambda _: "newer") == "newer"
        return "older"

    assert cache.one("x", slow) == "older"
    assert cache.one("x", lambda _: "newer") == "newer"
    assert cache.one("y", lambda _: "loaded again") == "newer"


def test_memory_is_bounded(store: Store) -> None:
    cache: Cache[int] = Cache(Generation(store.database), 10)
    loaded: list[str] = []

    def load(name: str) -> int:
        loaded.append(name)
        return int(name)

    for number in range(100):
        assert cache.one(str(number), load) == number
    loaded.clear()
    assert [cache.one(str(number), load) for number in range(90, 100)] == list(range(90, 100))
    assert loaded == []
    assert cache.one("0", load) == 0
    assert loaded == ["0"]


def test_threads_may_ask_at_once(store: Store, authority: Authority) -> None:
    owners = [authority.leaf(f"u{number}@example.com", kind="p256") for number in range(8)]
    put(store, *owners)

    def ask(number: int) -> bool:
        owner = owners[number % 8]
        if number % 20 == 0:
            store.generation.expire()
        found = store.certificates.find([owner.certificate.addresses[0]], AT)
        return [h.certificate for h in found[owner.certificate.addresses[0]]] == [owner.certificate]

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(400)))


# the chain


def test_the_chain_is_what_is_stored_above_without_the_root(store: Store, authority: Authority) -> None:
    lower = authority.ca("Lower", issuer=authority.intermediate)
    leaf = authority.leaf("alice@example.com", issuer=lower, kind="p256")
    put(store, leaf, authority.root, lower, authority.intermediate)
    chain = store.certificates.chain(leaf.certificate)
    assert list(chain) == [lower.certificate, authority.intermediate.certificate]
    store.certificates.set_trust(lower.certificate.fingerprint, Trust.DISTRUSTED)
    assert list(store.certificates.chain(leaf.certificate)) == []


def test_cross_signed_cas_end(store: Store, authority: Authority) -> None:
    one, two = authority.ca("One", issuer=None), authority.ca("Two", issuer=None)
    crossed = [
        authority.ca("One", issuer=two, key=one.private_key),
        authority.ca("Two", issuer=one, key=two.private_key),
    ]
    leaf = authority.leaf("alice@example.com", issuer=crossed[0], kind="p256")
    put(store, leaf, *crossed)
    assert crossed[0].certificate in store.certificates.chain(leaf.certificate)


# the administrator


def test_a_name_is_a_fingerprint_or_the_only_one_that_begins_so(store: Store, authority: Authority) -> None:
    owners = [authority.leaf(f"u{number}@example.com", kind="p256") for number in range(17)]
    put(store, *owners)
    for owner in owners:
        fingerprint = owner.certificate.fingerprint
        written = ":".join(fingerprint[at : at + 2] for at in range(0, 64, 2)).upper()
        assert store.certificates.get(fingerprint).certificate == owner.certificate
        assert store.certificates.get(written).certificate == owner.certificate
        assert store.certificates.get(fingerprint[:20]).certificate == owner.certificate
    first_digits = [owner.certificate.fingerprint[0] for owner in owners]
    twice = next(digit for digit in first_digits if first_digits.count(digit) > 1)
    with pytest.raises(Refused, match="several"):
        store.certificates.get(twice)


@pytest.mark.parametrize("name", ["", "xyz", "%", "_", "ab%", "0" * 65])
def test_what_is_no_fingerprint_is_told(store: Store, name: str) -> None:
    with pytest.raises(Refused, match="no SHA-256 fingerprint"):
        store.certificates.get(name)


def test_an_unknown_name_is_told(store: Store) -> None:
    for ask in (store.certificates.get, store.certificates.delete):
        with pytest.raises(Refused) as caught:
            ask("0" * 64)
        assert caught.value.reason is Reason.NO_CERTIFICATE


def test_the_last_certificate_takes_its_key_along(store: Store, authority: Authority) -> None:
    old = authority.leaf("alice@example.com", kind="p256")
    new = authority.leaf("alice@example.com", key=old.private_key, kind="p256")
    import_file(store, old.pem() + new.pem() + old.key_pem(), (), ImportOptions())
    assert not store.certificates.delete(old.certificate.fingerprint).with_key
    assert len(store.keys.list()) == 1
    assert store.certificates.delete(new.certificate.fingerprint).with_key
    assert store.keys.list() == []
    assert entries(store) == []


def test_a_key_is_named_by_itself_or_by_its_certificate(store: Store, authority: Authority) -> None:
    alice, bob = (authority.leaf(f"{name}@example.com", kind="p256") for name in ("alice", "bob"))
    import_file(store, alice.pem() + alice.key_pem() + bob.key_pem(), (), ImportOptions())
    for name in (alice.certificate.public_key_id, alice.certificate.fingerprint, alice.certificate.fingerprint[:16]):
        assert store.keys.get(name).public_key_id == alice.certificate.public_key_id
    with pytest.raises(Refused, match="no stored key") as caught:
        store.keys.get(bob.certificate.fingerprint)
    assert caught.value.reason is Reason.NO_KEY
    assert store.keys.delete(alice.certificate.fingerprint).certificates == (alice.certificate.fingerprint,)
    assert not store.certificates.get(alice.certificate.fingerprint).has_key


def test_trust_can_be_given_and_taken(store: Store, authority: Authority) -> None:
    alice = authority.leaf("alice@example.com", kind="p256")
    put(store, alice)
    changed = store.certificates.set_trust(alice.certificate.fingerprint[:16], Trust.DISTRUSTED)
    assert (changed.trusted, changed.distrusted) == (False, True)
    changed = store.certificates.set_trust(alice.certificate.fingerprint[:16], Trust.TRUSTED)
    assert (changed.trusted, changed.distrusted) == (True, False)
