"""What judges inbound mail: certificates by the names in messages, trust, CRLs; from memory, and never all leaves."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import event, insert

from gateway.cms.identity import Identity
from gateway.pki.certificate import Certificate
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.self_issued import read_as
from gateway.pki.validation import judge
from gateway.reason import Reason
from gateway.store import Store, StoreOptions, migrate, open_store, schema
from gateway.store.certificates.said import Trust
from gateway.store.database import open_database
from gateway.store.generation import LOOK_EVERY
from gateway.store.imports.importing import ImportOptions, import_file
from tests.authority import Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)


def serial(issued: Issued) -> Identity:
    return Identity(issued.certificate.issuer_der, issued.certificate.serial, None)


def key_id(issued: Issued) -> Identity:
    return Identity(None, None, issued.certificate.subject_key_id)


def put(store: Store, *parts: Issued | bytes, **options: Any) -> None:
    data = b"".join(part.pem() if isinstance(part, Issued) else part for part in parts)
    results = import_file(store, data, (), ImportOptions(**options))
    assert "refused" not in {imported.result for imported in results}


def say(store: Store, trust: Trust, *those: Issued) -> None:
    for issued in those:
        store.certificates.set_trust(issued.certificate.fingerprint, trust)


def named(store: Store, *identities: Identity) -> list[list[Certificate]]:
    found = store.evidence.named(identities)
    return [[holding.certificate for holding in found[identity]] for identity in identities]


def leaf(authority: Authority, name: str = "alice", **facts: Any) -> Issued:
    return authority.leaf(f"{name}@example.com", **({"kind": "p256"} | facts))


class Watched:
    """A store whose clock we hold, what it asks the database, and what it reads."""

    def __init__(self, options: StoreOptions, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.store = open_store(options, durable=True, clock=lambda: self.now)
        self.asked: list[str] = []
        self.read: list[bytes] = []
        event.listen(self.store.database.engine, "before_cursor_execute", self._note)
        patch.setattr("gateway.store.certificates.stored.read_as", self._read)

    def _note(self, *arguments: object) -> None:
        self.asked += [str(arguments[2])] if "FROM certificates" in str(arguments[2]) else []

    def _read(self, der: bytes, *, is_ca: bool) -> Certificate:
        self.read.append(der)
        return read_as(der, is_ca=is_ca)

    def forget(self) -> None:
        self.asked.clear()
        self.read.clear()


@pytest.fixture
def watched(options: StoreOptions, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(options, monkeypatch)


def test_it_is_what_the_engine_asks_for(store: Store, authority: Authority) -> None:
    evidence = store.evidence
    assert evidence.named([]) == {}
    assert evidence.revocation(authority.root.certificate) == RevocationEvidence()


# certificates by name


def test_every_stored_certificate_is_named_both_ways(store: Store, authority: Authority) -> None:
    alice, unknown = leaf(authority), leaf(authority, "unknown")
    old = leaf(authority, "old", not_after=datetime(2025, 6, 1, tzinfo=UTC))
    bare = leaf(authority, "bare", key_ids=False)
    root = authority.root
    put(store, alice, old, bare, root)
    say(store, Trust.DISTRUSTED, alice)
    for issued in (alice, old, root):
        assert named(store, serial(issued), key_id(issued)) == [[issued.certificate]] * 2
    assert named(store, serial(bare), serial(unknown), key_id(unknown)) == [[bare.certificate], [], []]


def test_what_is_named_tells_how_it_stands(store: Store, authority: Authority) -> None:
    alice, bob = leaf(authority), leaf(authority, "bob")
    put(store, alice, alice.key_pem(), bob)
    say(store, Trust.DISTRUSTED, bob)
    found = store.evidence.named([serial(alice), key_id(bob)])
    (mine,), (other,) = found[serial(alice)], found[key_id(bob)]
    assert (mine.has_key, mine.trusted, mine.distrusted) == (True, True, False)
    assert (other.has_key, other.trusted, other.distrusted) == (False, False, True)


def test_a_name_matches_by_value_and_its_number_exactly(store: Store, authority: Authority) -> None:
    """RFC 5280 §7.1: string type, case and blanks of an issuer's name do not count."""
    alice = leaf(authority)
    put(store, alice)
    issuer, number = alice.certificate.issuer_der, alice.certificate.serial
    other_case = issuer.replace(b"Intermediate", b"INTERMEDIATE")
    assert other_case != issuer
    same = Identity(other_case, number, None)
    nearly = (Identity(issuer, number + 1, None), Identity(None, number, None))
    assert named(store, *nearly, serial(alice), same) == [[], [], [alice.certificate], [alice.certificate]]
    assert named(store, same, *nearly) == [[alice.certificate], [], []]


@pytest.mark.parametrize(
    "odd",
    [
        Identity(None, None, None),
        Identity(None, None, b""),
        Identity(None, None, b"\0'; --" * 1000),
        Identity(b"", 0, None),
        Identity(b"\x30\x00", -(2**1000), None),
        Identity(b"\x30" * 100_000, 2**1000, None),
    ],
)
def test_odd_identities_name_nothing(store: Store, authority: Authority, odd: Identity) -> None:
    put(store, leaf(authority), authority.root)
    assert named(store, odd) == [[]]


