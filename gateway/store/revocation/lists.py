"""The stored CRLs: evidence for path validation, imported by administrators or fetched (RFC 5280 §5).

Of each imported series (issuer, its key, distribution point and scope, complete or delta) only the newest is kept, and
of each source one is fetched from. Neither takes the place of the other: both are evidence. An imported CRL is stored
unverified, for its issuer's certificate may come later; whether it may be believed is asked when it is used
(``pki.status``). Not here: fetching.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from sqlalchemy import Connection, delete, or_, select

from gateway.pki.need import name_id
from gateway.pki.revocation import RevocationList, read_revocation_list
from gateway.pki.sources import Source
from gateway.store import schema
from gateway.store.changes import REVOCATION, tell
from gateway.store.database import Database, insert_new
from gateway.store.generation import Generation, withdraw
from gateway.store.prefix import Naming, begins, fingerprint

_TABLE = schema.revocation_lists
_NAMED = Naming("no stored CRL has a fingerprint that begins with {}", "several fingerprints begin with {}")
_SERIES = (x509.AuthorityKeyIdentifier, x509.IssuingDistributionPoint)


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of a CRL: ``new``: it is stored now; ``other``: the older one it replaced, or the newer one kept."""

    new: bool
    other: RevocationList | None


class StoredRevocationLists:
    """The administrator's verbs; ``evidence`` has them as evidence. All methods raise ``Fault``."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    def list(self) -> list[RevocationList]:
        """Return all CRLs by issuer, the newest first."""
        with self._database.read() as connection:
            found = [read_revocation_list(der) for der in connection.scalars(select(_TABLE.c.der))]
        return sorted(found, key=lambda item: (item.issuer, -item.this_update.timestamp(), item.fingerprint))

    def urls(self) -> dict[str, str]:
        """Return where each CRL that was not imported was fetched, by fingerprint."""
        with self._database.read() as connection:
            found = connection.execute(select(_TABLE.c.fingerprint, _TABLE.c.url).where(_TABLE.c.url.is_not(None)))
            return {row.fingerprint: row.url for row in found}

    def get(self, name: str) -> RevocationList:
        """Return the CRL with that fingerprint or unambiguous prefix. Raises ``Refused``."""
        with self._database.read() as connection:
            return _one(connection, name)

    def delete(self, name: str) -> RevocationList:
        """Delete the CRL with that fingerprint or unambiguous prefix; return it. Raises ``Refused``.

        One that was fetched is fetched again only when it is wanted again.
        """
        sources = schema.revocation_sources
        with self._database.change() as connection:
            gone = _one(connection, name)
            scope = select(_TABLE.c.scope).where(_TABLE.c.fingerprint == gone.fingerprint).scalar_subquery()
            connection.execute(delete(sources).where(sources.c.id == scope))
            connection.execute(delete(_TABLE).where(_TABLE.c.fingerprint == gone.fingerprint))
            tell(connection, REVOCATION)
            withdraw(connection)
        self._generation.expire()
        return gone


# inside a transaction, for imports and for what was fetched


def add(connection: Connection, item: RevocationList) -> Filed:
    """Store a CRL in the place of an older one of its series, unless a newer one is there."""
    scope = _scope(item)
    der = connection.scalar(select(_TABLE.c.der).where(_TABLE.c.scope == scope))
    other = None if der is None else read_revocation_list(der)
    if other is not None and (other.der == item.der or _age(other) > _age(item)):
        return Filed(False, other)
    connection.execute(delete(_TABLE).where(or_(_TABLE.c.scope == scope, _TABLE.c.fingerprint == item.fingerprint)))
    insert_new(connection, _TABLE, [{"fingerprint": item.fingerprint, "scope": scope, "der": item.der}])
    _tell(connection, item)
    return Filed(True, other)


def add_fetched(connection: Connection, source: Source, item: RevocationList, at: datetime) -> None:
    """Store a CRL in the place of the last one from ``source``, unless that is newer and still in force at ``at``.

    One that was imported as it is stays so.
    """
    der = connection.scalar(select(_TABLE.c.der).where(_TABLE.c.scope == source.id))
    last = None if der is None else read_revocation_list(der)
    if last is not None and _age(last) > _age(item) and last.next_update is not None and last.next_update > at:
        return
    delete_fetched(connection, source)
    insert_new(
        connection,
        _TABLE,
        [{"fingerprint": item.fingerprint, "scope": source.id, "der": item.der, "url": source.url}],
    )
    _tell(connection, item)


def _tell(connection: Connection, item: RevocationList) -> None:
    """A new list may revoke what the last one did not; to compare them would take seconds."""
    tell(connection, REVOCATION)
    if item.size:
        withdraw(connection)


def delete_fetched(connection: Connection, source: Source) -> None:
    """Delete what was fetched from ``source``."""
    tell(connection, REVOCATION)
    connection.execute(delete(_TABLE).where(_TABLE.c.scope == source.id))


def read_all(connection: Connection, known: Mapping[str, RevocationList]) -> dict[str, RevocationList]:
    """Return all CRLs by fingerprint; those among ``known`` are not read again."""
    names = connection.scalars(select(_TABLE.c.fingerprint).order_by(_TABLE.c.fingerprint)).all()
    new = select(_TABLE.c.fingerprint, _TABLE.c.der).where(_TABLE.c.fingerprint.in_(set(names).difference(known)))
    read = {row.fingerprint: read_revocation_list(row.der) for row in connection.execute(new)}
    found = {**known, **read}
    return {name: found[name] for name in names if name in found}


def _age(item: RevocationList) -> tuple[int, datetime]:
    """Numbers only grow in a series (RFC 5280 §5.2.3); where there is none, the date decides."""
    return item.number or 0, item.this_update


def _scope(item: RevocationList) -> str:
    """Return what names the series of a CRL."""
    parts = [name_id(item.issuer_der), str(item.is_delta)]
    for kind in _SERIES:
        try:
            parts.append(item.parsed.extensions.get_extension_for_class(kind).value.public_bytes().hex())
        except x509.ExtensionNotFound:
            parts.append("")
    return sha256("\n".join(parts).encode()).hexdigest()


def _one(connection: Connection, name: str) -> RevocationList:
    prefix = fingerprint(name)
    query = select(_TABLE.c.der).where(begins(_TABLE.c.fingerprint, prefix)).limit(2)
    return read_revocation_list(_NAMED.only(connection.scalars(query).all(), prefix))
