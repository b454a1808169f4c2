"""The stored certificates: leaves found by address, CA certificates above them, and what administrators do with both.

Leaves are indexed by their mail names (``mail.address.index_key``); a CA certificate is in no index, since
it neither signs nor receives mail. What the engine asks is answered from memory (``generation``).
Path building is not here (``pki.path``), nor is what may be imported (``pki.acceptance``).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, delete, select, update

from gateway.mail.address import index_key
from gateway.pki.certificate import Certificate, read_certificate
from gateway.pki.holding import Holding
from gateway.pki.need import name_id
from gateway.pki.path import Chain, chain_for
from gateway.pki.self_issued import read_as
from gateway.reason import Reason
from gateway.store import changes, schema
from gateway.store.certificates import identities
from gateway.store.certificates.facts import facts
from gateway.store.certificates.path import unpacked
from gateway.store.certificates.said import BY_ITSELF, SAID, Said, Trust, said
from gateway.store.certificates.standing import ALWAYS, Standings
from gateway.store.database import Database, insert_new
from gateway.store.generation import Cache, Generation, withdraw
from gateway.store.held import needs
from gateway.store.prefix import Naming, begins, fingerprint

_NAMED = Naming(
    "no stored certificate has a fingerprint that begins with {}",
    "several fingerprints begin with {}",
    Reason.NO_CERTIFICATE,
)
ADDRESSES_KEPT = 20_000
CHAINS_KEPT = 2_000
MAX_LEVELS = 8
MAX_ISSUERS = 200
"""Bounds on what is gathered above one certificate; ``pki.path`` chooses among it."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion took: the certificate, and its private key where this was that key's last certificate."""

    certificate: Certificate
    with_key: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """The leaves of one address, as they stand at every time strictly between two."""

    holdings: tuple[Holding, ...]
    since: datetime
    until: datetime

    def holds_at(self, at: datetime) -> bool:
        return self.since < at < self.until


_NOTHING = _Found((), ALWAYS.since, ALWAYS.until)


