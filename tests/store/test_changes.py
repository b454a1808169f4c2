"""A change drops from memory what it concerns, in every process, and leaves the rest there."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, event, update

from gateway.cms.identity import Identity
from gateway.errors import Refused
from gateway.pki.revocation import read_status_response
from gateway.pki.sources import Kind, Source
from gateway.store import Store, StoreOptions, changes, open_store, schema
from gateway.store.certificates.stored import Trust
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued
from tests.store.older import older_store
from tests.store.revocation.test_lists import crl, take

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
Answers = dict[str, Any]


def put(store: Store, data: bytes, **options: Any) -> None:
    assert all(item.result != "refused" for item in import_file(store, data, (), ImportOptions(**options)))


def learn(store: Store, issued: Issued, *, trusted: bool = True) -> None:
    above = tuple(issuer.certificate for issuer in issued.issuers[:-1])
    address, *_ = issued.certificate.addresses
    store.learned.learn(address, issued.certificate, ["aes-256-gcm"], AT, trusted=trusted, intermediates=above)


def answer(store: Store, authority: Authority, issued: Issued, **facts: Any) -> None:
    """File a response about a certificate, as if it had been fetched."""
    path = (issued.certificate, *(issuer.certificate for issuer in issued.issuers))
    response = authority.status_response(issued, issuer=issued.issuers[0], at=AT, until=AT + DAY, **facts)
    store.revocation_sources.fetched(
        Source(Kind.RESPONSE, "http://ocsp.example", path), read_status_response(response), AT
    )


def answers(store: Store, everybody: list[Issued]) -> Answers:
    """Return all that a store says of these certificates, from memory where it has it there."""
    found: Answers = {}
    for name in sorted({address.lower() for item in everybody for address in item.certificate.addresses}):
        found[name] = store.certificates.find([name], AT)[name]
    for number, item in enumerate(everybody):
        certificate = item.certificate
        by_serial = Identity(certificate.issuer_der, certificate.serial, None)
        by_key = Identity(None, None, certificate.subject_key_id)
        found[f"named {number}"] = store.evidence.named([by_serial, by_key])
        found[f"trust {number}"] = store.evidence.trust(certificate).key
        found[f"revocation {number}"] = store.evidence.revocation(certificate).key
        found[f"chain {number}"] = store.certificates.whole_chain(certificate)
        found[f"key {number}"] = store.keys.key(certificate.public_key_id) is not None
    return found


@pytest.fixture
def filled(options: StoreOptions, authority: Authority) -> Store:
    """A store with anchors, a list, and ten people, one with her key; its clock goes a second with every look."""
    opened = open_store(options, durable=True, clock=count().__next__)
    put(opened, authority.root.pem() + authority.intermediate.pem())
    take(opened, crl(authority.root))
    return opened


@pytest.fixture
def people(filled: Store, authority: Authority) -> list[Issued]:
    found = [authority.leaf(f"u{number}@example.com", kind="p256") for number in range(10)]
    put(filled, b"".join(item.pem() for item in found) + found[0].key_pem())
    return found


@pytest.fixture
def other(options: StoreOptions) -> Iterator[Store]:
    """The same store, as another process has it."""
    opened = open_store(options, durable=True)
    yield opened
    opened.close()


def asked_again(store: Store, everybody: list[Issued]) -> list[str]:
    """Return what is sent to the database to answer again, but for looks at the generation and what changed."""
    sent: list[str] = []

    def note(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(store.database.engine, "before_cursor_execute", note)
    answers(store, everybody)
    event.remove(store.database.engine, "before_cursor_execute", note)
    return [each for each in sent if not each.startswith(("BEGIN", "SELECT condition.", "SELECT changes."))]


@pytest.mark.parametrize("trusted", [True, False])
def test_one_learned_stranger_costs_no_other_a_query(
    filled: Store, other: Store, authority: Authority, people: list[Issued], trusted: bool
) -> None:
    before = answers(filled, people)
    assert asked_again(filled, people) == []
    stranger = authority.leaf("stranger@example.net", kind="p256")
    assert filled.certificates.find(["stranger@example.net"], AT) == {"stranger@example.net": ()}
    learn(other, stranger, trusted=trusted)
    assert asked_again(filled, people) == []
    assert answers(filled, people) == before
    (found,) = filled.certificates.find(["stranger@example.net"], AT)["stranger@example.net"]
    assert found.certificate == stranger.certificate


def test_what_is_said_of_one_person_costs_no_other_a_query(
    filled: Store, other: Store, authority: Authority, people: list[Issued]
) -> None:
    one, rest = people[0], people[1:]
    changes_of_one: list[Callable[[], object]] = [
        lambda: other.certificates.set_trust(one.certificate.fingerprint, Trust.DISTRUSTED),
        lambda: other.certificates.set_trust(one.certificate.fingerprint, Trust.TRUSTED),
        lambda: answer(other, authority, one),
        lambda: other.keys.delete(one.certificate.public_key_id),
        lambda: put(other, one.key_pem()),
        lambda: other.certificates.delete(one.certificate.fingerprint),
        lambda: put(other, one.pem()),
    ]
    for change in changes_of_one:
        answers(filled, people)
        change()
        assert asked_again(filled, rest) == []
        assert asked_again(filled, [one]) != []


def test_a_new_list_leaves_keys_and_names_in_memory(filled: Store, other: Store, people: list[Issued]) -> None:
    answers(filled, people)
    take(other, crl(people[0].issuers[0]))
    again = asked_again(filled, people)
    assert any("revocation_lists" in each for each in again)
    assert not any("FROM keys WHERE" in each or "identities" in each for each in again)


def test_of_a_change_that_tells_nothing_everything_is_taken_for_changed(
    filled: Store, other: Store, people: list[Issued]
) -> None:
    """As a gateway of an older version makes them, or as is too long ago."""
    answers(filled, people)
    other.certificates.set_trust(people[0].certificate.fingerprint, Trust.DISTRUSTED)
    with other.database.write() as connection:
        connection.execute(delete(schema.changes))
    again = asked_again(filled, people)
    for table in ("addresses", "identities", "keys", "revocation_lists"):
        assert any(table in each for each in again), table
    fresh = open_store_like(other)
    assert answers(filled, people) == answers(fresh, people)


def open_store_like(store: Store) -> Store:
    """The same store with nothing in memory."""
    return Store(store.database, store.wrapping, count().__next__)


def test_a_store_of_the_schema_before_says_nothing_of_its_changes(unmade: StoreOptions, authority: Authority) -> None:
    with older_store(unmade, "0008") as database, database.write() as connection:
        connection.execute(update(schema.condition).values(generation=7))
    store = open_store(unmade, durable=True)
    assert store.generation.current() == 7
    put(store, authority.root.pem())
    with store.database.read() as connection:
        assert changes.told(connection, 6, 7) is None
        assert changes.AUTHORITIES in (changes.told(connection, 7, 8) or ())


def test_only_the_last_changes_are_told_of(
    filled: Store, monkeypatch: pytest.MonkeyPatch, people: list[Issued]
) -> None:
    monkeypatch.setattr(changes, "KEPT", 3)
    begin = filled.generation.current()
    for trust in (Trust.DISTRUSTED, Trust.TRUSTED) * 3:
        filled.certificates.set_trust(people[0].certificate.fingerprint, trust)
    now = filled.generation.current()
    assert now == begin + 6
    with filled.database.read() as connection:
        assert changes.told(connection, begin, now) is None
        assert changes.told(connection, now - 4, now) is None
        assert people[0].certificate.public_key_id in (changes.told(connection, now - 3, now) or ())
        assert changes.told(connection, now, now - 1) is None


def test_too_many_names_are_everything(filled: Store, monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setattr(changes, "MOST", 10)
    before = filled.generation.current()
    put(filled, b"".join(authority.leaf(f"v{number}@example.com", kind="p256").pem() for number in range(4)))
    with filled.database.read() as connection:
        assert changes.told(connection, before, filled.generation.current()) is None


class Anybody:
    """Does something to the store, whatever comes to mind."""

    def __init__(self, store: Store, authority: Authority, everybody: list[Issued], random: Random) -> None:
        self.store, self.authority, self.everybody, self.random = store, authority, everybody, random
        self.lists = 1

    def act(self) -> str:
        verbs = (self.put, self.learn, self.trust, self.delete, self.key, self.drop_key, self.revoke, self.answer)
        verb = self.random.choice(verbs)
        one = self.random.choice(self.everybody)
        try:
            verb(one)
        except Refused:
            return f"{verb.__name__} refused"
        return f"{verb.__name__} {one.certificate.subject}"

    def put(self, one: Issued) -> None:
        put(self.store, one.pem())

    def learn(self, one: Issued) -> None:
        if one.certificate.addresses:
            learn(self.store, one, trusted=self.random.random() < 0.7)

    def trust(self, one: Issued) -> None:
        trust = self.random.choice((Trust.TRUSTED, Trust.DISTRUSTED, Trust.NONE))
        self.store.certificates.set_trust(one.certificate.fingerprint, trust)

    def delete(self, one: Issued) -> None:
        self.store.certificates.delete(one.certificate.fingerprint)

    def key(self, one: Issued) -> None:
        put(self.store, one.key_pem())

    def drop_key(self, one: Issued) -> None:
        self.store.keys.delete(one.certificate.public_key_id)

    def revoke(self, one: Issued) -> None:
        self.lists += 1
        if self.random.random() < 0.3 and (found := self.store.revocation_lists.list()):
            self.store.revocation_lists.delete(found[0].fingerprint)
            return
        serials = [one.certificate.serial] if self.random.random() < 0.5 else []
        issuer = one.issuers[0] if one.issuers else one
        take(self.store, crl(issuer, self.lists, revoked=serials))

    def answer(self, one: Issued) -> None:
        if one.issuers:
            facts = {"revoked_at": AT} if self.random.random() < 0.5 else {}
            answer(self.store, self.authority, one, **facts)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_changed_memory_says_what_the_store_says(
    options: StoreOptions, filled: Store, other: Store, authority: Authority, seed: int
) -> None:
    random = Random(seed)
    alice = authority.leaf("alice@example.com", kind="p256")
    everybody = [
        alice,
        authority.leaf("alice@example.com", "al@example.com", kind="p256", key=alice.private_key),
        authority.leaf("alice@example.com", kind="p256"),
        authority.leaf("Bob@Example.com", kind="p256"),
        authority.intermediate,
        authority.root,
    ]
    done: list[str] = []
    anybody = Anybody(other, authority, everybody, random)
    for _ in range(25):
        done.append(anybody.act())
        assert answers(filled, everybody) == answers(open_store_like(other), everybody), done
