"""Certificates learned from mail: who signs may be answered encrypted, once an administrator says so (row CRT-06).

A learned certificate is ``pending``, and then used for nothing, or else encrypted to where no certificate that was
imported serves, as long as a path to an anchor holds (``standing``): the intermediates that mail
showed are kept for that, trusted by nobody. It is found by the addresses that it was learned for and no others, is
never trusted for itself and makes nobody else trusted. An import of it, or ``cert trust``, makes it like any other.

One that is stored stays as it is, distrusted ones too, and one that was deleted is not learned again: both are told
by what is stored of them until they expire. So many are learned for an address, in a day and in all; past that, mail
teaches nothing, and nothing that was learned gives way. Those that expired are removed.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, func, select, update

from gateway.mail.address import index_key
from gateway.pki.certificate import Certificate
from gateway.pki.path import CertificatePath
from gateway.store import changes, schema
from gateway.store.certificates import stored
from gateway.store.certificates.path import packed
from gateway.store.certificates.said import BY_ITSELF, Origin, Said, Trust, Waits
from gateway.store.database import Database, insert_new
from gateway.store.generation import Generation

PER_ADDRESS = 3
"""Certificates learned for one address that have not expired: an old one, its successor, and one on a second device."""
PER_DAY = 100
"""Certificates learned in one day (UTC): some ten times what a busy helpdesk sees, and 1.5 MB."""
IN_ALL = 20_000
"""Learned certificates in the store: some 100 MB, with their intermediates."""
PRUNE_AT_ONCE = 500
_TABLE = schema.certificates
_LEARNED = schema.learned
_UNSPOKEN = and_(_TABLE.c.origin != Origin.IMPORTED, _TABLE.c.trust == Trust.NONE, ~_TABLE.c.pinned)
"""Nobody brought it by hand, and no administrator has said that it shall stay."""
_FROM_MAIL = and_(_TABLE.c.origin == Origin.LEARNED, _TABLE.c.trust == Trust.NONE)
"""Mail brought it, and no administrator has said anything of it (``said.Said.is_learned``)."""


class Learning(StrEnum):
    """What became of a certificate that mail showed us."""

    NEW = "learned"
    KNOWN = "known"
    DELETED = "deleted before"
    OURS = "its private key is here: import it"
    ADDRESS_FULL = "too many for this address"
    DAY_FULL = "too many today"
    STORE_FULL = "too many in all"


FULL = frozenset({Learning.ADDRESS_FULL, Learning.DAY_FULL, Learning.STORE_FULL})


class StoredLearned:
    """What mail taught this store. All methods raise ``Fault``."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    def learn(
        self,
        address: str,
        certificate: Certificate,
        capabilities: Collection[str],
        at: datetime,
        *,
        trusted: bool,
        changes_key: bool = False,
        intermediates: CertificatePath = (),
    ) -> Learning:
        """Learn a leaf for ``address``, usable where ``trusted``; what is known of it is completed, never changed.

        ``changes_key``: another key holds the address's place, so that it waits for an administrator all the same.

        ``capabilities``: names of the content ciphers that its owner announced at ``at``; none: he said nothing.
        ``intermediates``: the path it was believed by, without leaf and anchor; the last one shown is kept.
        """
        waits = Waits.CHANGE if changes_key else None
        said = Said(Origin.LEARNED, Trust.NONE, pending=changes_key or not trusted, waits=waits)
        news: dict[str, object] = {}
        if capabilities:
            news["capabilities"] = " ".join(dict.fromkeys(capabilities))
        if intermediates:
            news["path"] = packed(intermediates)
        lesson = _Lesson(index_key(address), certificate, news, at, said)
        with self._database.read() as connection:
            if (known := lesson.answer(connection)) is not None:
                return known
        with self._database.change() as connection:
            answer = lesson.answer(connection)  # another process may have been faster
            if answer is None:
                answer = lesson.take(connection)
        self._generation.expire()
        return answer

    def prune(self, at: datetime) -> int:
        """Remove what was learned or found, and the memory of deleted ones, expired at ``at``; return how many."""
        table, keys = _TABLE.c, schema.keys.c.public_key_id
        expired = (_UNSPOKEN, table.not_after < at, table.public_key_id.not_in(select(keys)))
        useless = select(table.fingerprint).where(*expired).limit(PRUNE_AT_ONCE)
        forgotten = select(_LEARNED.c.fingerprint).where(_LEARNED.c.until < at).limit(PRUNE_AT_ONCE)
        pruned = 0
        while True:
            with self._database.write() as connection:
                gone = connection.execute(delete(_TABLE).where(table.fingerprint.in_(useless))).rowcount
                gone += connection.execute(delete(_LEARNED).where(_LEARNED.c.fingerprint.in_(forgotten))).rowcount
            pruned += gone
            if not gone:
                return pruned


