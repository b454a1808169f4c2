"""Lists of certificates, a page at a time, made of columns; those that expire first come first.

A page begins behind a certificate, not at a number, so a page far behind costs no more than the first. State is judged
by the code that chooses certificates (``policy.state``), over the others at the same addresses; the database is asked
for those that may be in the state that is wanted. A certificate is read only where evidence may revoke it, or where it
was learned and serves: then its path has to hold.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from gateway.errors import Refused
from gateway.pki.revocation import NO_EVIDENCE
from gateway.policy.state import State, Status, status_of
from gateway.reason import Reason
from gateway.store import schema
from gateway.store.certificates import stored
from gateway.store.certificates.doubt import Doubt
from gateway.store.certificates.entry import Entry, Listed, by_fingerprint, entries, entry
from gateway.store.certificates.evidence import StoredEvidence
from gateway.store.certificates.path import unpacked
from gateway.store.certificates.said import Origin, Trust
from gateway.store.certificates.standing import Standings
from gateway.store.columns import Moment
from gateway.store.database import Database
from gateway.store.revocation import responses

MAX_AT_ONCE = 500
"""Certificates of which so many are read from the database at once, where few of them fit."""
MAX_NAMED = 10_000
"""Certificates that are asked for by name; more are found by looking through all."""
_TABLE, _INDEX = schema.certificates.c, schema.addresses.c


@dataclass(frozen=True, slots=True)
class Filter:
    """Which certificates. ``text``: in an address, the subject or the issuer, in any case, or at the beginning of the
    fingerprint. ``expiring``: whose expiry is somebody's task, at that time at the latest.
    """

    text: str = ""
    state: State | None = None
    is_ca: bool | None = None
    with_key: bool = False
    expiring: datetime | None = None

    def fits(self, status: Status) -> bool:
        """Return whether one that stands so is wanted; the rest the database knows."""
        return self.state in (None, status.state) and (self.expiring is None or status.ends)


class Listing:
    """Pages of certificates. All methods raise ``Fault``."""

    def __init__(self, database: Database, evidence: StoredEvidence, standings: Standings) -> None:
        self._database = database
        self._evidence = evidence
        self._standings = standings

    def page(
        self, wanted: Filter, at: datetime, after: str | None = None, limit: int | None = None
    ) -> Sequence[Listed]:
        """Return at most ``limit`` that follow ``after`` (a fingerprint), as they stand at ``at``.

        Raises ``Refused`` where ``after`` is not stored.
        """
        found: list[Listed] = []
        with self._database.read() as connection:
            narrowed, at_once = self._narrowed(connection, wanted, at), limit or MAX_AT_ONCE
            query = narrowed if after is None else narrowed.where(_behind(_place(connection, after)))
            while rows := connection.execute(query.limit(at_once)).all():
                found += filter(lambda item: wanted.fits(item.status), self._judged(connection, map(entry, rows), at))
                if len(rows) < at_once or (limit is not None and len(found) >= limit):
                    break
                query = narrowed.where(_behind(rows[-1]))
                at_once = min(2 * at_once, MAX_AT_ONCE)
        return found[:limit]

    def of(self, fingerprints: Iterable[str], at: datetime) -> Sequence[Listed]:
        """Return these certificates as they stand at ``at``, in their order; those that are not stored are left out."""
        asked = list(fingerprints)
        with self._database.read() as connection:
            found = {item.certificate.fingerprint: item for item in by_fingerprint(connection, asked)}
            return self._judged(connection, [found[name] for name in asked if name in found], at)

    def _judged(self, connection: Connection, found: Iterable[Entry], at: datetime) -> list[Listed]:
        asked = {item.certificate.fingerprint: item for item in found}
        names = _names(connection, asked)
        rows = _rivals(connection, {name for held in names.values() for name in held})
        every = asked | {row.fingerprint: entry(row) for row in rows}
        every |= self._found_wrong(connection, every, at)
        leaves: dict[str, list[Entry]] = {}
        for row in rows:
            leaves.setdefault(row.address, []).append(every[row.fingerprint])
        found_by = [(every[key], tuple(names.get(key, ()))) for key in asked]
        return [Listed(item, status_of(item, at, [leaves[name] for name in held]), held) for item, held in found_by]

    def _found_wrong(self, connection: Connection, every: Mapping[str, Entry], at: datetime) -> dict[str, Entry]:
        """Return those that something speaks against."""
        doubt = self._doubt()
        doubted = responses.revoking(connection, every)
        doubted |= {key for key, item in every.items() if (item.learned and item.trusted) or _is_doubted(doubt, item)}
        faults = self._faults(connection, doubted, at) if doubted else {}
        return {key: every[key].found_wrong(fault) for key, fault in faults.items()}

    def _doubt(self) -> Doubt:
        evidence = self._evidence.of_all()
        return Doubt(evidence, () if evidence == NO_EVIDENCE else self._evidence.authorities())

    def _narrowed(self, connection: Connection, wanted: Filter, at: datetime) -> Select[Any]:
        """Return the query for those that may be wanted, in their order."""
        query = _narrowed(wanted, at)
        if wanted.state is not State.REVOKED:
            return query
        doubt = self._doubt()
        named = select(_TABLE.fingerprint, _TABLE.issuer_id, _TABLE.serial).where(_TABLE.issuer_id.in_(doubt.issuers))
        if doubt.names_any_issuer:
            named = select(_TABLE.fingerprint, _TABLE.issuer_id, _TABLE.serial)
        doubted = {row.fingerprint for row in connection.execute(named) if doubt.of(row.issuer_id, _number(row.serial))}
        doubted |= responses.revoking(connection)
        if not doubted:
            return query.where(false())
        return query.where(_TABLE.fingerprint.in_(sorted(doubted))) if len(doubted) <= MAX_NAMED else query

    def _faults(self, connection: Connection, doubted: Iterable[str], at: datetime) -> dict[str, Reason]:
        query = stored.holdings(_TABLE.path).where(_TABLE.fingerprint.in_(sorted(doubted)))
        faults: dict[str, Reason] = {}
        for row in connection.execute(query).all():
            item, shown = stored.holding(row), () if row.path is None else unpacked(row.path)
            fault = self._standings.of(item, shown, at).fault
            if fault is None and self._standings.is_revoked(item, (), at):
                fault = Reason.REVOKED
            if fault is not None:
                faults[item.certificate.fingerprint] = fault
        return faults


def _is_doubted(doubt: Doubt, item: Entry) -> bool:
    return doubt.of(item.issuer_id, _number(item.certificate.serial))


def _number(serial: str) -> int:
    return int(serial or "0", 16)


def _narrowed(wanted: Filter, at: datetime) -> Select[Any]:
    query = entries().order_by(_TABLE.not_after, _TABLE.fingerprint)
    if wanted.is_ca is not None:
        query = query.where(_TABLE.is_ca.is_(wanted.is_ca))
    if wanted.with_key:
        query = query.where(_TABLE.public_key_id.in_(select(schema.keys.c.public_key_id)))
    if wanted.expiring is not None:
        # One that has expired is somebody's task only where it is our own.
        own = and_(~_TABLE.is_ca, _TABLE.public_key_id.in_(select(schema.keys.c.public_key_id)))
        query = query.where(_TABLE.not_after <= wanted.expiring, or_(_TABLE.not_after >= at, own))
    if wanted.state is not None:
        query = query.where(*_possible(wanted.state, at))
    return query.where(_holds(wanted.text)) if wanted.text else query


def _possible(state: State, at: datetime) -> Sequence[ColumnElement[bool]]:
    """Return what holds of each certificate in a state, as far as columns say it."""
    valid = and_(_TABLE.not_before <= at, _TABLE.not_after >= at, _TABLE.trust != Trust.DISTRUSTED)
    of_states: dict[State, Sequence[ColumnElement[bool]]] = {
        State.DISTRUSTED: [_TABLE.trust == Trust.DISTRUSTED],
        State.REVOKED: [_TABLE.trust != Trust.DISTRUSTED],
        State.PENDING: [_TABLE.origin != Origin.IMPORTED, _TABLE.trust == Trust.NONE],
        State.EXPIRED: [_TABLE.not_after < at, _TABLE.trust != Trust.DISTRUSTED],
        State.NOT_YET_VALID: [_TABLE.not_before > at, _TABLE.trust != Trust.DISTRUSTED],
        State.SUPERSEDED: [valid, _has_rival()],
        State.CURRENT: [valid],
        State.WAITING: [false()],
    }
    return of_states[state]


def _has_rival() -> ColumnElement[bool]:
    mine, theirs = schema.addresses.alias(), schema.addresses.alias()
    another = and_(theirs.c.address == mine.c.address, theirs.c.fingerprint != mine.c.fingerprint)
    return exists().where(mine.c.fingerprint == _TABLE.fingerprint, another)


def _holds(text: str) -> ColumnElement[bool]:
    if not text.isprintable():  # no certificate's columns hold it, and not every database takes it
        return false()
    sought = text.lower()
    holders = select(_INDEX.fingerprint).where(_INDEX.address.contains(sought, autoescape=True))
    names = [func.lower(column).contains(sought, autoescape=True) for column in (_TABLE.subject, _TABLE.issuer)]
    return or_(_TABLE.fingerprint.startswith(sought, autoescape=True), *names, _TABLE.fingerprint.in_(holders))


def _place(connection: Connection, fingerprint: str) -> Any:
    query = select(_TABLE.not_after, _TABLE.fingerprint).where(_TABLE.fingerprint == fingerprint)
    place = connection.execute(query).first()
    if place is None:
        raise Refused(f"no certificate {fingerprint} is stored, behind which the list could go on")
    return place


def _behind(place: Any) -> ColumnElement[bool]:
    return tuple_(_TABLE.not_after, _TABLE.fingerprint) > tuple_(literal(place.not_after, Moment), place.fingerprint)


def _names(connection: Connection, fingerprints: Collection[str]) -> dict[str, list[str]]:
    """Return the addresses that each certificate is found by."""
    names: dict[str, list[str]] = {}
    for row in connection.execute(select(schema.addresses).where(_INDEX.fingerprint.in_(sorted(fingerprints)))):
        names.setdefault(row.fingerprint, []).append(row.address)
    return names


def _rivals(connection: Connection, names: Collection[str]) -> Sequence[Row[Any]]:
    """Return the leaves at these addresses, as those that are chosen among stand in their order."""
    joined = entries(_INDEX.address).join(schema.addresses, _INDEX.fingerprint == _TABLE.fingerprint)
    query = joined.where(_INDEX.address.in_(sorted(names))).order_by(_INDEX.address, _INDEX.fingerprint)
    return connection.execute(query).all() if names else ()
