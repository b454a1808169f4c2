"""Certificates that sources had for an address: stored, found by that address, and believed as their source says.

One that is stored stays what an administrator said of it; of one that nobody spoke of, what is known is brought up to
date. One that was deleted by hand is not stored again, nor one whose private key is here. So many are kept for an
address; what its source no longer has gives way first, the rest not.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, and_, delete, func, select, update

from gateway.mail.address import index_key
from gateway.pki.certificate import Certificate
from gateway.pki.path import CertificatePath
from gateway.store import changes, schema
from gateway.store.certificates import stored
from gateway.store.certificates.path import packed
from gateway.store.certificates.said import BY_ITSELF, Origin, Said, Trust, Waits
from gateway.store.database import Database
from gateway.store.generation import Generation, withdraw

PER_ADDRESS = 3
"""Certificates of one address that sources have and nobody spoke of: an old one, its successor, another device's."""
IN_ALL = 50_000
"""Certificates from sources in the store: some 100 MB. Strangers may have any number found, so the oldest gives way."""
_TABLE, _INDEX = schema.certificates, schema.addresses
_UNSPOKEN = and_(
    _TABLE.c.origin.in_((Origin.DIRECTORY, Origin.DNS)),
    _TABLE.c.trust == Trust.NONE,
    ~_TABLE.c.approved,
    ~_TABLE.c.pinned,
    _TABLE.c.public_key_id.not_in(select(schema.keys.c.public_key_id)),
)


@dataclass(frozen=True, slots=True)
class Find:
    """A leaf that holds the address. ``intermediates``: what came with it and stands above it; ``waits``: why it serves
    for nothing yet; ``dnssec``: the DNS vouches for it, and that is enough."""

    certificate: Certificate
    intermediates: CertificatePath = ()
    waits: Waits | None = None
    dnssec: bool = False


class Filed(StrEnum):
    """What became of a find."""

    NEW = "new"
    KNOWN = "known"
    CHANGED = "changed"
    DELETED = "deleted before"
    OURS = "its private key is here"
    FULL = "too many"


