"""What judges and opens inbound mail: certificates by the names that messages have for them, trust, and
evidence of revocation.

Everything is answered from memory (``generation``). Only CA certificates are loaded as a whole, for paths may lead
through any of them; of leaves, however many are stored, only those that are asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, and_, or_

from gateway.cms.identity import Identity
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.path import CertificatePath, build_paths
from gateway.pki.revocation import RevocationEvidence, RevocationList
from gateway.pki.trust import TrustSnapshot
from gateway.store import schema
from gateway.store.certificates import stored
from gateway.store.certificates.identities import index_value
from gateway.store.certificates.said import Trust
from gateway.store.changes import AUTHORITIES, REVOCATION
from gateway.store.database import Database
from gateway.store.generation import Cache, Generation
from gateway.store.revocation import lists, responses

IDENTITIES_KEPT = 20_000
LEAVES_KEPT = 500

Holdings = tuple[Holding, ...]


class StoredEvidence:
    """Answers ``engine.wants.NamedBy`` and ``EvidenceOn``. All methods raise ``Fault``."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._lists_read: dict[str, RevocationList] = {}
        # By hash, not by Identity: whoever writes a message chooses the size of those.
        self._named: Cache[Holdings] = Cache(generation, IDENTITIES_KEPT)
        self._authorities: Cache[tuple[Holdings, TrustSnapshot]] = Cache(generation, 1)
        self._trust: Cache[TrustSnapshot] = Cache(generation, LEAVES_KEPT, AUTHORITIES)
        self._of_all: Cache[RevocationEvidence] = Cache(generation, 1)
        self._revocation: Cache[RevocationEvidence] = Cache(generation, LEAVES_KEPT, REVOCATION)

    def named(self, identities: Iterable[Identity]) -> Mapping[Identity, Sequence[Holding]]:
        """Return the stored certificates that each identity names; one query for all that are not in memory.

        Of several, trusted ones come first, distrusted ones last, and of equals those that expire last come first.
        Learned ones come behind those that were imported; those that are pending are not among them.
        """
        asked = {identity: index_value(identity) for identity in identities}
        found = self._named.many((value for value in asked.values() if value is not None), self._load_named)
        return {
            identity: tuple(item for item in found.get(value or "", ()) if identity.names(item.certificate))
            for identity, value in asked.items()
        }

    def trust(self, leaf: Certificate) -> TrustSnapshot:
        """Return all CA certificates as they are trusted, and what was said of ``leaf`` and of others with its key."""
        return self._trust.one(leaf.public_key_id, self._load_trust)

    def path(self, certificate: Certificate, at: datetime) -> tuple[CertificatePath, bool]:
        """Return what is stored above a certificate, and whether that ends at an anchor (``certificate`` itself may be
        one). Nothing is judged."""
        trust = self.trust(certificate)
        paths = build_paths(certificate, (), trust, at)
        path = next((path for path in paths.complete if len(path) > 1), paths.stranded)
        return path[1:], trust.is_anchor(path[-1])

    def revocation(self, leaf: Certificate) -> RevocationEvidence:
        """Return all stored CRLs, and the OCSP responses about CA certificates and about ``leaf``."""
        return self._revocation.one(leaf.fingerprint, self._load_revocation)

    def of_all(self) -> RevocationEvidence:
        """Return all stored CRLs, and the OCSP responses about CA certificates."""
        return self._of_all.one(REVOCATION, lambda _: self._load_evidence())

    def authorities(self) -> Sequence[Certificate]:
        """Return all CA certificates."""
        return [item.certificate for item in self._authorities.one(AUTHORITIES, lambda _: self._load_authorities())[0]]

    def _load_named(self, wanted: Sequence[str]) -> dict[str, Holdings]:
        index, table = schema.identities.c, schema.certificates.c
        query = (
            stored.holdings(index.value)
            .join(schema.identities, index.fingerprint == table.fingerprint)
            .where(index.value.in_(sorted(wanted)), or_(~table.pending, table.trust != Trust.NONE))
            .order_by(index.value)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        found = {
            value: tuple(sorted(map(stored.holding, group), key=_preference, reverse=True))
            for value, group in groupby(rows, lambda row: row.value)
        }
        return {value: found.get(value, ()) for value in wanted}

    def _load_trust(self, public_key_id: str) -> TrustSnapshot:
        authorities, trust = self._authorities.one(AUTHORITIES, lambda _: self._load_authorities())
        table = schema.certificates.c
        same_key = table.public_key_id == public_key_id
        said = self._load(and_(same_key, table.trust.in_((Trust.TRUSTED, Trust.DISTRUSTED))))
        return _snapshot((*authorities, *said)) if said else trust

    def _load_authorities(self) -> tuple[Holdings, TrustSnapshot]:
        authorities = self._load(schema.certificates.c.is_ca)
        return authorities, _snapshot(authorities)

    def _load_revocation(self, leaf: str) -> RevocationEvidence:
        of_all = self.of_all()
        with self._database.read() as connection:
            of_leaf = responses.of_leaf(connection, leaf)
        return RevocationEvidence(of_all.lists, of_all.responses + of_leaf) if of_leaf else of_all

    def _load_evidence(self) -> RevocationEvidence:
        """Large lists take long to read: those that are in memory are not read again."""
        with self._database.read() as connection:
            self._lists_read = lists.read_all(connection, self._lists_read)
            return RevocationEvidence(tuple(self._lists_read.values()), responses.of_authorities(connection))

    def _load(self, condition: ColumnElement[bool]) -> Holdings:
        with self._database.read() as connection:
            return tuple(map(stored.holding, connection.execute(stored.holdings().where(condition))))


def _preference(item: Holding) -> tuple[bool, bool, bool, datetime, str]:
    certificate = item.certificate
    trusted = item.trusted and not item.learned
    return trusted, not item.distrusted, not item.learned, certificate.not_after, certificate.fingerprint


def _snapshot(holdings: Holdings) -> TrustSnapshot:
    return TrustSnapshot(
        trusted=(item.certificate for item in holdings if item.trusted),
        known=(item.certificate for item in holdings),
        distrusted=(item.certificate for item in holdings if item.distrusted),
    )
