"""The stored OCSP responses (RFC 6960): for each certificate the one that was fetched last, until it is out of date."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, or_, select

from gateway.pki.certificate import Certificate
from gateway.pki.revocation import StatusResponse, read_status_response
from gateway.pki.status import UNDATED
from gateway.store import schema
from gateway.store.changes import REVOCATION, tell, tell_of_key
from gateway.store.generation import withdraw

_TABLE = schema.status_responses


def put(connection: Connection, certificate: Certificate, response: StatusResponse, at: datetime) -> None:
    """Store a response in the place of the last one about ``certificate``; those out of date at ``at`` go."""
    until = max(
        answer.next_update or answer.this_update + UNDATED
        for answer in response.answers
        if answer.serial == certificate.serial
    )
    old = delete(_TABLE).where(or_(_TABLE.c.certificate == certificate.fingerprint, _TABLE.c.until < at))
    gone = connection.execute(old.returning(_TABLE.c.certificate, _TABLE.c.is_ca)).all()
    row = {"is_ca": certificate.is_ca, "until": until, "der": response.der}
    connection.execute(_TABLE.insert().values(certificate=certificate.fingerprint, **row))
    concerned = {(each.certificate, each.is_ca) for each in gone} | {(certificate.fingerprint, certificate.is_ca)}
    tell(connection, *(REVOCATION if is_ca else fingerprint for fingerprint, is_ca in concerned))
    tell_of_key(connection, certificate.public_key_id)
    if says_revoked(response):
        withdraw(connection)


def of_authorities(connection: Connection) -> tuple[StatusResponse, ...]:
    """Return the responses about CA certificates."""
    return _read(connection, _TABLE.c.is_ca)


def of_leaf(connection: Connection, fingerprint: str) -> tuple[StatusResponse, ...]:
    """Return the response about a leaf, if there is one."""
    return _read(connection, (_TABLE.c.certificate == fingerprint) & ~_TABLE.c.is_ca)


def revoking(connection: Connection, fingerprints: Collection[str] | None = None) -> set[str]:
    """Return those of these certificates of which a response says revoked, of them or of what it tells beside.

    ``fingerprints``: None: any.
    """
    about = select(_TABLE.c.certificate, _TABLE.c.der)
    if fingerprints is not None:
        about = about.where(_TABLE.c.certificate.in_(sorted(fingerprints)))
    return {row.certificate for row in connection.execute(about) if says_revoked(read_status_response(row.der))}


def says_revoked(response: StatusResponse) -> bool:
    """Return whether a response says of anything that it is revoked."""
    return any(answer.revoked_at is not None for answer in response.answers)


def _read(connection: Connection, condition: ColumnElement[bool]) -> tuple[StatusResponse, ...]:
    return tuple(map(read_status_response, connection.scalars(select(_TABLE.c.der).where(condition))))