def test_of_several_the_likeliest_comes_first(store: Store, authority: Authority) -> None:
    first = leaf(authority, not_after=datetime(2027, 1, 1, tzinfo=UTC))
    ends = [datetime(2027, month, 1, tzinfo=UTC) for month in (2, 3, 4)]
    newer, plain, refused = (leaf(authority, key=first.private_key, not_after=end) for end in ends)
    put(store, first, newer)
    put(store, plain, refused, trust=False)
    say(store, Trust.DISTRUSTED, refused)
    expected = [newer, first, plain, refused]
    assert named(store, key_id(first)) == [[issued.certificate for issued in expected]]
    assert named(store, serial(plain)) == [[plain.certificate]]


def test_all_identities_are_asked_at_once_and_then_never_again(watched: Watched, authority: Authority) -> None:
    store, alice = watched.store, leaf(authority)
    put(store, alice)
    watched.forget()
    identities = [Identity(None, None, b"%d" % number) for number in range(500)] + [serial(alice), key_id(alice)]
    first = store.evidence.named(identities)
    assert len(watched.asked) == 1
    watched.now += LOOK_EVERY
    assert store.evidence.named(identities) == first
    assert len(watched.asked) == 1
    store.evidence.named([*identities, Identity(None, None, b"new")])
    assert len(watched.asked) == 2


def test_what_others_store_and_delete_is_seen(watched: Watched, options: StoreOptions, authority: Authority) -> None:
    alice, other = leaf(authority), open_store(options, durable=True)

    def seen() -> list[list[Certificate]]:
        watched.now += LOOK_EVERY
        return named(watched.store, serial(alice), key_id(alice))

    assert seen() == [[], []]
    put(other, alice)
    assert seen() == [[alice.certificate]] * 2
    other.certificates.delete(alice.certificate.fingerprint)
    assert seen() == [[], []]
    put(other, alice)
    assert seen() == [[alice.certificate]] * 2


def test_a_dry_run_indexes_nothing(store: Store, authority: Authority) -> None:
    alice = leaf(authority)
    put(store, alice, dry_run=True)
    assert named(store, serial(alice), key_id(alice)) == [[], []]


def test_a_store_of_the_first_schema_is_indexed(unmade: StoreOptions, authority: Authority) -> None:
    alice, root = leaf(authority), authority.root
    _make_first_schema(unmade, [alice, root])
    store = open_store(unmade, durable=True)
    assert named(store, serial(alice), key_id(alice)) == [[alice.certificate]] * 2
    assert named(store, serial(root), key_id(root)) == [[root.certificate]] * 2
    assert store.evidence.trust(alice.certificate).is_anchor(root.certificate)


def _make_first_schema(options: StoreOptions, stored: Iterable[Issued]) -> None:
    """Make a store as 0001 left it, with certificates and one that cannot be read."""
    options.state.mkdir(mode=0o700)
    if options.database == "sqlite":
        (options.state / "store.db").touch(mode=0o600)
    database = open_database(options.database, options.state, durable=True, wait=1)
    facts = {"subject": "", "issuer": "", "not_after": AT, "trust": "trusted"}
    rows = [
        {
            "fingerprint": item.fingerprint,
            "der": item.der,
            "public_key_id": item.public_key_id,
            "subject_id": item.public_key_id,
            "is_ca": item.is_ca,
        }
        for item in (issued.certificate for issued in stored)
    ]
    rows.append({"fingerprint": "0", "der": b"0", "public_key_id": "0", "subject_id": "0", "is_ca": False})
    with database.write() as connection:
        settings = alembic.config.Config(attributes={"connection": connection})
        settings.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
        alembic.command.upgrade(settings, "0001")
        connection.execute(insert(schema.certificates), [facts | row for row in rows])
    database.close()


# trust


def test_cas_are_anchors_known_or_distrusted(store: Store, authority: Authority) -> None:
    root, lower, bad = authority.root, authority.intermediate, Authority(name="Bad").root
    alice = leaf(authority)
    put(store, root, bad)
    put(store, lower, alice, trust=False)
    say(store, Trust.DISTRUSTED, bad)
    trust = store.evidence.trust(alice.certificate)
    standing = [
        (trust.is_anchor(ca.certificate), trust.knows(ca.certificate), trust.is_distrusted(ca.certificate))
        for ca in (root, lower, bad)
    ]
    assert standing == [(True, True, False), (False, True, False), (False, True, True)]
    assert not trust.is_trusted_itself(alice.certificate)


def test_a_leaf_is_trusted_or_distrusted_for_itself(store: Store, authority: Authority) -> None:
    alice, bob = leaf(authority), leaf(authority, "bob")
    put(store, alice, bob)
    for said, expected in (
        (Trust.TRUSTED, (True, False)),
        (Trust.DISTRUSTED, (False, True)),
        (Trust.NONE, (False, False)),
    ):
        say(store, said, alice)
        trust = store.evidence.trust(alice.certificate)
        assert (trust.is_trusted_itself(alice.certificate), trust.is_distrusted(alice.certificate)) == expected
        assert store.evidence.trust(bob.certificate).is_trusted_itself(bob.certificate)


