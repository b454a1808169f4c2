"""Which certificate has an address's place, where an administrator says so: one that waits is approved, one is pinned.

Approved is for use, not trusted: mail is encrypted to it, its signatures count for no more than before. Where another
key held the place, approving swaps the two: the one approved is pinned, and the other is no longer.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update

from gateway.errors import Refused
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.store import changes, schema
from gateway.store.certificates import stored
from gateway.store.certificates.found import approved
from gateway.store.certificates.said import Trust
from gateway.store.database import Database
from gateway.store.generation import Generation

_TABLE, _INDEX = schema.certificates, schema.addresses
_BROUGHT = and_(_TABLE.c.trust == Trust.TRUSTED, ~_TABLE.c.is_ca)
"""An administrator brought it, or has said since that he trusts it."""


class StoredPlaces:
    """All methods raise ``Fault``, and ``Refused`` for what cannot be meant."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    def approve(self, name: str, by: str) -> Holding:
        """Have a certificate that waits used; return it as it stands now. ``by``: who says so."""
        with self._database.change() as connection:
            holding = _leaf(connection, name)
            if not holding.learned:
                raise Refused(f"{_short(holding)} does not wait for anybody: an administrator brought it, or trusts it")
            swaps = connection.scalar(_others(holding.certificate, or_(_TABLE.c.pinned, _BROUGHT)).limit(1)) is not None
            return self._put(connection, holding, by, pinned=swaps)

    def pin(self, name: str, by: str) -> Holding:
        """Have no other certificate come in the place of one, even after it has expired; return it as it stands now."""
        with self._database.change() as connection:
            return self._put(connection, _leaf(connection, name), by, pinned=True)

    def _put(self, connection: Connection, holding: Holding, by: str, *, pinned: bool) -> Holding:
        certificate = holding.certificate
        known = stored.said_of(connection, certificate)
        assert known is not None
        if pinned:
            _unpin(connection, certificate)
        stored.mark(connection, certificate, approved(known, pinned=pinned), by)
        self._generation.expire()
        return stored.one(connection, certificate.fingerprint)


def _leaf(connection: Connection, name: str) -> Holding:
    holding = stored.one(connection, name)
    if holding.certificate.is_ca:
        raise Refused(f"{_short(holding)} is an authority's: `cert trust` makes it an anchor")
    if holding.distrusted:
        raise Refused(f"{_short(holding)} is distrusted; `cert trust --none` takes that back")
    return holding


def _short(holding: Holding) -> str:
    return f"certificate {holding.certificate.fingerprint[:16]}"


def _others(certificate: Certificate, condition: ColumnElement[bool]) -> Select[Any]:
    """Return the query for certificates with another key that are found by an address of this one."""
    mine = select(_INDEX.c.address).where(_INDEX.c.fingerprint == certificate.fingerprint)
    query = select(_TABLE.c.public_key_id).join(_INDEX, _INDEX.c.fingerprint == _TABLE.c.fingerprint)
    return query.where(_INDEX.c.address.in_(mine), _TABLE.c.public_key_id != certificate.public_key_id, condition)


def _unpin(connection: Connection, certificate: Certificate) -> None:
    keys = set(connection.scalars(_others(certificate, _TABLE.c.pinned)))
    for key in sorted(keys):
        changes.tell_of_key(connection, key)
    connection.execute(update(_TABLE).where(_TABLE.c.public_key_id.in_(keys)).values(pinned=False))