class StoredFound:
    """What sources brought to this store. Raises ``Fault``."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    def file(self, address: str, source: str, origin: Origin, finds: Sequence[Find]) -> Sequence[Filed]:
        """Store what ``source`` has for ``address``, the best first; return what became of each."""
        filing = _Filing(index_key(address), source, origin, tuple(finds[:PER_ADDRESS]))
        with self._database.read() as connection:
            if filing.is_known(connection):
                return [Filed.KNOWN] * len(filing.finds)
        with self._database.change() as connection:
            filed = [filing.file(connection, find) for find in filing.finds]
        self._generation.expire()
        return filed

    def take_back(self, address: str, source: str, still: Collection[str]) -> None:
        """Note that the DNS, asked as ``source``, vouches at ``address`` for no more than these fingerprints."""
        here = (_INDEX.c.fingerprint == _TABLE.c.fingerprint, _INDEX.c.address == index_key(address))
        lost = and_(_TABLE.c.dnssec, _TABLE.c.source == source, _TABLE.c.fingerprint.not_in(still))
        query = select(_TABLE.c.fingerprint, _TABLE.c.public_key_id).where(*here, lost)
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return
        with self._database.change() as connection:
            for row in connection.execute(query).all():
                mine = _TABLE.c.fingerprint == row.fingerprint
                connection.execute(update(_TABLE).where(mine).values(dnssec=False))
                changes.tell_of_key(connection, row.public_key_id)
            withdraw(connection)
        self._generation.expire()


@dataclass(frozen=True, slots=True)
class _Filing:
    """What one source has for one address (as indexed)."""

    address: str
    source: str
    origin: Origin
    finds: tuple[Find, ...]

    def is_known(self, connection: Connection) -> bool:
        """Whether nothing is to be written."""
        return all(self._is_known(connection, find) for find in self.finds)

    def file(self, connection: Connection, find: Find) -> Filed:
        """Store one, or what is new of it."""
        before = stored.said_of(connection, find.certificate)
        if before is None:
            return self._add(connection, find)
        if before.is_spoken_of:
            return Filed.KNOWN
        now = self._said(find, before)
        if self._is_known(connection, find):
            return Filed.KNOWN
        stored.index(connection, find.certificate, [self.address])
        stored.mark(connection, find.certificate, now, BY_ITSELF)
        self._keep_path(connection, find)
        return Filed.CHANGED

    def _said(self, find: Find, before: Said | None = None) -> Said:
        knows_less = find.waits in (Waits.PATH, Waits.MINIMUM)
        if before is not None and knows_less and not before.pending and before.source not in (None, self.source):
            return before  # another source's word is not this one's to take back: they are asked at the same time
        better = before is None or before.origin.rank <= self.origin.rank
        origin = self.origin if better or before is None else before.origin
        pending, dnssec = find.waits is not None, find.dnssec
        return Said(origin, Trust.NONE, pending, waits=find.waits, dnssec=dnssec, source=self.source)

    def _is_known(self, connection: Connection, find: Find) -> bool:
        before = stored.said_of(connection, find.certificate)
        if before is None:
            return False
        if before.is_spoken_of:
            return True
        here = (_INDEX.c.address == self.address, _INDEX.c.fingerprint == find.certificate.fingerprint)
        indexed = connection.scalar(select(_INDEX.c.address).where(*here)) is not None
        return indexed and before == self._said(find, before)

    def _add(self, connection: Connection, find: Find) -> Filed:
        if (refused := self._refusal(connection, find.certificate)) is not None:
            return refused
        if not self._has_room(connection):
            return Filed.FULL
        stored.add(connection, find.certificate, [self.address], self._said(find), BY_ITSELF)
        self._keep_path(connection, find)
        return Filed.NEW

    def _refusal(self, connection: Connection, certificate: Certificate) -> Filed | None:
        gone, keys = schema.learned.c, schema.keys.c.public_key_id
        if connection.scalar(select(gone.fingerprint).where(gone.fingerprint == certificate.fingerprint)) is not None:
            return Filed.DELETED
        if connection.scalar(select(keys).where(keys == certificate.public_key_id)) is not None:
            return Filed.OURS
        return None

    def _has_room(self, connection: Connection) -> bool:
        """Make room at the address, of what the source has no more, and in the store."""
        joined = _TABLE.join(_INDEX, _INDEX.c.fingerprint == _TABLE.c.fingerprint)
        query = select(_TABLE.c.fingerprint, _TABLE.c.source, _TABLE.c.public_key_id).select_from(joined)
        rows = connection.execute(
            query.where(_INDEX.c.address == self.address, _UNSPOKEN).order_by(_TABLE.c.added_at, _TABLE.c.fingerprint)
        ).all()
        if len(rows) < PER_ADDRESS:
            self._make_room(connection)
            return True
        offered = {find.certificate.fingerprint for find in self.finds}
        oldest = next((row for row in rows if row.source == self.source and row.fingerprint not in offered), None)
        if oldest is None:
            return False
        self._drop(connection, oldest.fingerprint, oldest.public_key_id)
        return True

    def _make_room(self, connection: Connection) -> None:
        """Drop the oldest where there are too many, first of those that wait; who needs it has it found anew."""
        if (connection.scalar(select(func.count()).where(_UNSPOKEN)) or 0) < IN_ALL:
            return
        query = select(_TABLE.c.fingerprint, _TABLE.c.public_key_id).where(_UNSPOKEN)
        oldest = connection.execute(query.order_by(~_TABLE.c.pending, _TABLE.c.changed_at).limit(1)).one()
        found_by = select(_INDEX.c.address).where(_INDEX.c.fingerprint == oldest.fingerprint)
        connection.execute(delete(schema.lookups).where(schema.lookups.c.address.in_(found_by)))
        self._drop(connection, oldest.fingerprint, oldest.public_key_id)

    @staticmethod
    def _drop(connection: Connection, fingerprint: str, public_key_id: str) -> None:
        changes.tell_of_key(connection, public_key_id)
        connection.execute(delete(_TABLE).where(_TABLE.c.fingerprint == fingerprint))
        withdraw(connection)

    @staticmethod
    def _keep_path(connection: Connection, find: Find) -> None:
        if find.intermediates:
            here = _TABLE.c.fingerprint == find.certificate.fingerprint
            connection.execute(update(_TABLE).where(here).values(path=packed(find.intermediates)))


def approved(known: Said, *, pinned: bool) -> Said:
    """Return what is said of one that an administrator wants used, ``pinned``: and no other in its place."""
    said = known if not known.is_learned else replace(known, pending=False, approved=True, waits=None)
    return replace(said, pinned=known.pinned or pinned)