class StoredCertificates:
    """Answers ``policy.wants.CertificatesOf`` and ``engine.wants.ChainOf``; and the administrator's verbs.

    All methods raise ``Fault``.
    """

    def __init__(self, database: Database, generation: Generation, standings: Standings) -> None:
        self._database = database
        self._generation = generation
        self._standings = standings
        self._found: Cache[_Found] = Cache(generation, ADDRESSES_KEPT, changes.AUTHORITIES, changes.REVOCATION)
        self._chains: Cache[Chain] = Cache(generation, CHAINS_KEPT, changes.AUTHORITIES)

    # what the engine asks

    def find(self, addresses: Iterable[str], at: datetime) -> Mapping[str, Sequence[Holding]]:
        """Return, for each address asked for, every leaf that holds it, as it stands at ``at`` (``standing``).

        One query for all that is not in memory, and then what it takes to judge them.
        """
        # What is not printable is in no certificate's index, and not every database takes it.
        names = {address: index_key(address) if address.isprintable() else None for address in addresses}
        wanted = (name for name in names.values() if name is not None)
        found = self._found.many(wanted, lambda missing: self._load(missing, at), lambda kept: kept.holds_at(at))
        return {address: () if name is None else found[name].holdings for address, name in names.items()}

    def chain(self, certificate: Certificate) -> Sequence[Certificate]:
        """Return the stored CA certificates above ``certificate``, nearest first, self-signed ones left out."""
        return self.whole_chain(certificate).issuers

    def whole_chain(self, certificate: Certificate) -> Chain:
        """Return the same, and what is missing in it."""
        return self._chains.one(certificate.fingerprint, lambda _: self._load_chain(certificate))

    def is_cut(self, name: str) -> bool:
        """Return whether something is missing in the chain of a certificate, by fingerprint. Raises ``Refused``."""
        return self._chains.one(name, lambda _: self._load_chain(self.get(name).certificate)).is_cut

    def _load(self, wanted: Sequence[str], at: datetime) -> dict[str, _Found]:
        index = schema.addresses.c
        query = (
            holdings(index.address, schema.certificates.c.path)
            .join(schema.addresses, index.fingerprint == schema.certificates.c.fingerprint)
            .where(index.address.in_(sorted(wanted)))
            .order_by(index.address, index.fingerprint)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        found = {address: self._judged(group, at) for address, group in groupby(rows, lambda row: row.address)}
        return {address: found.get(address, _NOTHING) for address in wanted}

    def _judged(self, rows: Iterable[Row[Any]], at: datetime) -> _Found:
        """Say of each leaf what the store knows against it at ``at``, and for how long that is so."""
        found, since, until = [], ALWAYS.since, ALWAYS.until
        for row in rows:
            item = holding(row)
            standing = self._standings.of(item, () if row.path is None else unpacked(row.path), at)
            found.append(replace(item, fault=standing.fault, by_dns_alone=standing.by_dns_alone))
            since, until = max(since, standing.since), min(until, standing.until)
        return _Found(tuple(found), since, until)

    def _load_chain(self, certificate: Certificate) -> Chain:
        with self._database.read() as connection:
            return stored_chain(connection, certificate)

    # what an administrator does

    def get(self, name: str) -> Holding:
        """Return the certificate with that fingerprint or unambiguous prefix. Raises ``Refused``."""
        with self._database.read() as connection:
            return one(connection, name)

    def set_trust(self, name: str, trust: Trust, by: str = BY_ITSELF) -> Holding:
        """Trust or distrust a certificate, or take either back; return it as it stands now. Raises ``Refused``.

        ``by``: who says so. One that mail brought is pending where either is taken back.
        """
        with self._database.change() as connection:
            before = one(connection, name)
            if before.learned and trust is Trust.NONE:
                return before
            known = said_of(connection, before.certificate)
            assert known is not None
            mark(connection, before.certificate, known.spoken(trust), by)
            if trust is not Trust.TRUSTED:
                withdraw(connection)
            changed = one(connection, name)
        self._generation.expire()
        return changed

    def delete(self, name: str) -> Deleted:
        """Delete a certificate, and its private key where no other certificate has it. Raises ``Refused``."""
        table, keys = schema.certificates.c, schema.keys.c
        with self._database.change() as connection:
            gone = one(connection, name).certificate
            changes.tell_of_key(connection, gone.public_key_id)
            connection.execute(delete(schema.certificates).where(table.fingerprint == gone.fingerprint))
            withdraw(connection)
            served = select(table.fingerprint).where(table.public_key_id == gone.public_key_id)
            orphan = delete(schema.keys).where(keys.public_key_id == gone.public_key_id, ~served.exists())
            with_key = connection.execute(orphan).rowcount > 0
            # The next mail must not bring it back.
            insert_new(connection, schema.learned, [{"fingerprint": gone.fingerprint, "until": gone.not_after}])
        self._generation.expire()
        return Deleted(gone, with_key)


# inside a transaction, for imports and for ``evidence``


def add(connection: Connection, certificate: Certificate, addresses: Iterable[str], known: Said, by: str) -> bool:
    """Store a certificate, a leaf findable by ``addresses``; return whether it was new (an old one stays as it is).

    ``by``: who brought it.
    """
    moment = datetime.now(UTC)
    row = {
        "fingerprint": certificate.fingerprint,
        "der": certificate.der,
        "public_key_id": certificate.public_key_id,
        "subject": stored_text(certificate.subject),
        "issuer": stored_text(certificate.issuer),
        "not_after": certificate.not_after,
        "is_ca": certificate.is_ca,
        **asdict(known),
        "added_at": moment,
        "changed_at": moment,
        "changed_by": by,
        **facts(certificate),
    }
    if not insert_new(connection, schema.certificates, [row]):
        return False
    index(connection, certificate, addresses)
    identities.add(connection, certificate)
    changes.tell_of_key(connection, certificate.public_key_id)
    if not known.pending:
        _wake(connection, certificate)
    return True


def index(connection: Connection, certificate: Certificate, addresses: Iterable[str]) -> None:
    """Let a stored leaf be found by ``addresses``, too."""
    names = () if certificate.is_ca else sorted({index_key(address) for address in addresses})
    rows = [{"address": name, "fingerprint": certificate.fingerprint} for name in names]
    insert_new(connection, schema.addresses, rows)


def said_of(connection: Connection, certificate: Certificate) -> Said | None:
    """Return what is said of a certificate, or None where it is not stored."""
    table = schema.certificates.c
    columns = (table[name] for name in SAID)
    row = connection.execute(select(*columns).where(table.fingerprint == certificate.fingerprint)).first()
    return None if row is None else said(row)


def is_authority(connection: Connection, certificate: Certificate) -> bool:
    """Return whether a certificate that is stored is read as an authority's there."""
    table = schema.certificates.c
    return bool(connection.scalar(select(table.is_ca).where(table.fingerprint == certificate.fingerprint)))


def reread(connection: Connection, certificate: Certificate, addresses: Iterable[str], known: Said, by: str) -> None:
    """Have a stored certificate read as it is now, as a person's or as an authority's."""
    found_by = schema.addresses
    changes.tell_of_key(connection, certificate.public_key_id)
    _update(connection, certificate, known, by, is_ca=certificate.is_ca, **facts(certificate))
    connection.execute(delete(found_by).where(found_by.c.fingerprint == certificate.fingerprint))
    index(connection, certificate, addresses)
    changes.tell_of_key(connection, certificate.public_key_id)
    _wake(connection, certificate)


def mark(connection: Connection, certificate: Certificate, known: Said, by: str) -> None:
    """Change what is said of a stored certificate; ``by``: who says so."""
    _update(connection, certificate, known, by)
    if known.trust is Trust.TRUSTED:
        # One that was learned is found by the address of that mail only; now it stands for all it names.
        index(connection, certificate, certificate.addresses)
        _wake(connection, certificate)
    changes.tell_of_key(connection, certificate.public_key_id)


def _update(connection: Connection, certificate: Certificate, known: Said, by: str, **columns: object) -> None:
    table = schema.certificates
    changed = update(table).where(table.c.fingerprint == certificate.fingerprint)
    connection.execute(changed.values(**asdict(known), **columns, changed_at=datetime.now(UTC), changed_by=by))


def with_key(connection: Connection, public_key_id: str) -> list[Certificate]:
    """Return the certificates with that public key."""
    table = schema.certificates.c
    rows = connection.execute(select(table.der, table.is_ca).where(table.public_key_id == public_key_id))
    return [read_as(row.der, is_ca=row.is_ca) for row in rows]


def stored_chain(connection: Connection, certificate: Certificate, without: Collection[Certificate] = ()) -> Chain:
    """Return the stored CA certificates above ``certificate``, and what is missing there.

    ``without``: as it were if these were not stored.
    """
    candidates: dict[str, Certificate] = {}
    level = [certificate]
    for _ in range(MAX_LEVELS):
        above = (issuer for issuer in _issuers(connection, level) if issuer not in without)
        level = [issuer for issuer in above if issuer.fingerprint not in candidates]
        candidates |= {issuer.fingerprint: issuer for issuer in level}
        if not level or len(candidates) >= MAX_ISSUERS:
            break
    return chain_for(certificate, candidates.values(), datetime.now(UTC))


def has_key(connection: Connection, certificate: Certificate) -> bool:
    """Return whether the private key of a certificate is stored."""
    keys = schema.keys.c.public_key_id
    return connection.scalar(select(keys).where(keys == certificate.public_key_id)) is not None


def holdings(*columns: Column[Any]) -> Select[Any]:
    """Return the query for certificates and their standing, to be narrowed; each row makes a ``holding``."""
    table, keys = schema.certificates, schema.keys
    has_key = keys.c.public_key_id.is_not(None).label("has_key")
    joined = table.outerjoin(keys, keys.c.public_key_id == table.c.public_key_id)
    known = table.c.der, table.c.is_ca, *(table.c[name] for name in SAID), table.c.capabilities, table.c.added_at
    return select(*known, has_key, *columns).select_from(joined)


def holding(row: Row[Any]) -> Holding:
    """Return what a row of ``holdings`` says."""
    known = said(row)
    return Holding(
        certificate=read_as(row.der, is_ca=row.is_ca),
        trusted=known.is_trusted,
        has_key=bool(row.has_key),
        distrusted=known.trust is Trust.DISTRUSTED,
        learned=known.is_learned,
        capabilities=frozenset((row.capabilities or "").split()),
        added_at=row.added_at,
        origin=known.origin,
        approved=known.approved,
        pinned=known.pinned,
        dnssec=known.dnssec,
    )


def _wake(connection: Connection, certificate: Certificate) -> None:
    """Make ready the held mail that a certificate helps, now that it is stored or trusted."""
    needs.wake(connection, certificate, has_key(connection, certificate))


def one(connection: Connection, name: str) -> Holding:
    """Return the certificate with that fingerprint or unambiguous prefix. Raises ``Refused``."""
    prefix = fingerprint(name)
    query = holdings().where(begins(schema.certificates.c.fingerprint, prefix)).limit(2)
    return holding(_NAMED.only(connection.execute(query).all(), prefix))


def _issuers(connection: Connection, level: Iterable[Certificate]) -> list[Certificate]:
    table = schema.certificates.c
    names = {name_id(certificate.issuer_der) for certificate in level}
    query = select(table.der).where(table.subject_id.in_(names), table.is_ca, table.trust != Trust.DISTRUSTED)
    return [read_certificate(der) for der in connection.scalars(query.order_by(table.fingerprint).limit(MAX_ISSUERS))]


def stored_text(name: str) -> str:
    """Return a name as the store has it: a text that PostgreSQL takes, too."""
    return name.replace("\0", "\\00")
