"""What is kept of a person is shown whole, and goes whole, on both databases."""

import json

import pytest
from sqlalchemy import select

from gateway.admin.privacy import erase, exported
from gateway.store import schema
from gateway.store.columns import metadata
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.store.persons import CASCADES
from gateway.wiring import Wiring
from tests.admin.conftest import ADA
from tests.authority import Authority, Issued
from tests.store.held.messages import held
from tests.store.journal.records import record

ALICE = "alice@example.com"


@pytest.fixture
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE, kind="p256")


@pytest.fixture
def known(anywhere: Wiring, authority: Authority, alice: Issued) -> Wiring:
    """Somebody who wrote, was written to, is held, and showed a certificate; and others."""
    store = anywhere.store
    import_file(store, alice.pem() + authority.leaf("bob@example.com").pem(), [], ImportOptions())
    with store.database.write() as connection:
        table = schema.certificates
        connection.execute(
            table.update().where(table.c.fingerprint == alice.certificate.fingerprint).values(origin="learned")
        )
    for name, to in (("to", "Alice@Example.com"), ("bob", "bob@example.com")):
        store.journal.write([record(name, recipients=(to,), deliveries=())])
    held(store, sender="ALICE@example.com")
    held(store, sender="bob@example.com", content=b"other")
    return anywhere


def test_all_that_is_kept_is_exported(known: Wiring, alice: Issued) -> None:
    """KEY-12"""
    view = exported(known, "ALICE@example.com")
    assert [document["id"] for document in view.records] == ["to"]
    assert [message.sender for message in view.held] == ["ALICE@example.com"]
    assert (view.learned, view.imported) == ((alice.certificate.fingerprint,), ())


def test_all_of_it_goes_and_others_stay(known: Wiring, alice: Issued) -> None:
    """KEY-12: the audit log keeps that it was done, and not of whom."""
    done = erase(known, ADA, ALICE)
    assert (done.records, len(done.held), done.learned) == (1, 1, (alice.certificate.fingerprint,))
    after = exported(known, ALICE)
    assert (after.records, after.held, after.learned) == ((), (), ())
    with known.store.database.read() as connection:
        # Every process has to drop the address from its memory, so the last changes name it for a while.
        for table in (each for each in metadata.sorted_tables if each is not schema.changes):
            assert "alice" not in repr(connection.execute(select(table)).all()).lower(), table.name
        verbs = list(connection.scalars(select(schema.audit.c.verb)))
    assert verbs == ["erase-person"]
    other = exported(known, "bob@example.com")
    assert (len(other.records), len(other.held), len(other.imported)) == (1, 1, 1)


def test_what_was_imported_stays_and_is_named(anywhere: Wiring, alice: Issued) -> None:
    import_file(anywhere.store, alice.pem(), [], ImportOptions())
    assert erase(anywhere, ADA, ALICE).imported == (alice.certificate.fingerprint,)
    assert json.dumps(exported(anywhere, ALICE).imported)


def test_every_table_with_addresses_is_thought_of() -> None:
    found = {table.name for table in metadata.sorted_tables if "address" in table.columns}
    assert found == CASCADES | {"lookups"}