class _Lesson:
    """One certificate, shown by mail."""

    def __init__(
        self, address: str, certificate: Certificate, news: Mapping[str, object], at: datetime, said: Said
    ) -> None:
        """``news``: what mail says of it, by column."""
        self._address, self._certificate, self._at = address, certificate, at
        self._news, self._said = news, said

    def answer(self, connection: Connection) -> Learning | None:
        """Return what is to be said where nothing is to be written; None: ``take`` it."""
        name = self._certificate.fingerprint
        columns = _FROM_MAIL.label("from_mail"), _TABLE.c.capabilities, _TABLE.c.path
        row = connection.execute(select(*columns).where(_TABLE.c.fingerprint == name)).first()
        if row is None:
            return self._refusal(connection)
        if any(getattr(row, column) != value for column, value in self._news.items()):
            return None
        if row.from_mail and not self._is_indexed(connection):
            return self._address_refusal(connection)
        return Learning.KNOWN

    def take(self, connection: Connection) -> Learning:
        """Store what is new."""
        certificate, name = self._certificate, self._certificate.fingerprint
        new = stored.add(connection, certificate, [self._address], self._said, BY_ITSELF)
        if new:
            row = {"fingerprint": name, "at": self._at, "until": certificate.not_after}
            insert_new(connection, _LEARNED, [row])
        elif self._is_from_mail(connection) and not self._address_refusal(connection):
            stored.index(connection, certificate, [self._address])
        if self._news:
            connection.execute(update(_TABLE).where(_TABLE.c.fingerprint == name).values(self._news))
        changes.tell_of_key(connection, certificate.public_key_id)
        return Learning.NEW if new else Learning.KNOWN

    def _refusal(self, connection: Connection) -> Learning | None:
        before, keys = _LEARNED.c.fingerprint, schema.keys.c.public_key_id
        if connection.scalar(select(before).where(before == self._certificate.fingerprint)) is not None:
            return Learning.DELETED
        if connection.scalar(select(keys).where(keys == self._certificate.public_key_id)) is not None:
            return Learning.OURS
        today = self._at.replace(hour=0, minute=0, second=0, microsecond=0)
        if _count(connection, select(func.count()).where(_LEARNED.c.at >= today)) >= PER_DAY:
            return Learning.DAY_FULL
        if _count(connection, select(func.count()).where(_FROM_MAIL)) >= IN_ALL:
            return Learning.STORE_FULL
        return self._address_refusal(connection)

    def _address_refusal(self, connection: Connection) -> Learning | None:
        index = schema.addresses.c
        query = (
            select(func.count())
            .select_from(schema.addresses.join(_TABLE, index.fingerprint == _TABLE.c.fingerprint))
            .where(index.address == self._address, _FROM_MAIL, _TABLE.c.not_after > self._at)
        )
        return Learning.ADDRESS_FULL if _count(connection, query) >= PER_ADDRESS else None

    def _is_from_mail(self, connection: Connection) -> bool:
        said = stored.said_of(connection, self._certificate)
        return said is not None and said.is_learned

    def _is_indexed(self, connection: Connection) -> bool:
        index = schema.addresses.c
        wanted = (index.address == self._address, index.fingerprint == self._certificate.fingerprint)
        return connection.scalar(select(index.address).where(*wanted)) is not None


def _count(connection: Connection, query: Select[Any]) -> int:
    return connection.scalar(query) or 0
