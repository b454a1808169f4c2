"""What is kept of one person, known by a mail address, and its removal."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select

from gateway.mail.address import index_key
from gateway.store import schema
from gateway.store.certificates.said import Origin
from gateway.store.columns import metadata
from gateway.store.database import Database
from gateway.store.held.message import HeldMessage, messages
from gateway.store.journal.records import Document, Journal, Query

PAGE = 500
CASCADES = {schema.addresses.name, schema.record_addresses.name}
"""Tables with addresses whose rows go with the certificate or record."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything under one address. ``learned``, ``imported``: fingerprints; what mail or a source brought, and not."""

    records: list[Document]
    held: list[HeldMessage]
    learned: list[str]
    imported: list[str]


def kept(database: Database, address: str) -> Kept:
    """Return what is kept of the address, alike in any case of its letters. Raises ``Fault``."""
    journal, records, after = Journal(database), list[Document](), None
    while page := journal.page(Query(address=address), after, PAGE):
        records += page
        after = str(page[-1]["id"])
    key = index_key(address)
    with database.read() as connection:
        held = [message for message in messages(connection) if key in _named(message)]
        table, index = schema.certificates.c, schema.addresses.c
        own = select(table.fingerprint).where(table.fingerprint.in_(select(index.fingerprint).where(_is(key))))
        learned = list(connection.scalars(own.where(_foreign())))
        imported = list(connection.scalars(own.where(~_foreign())))
    return Kept(records, held, learned, imported)


def erase_traces(database: Database, address: str) -> int:
    """Delete the records with the address, and what sources said of it; return how many records. Raises ``Fault``."""
    key, index = index_key(address), schema.record_addresses.c
    with database.write() as connection:
        for table in metadata.sorted_tables:
            if "address" in table.columns and table.name not in CASCADES:
                connection.execute(delete(table).where(table.columns["address"] == key))
        records = schema.records
        named = records.c.number.in_(select(index.number).where(index.address == key))
        return connection.execute(delete(records).where(named)).rowcount


def _is(key: str) -> ColumnElement[bool]:
    return schema.addresses.c.address == key


def _foreign() -> ColumnElement[bool]:
    """Nobody brought it by hand, and nobody opens mail with it."""
    table = schema.certificates.c
    mine = select(schema.keys.c.public_key_id).where(schema.keys.c.public_key_id == table.public_key_id)
    return (table.origin != Origin.IMPORTED) & ~mine.exists()


def _named(message: HeldMessage) -> set[str]:
    return {index_key(address) for address in (message.envelope.sender, *message.envelope.addresses) if address}