def test_distrust_reaches_every_certificate_of_the_same_name_and_key(store: Store, authority: Authority) -> None:
    old = leaf(authority)
    renewed, stranger = leaf(authority, key=old.private_key), leaf(authority, "mallory")
    namesake = leaf(authority, key=old.private_key, common_name="Somebody Else")
    put(store, old)
    say(store, Trust.DISTRUSTED, old)
    for issued, refused in ((renewed, True), (stranger, False), (namesake, False)):
        assert store.evidence.trust(issued.certificate).is_distrusted(issued.certificate) is refused
    put(store, renewed)
    assert not store.evidence.trust(renewed.certificate).is_distrusted(renewed.certificate)


def test_judging_by_the_store(store: Store, authority: Authority) -> None:
    alice = leaf(authority)
    put(store, authority.root)

    def reasons() -> tuple[Reason, ...]:
        evidence = store.evidence
        trust, revoked = evidence.trust(alice.certificate), evidence.revocation(alice.certificate)
        return judge(alice.certificate, [alice.certificate], trust, AT, revoked).reasons

    assert reasons() == (Reason.NO_PATH,)
    put(store, authority.intermediate, trust=False)
    assert reasons() == ()
    say(store, Trust.DISTRUSTED, authority.root)
    assert reasons() == (Reason.UNTRUSTED,)
    say(store, Trust.TRUSTED, authority.root)
    put(store, authority.revocation_list(alice).public_bytes(Encoding.PEM))
    assert reasons() == (Reason.REVOKED,)


def test_leaves_that_are_not_asked_for_are_not_read(watched: Watched, authority: Authority) -> None:
    store, alice, bob = watched.store, leaf(authority), leaf(authority, "bob")
    others = [leaf(authority, f"u{number}") for number in range(50)]
    put(store, authority.root, authority.intermediate, trust_cas=True)
    put(store, alice, *others)
    put(store, bob, trust=False)
    watched.forget()
    store.evidence.trust(alice.certificate)
    cas = {authority.root.der, authority.intermediate.der}
    assert set(watched.read) == {*cas, alice.der}
    watched.forget()
    store.evidence.trust(bob.certificate)
    assert watched.read == []


def test_no_question_goes_through_the_rows_of_all_leaves(sqlite_options: StoreOptions, authority: Authority) -> None:
    store, alice = open_store(sqlite_options, durable=True), leaf(authority)
    sent: list[tuple[str, Any]] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *arguments: sent.append(arguments[2:4]))
    store.evidence.named([serial(alice)])
    store.evidence.trust(alice.certificate)
    with store.database.read() as connection:
        plans = [
            " ".join(step.detail for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))
            for statement, values in sent[:]
            if "FROM certificates" in statement
        ]
    for plan, indexed in zip(plans, ("(fingerprint=?)", "(is_ca=?)", "(public_key_id=?)"), strict=True):
        assert "SCAN" not in plan
        assert indexed in next(step for step in plan.split("SEARCH ") if step.startswith("certificates"))


def test_trust_is_kept_until_something_changes(watched: Watched, options: StoreOptions, authority: Authority) -> None:
    store, alice, other = watched.store, leaf(authority), open_store(options, durable=True)
    put(store, authority.root)
    put(store, alice)
    first = store.evidence.trust(alice.certificate)
    watched.forget()
    watched.now += LOOK_EVERY
    assert store.evidence.trust(alice.certificate) is first
    assert watched.asked == []
    say(other, Trust.DISTRUSTED, authority.root)
    watched.now += LOOK_EVERY
    changed = store.evidence.trust(alice.certificate)
    assert changed.is_distrusted(authority.root.certificate)
    assert changed.key != first.key


def test_leaves_of_whom_nothing_was_said_share_one_snapshot(store: Store, authority: Authority) -> None:
    alice, bob = leaf(authority), leaf(authority, "bob")
    put(store, authority.root)
    assert store.evidence.trust(alice.certificate) is store.evidence.trust(bob.certificate)


# revocation


def test_all_crls_are_evidence_until_something_changes(
    watched: Watched, options: StoreOptions, authority: Authority
) -> None:
    store, other = watched.store, open_store(options, durable=True)
    lists = [authority.revocation_list(issuer=issuer) for issuer in (authority.root, authority.intermediate)]
    ders = [item.public_bytes(Encoding.DER) for item in lists]
    put(store, ders[0])
    leaves = [leaf(authority, name).certificate for name in ("alice", "bob")]
    first = store.evidence.revocation(leaves[0])
    assert [item.der for item in first.lists] == ders[:1]
    watched.now += LOOK_EVERY
    assert all(store.evidence.revocation(each) is first for each in leaves)
    put(other, ders[1])
    watched.now += LOOK_EVERY
    assert {item.der for item in store.evidence.revocation(leaves[0]).lists} == set(ders)
