"""What each change of the store concerns, told to all processes: what is in their memory of all else stays there.

A change is a transaction of ``Database.change``; its number is the store's generation from then on. Beside the number
stand the names of what it may have changed, as answers are kept under them in memory (``generation``): an address in
the form of its index, the hash by which messages name a certificate, a fingerprint, the id of a public key, and two
for what concerns nearly everything: ``AUTHORITIES`` and ``REVOCATION``.

A change of which nothing is told may have changed anything: an older version made it, or it is too long ago.
"""

from sqlalchemy import Connection, delete, literal, select, union

from gateway.store import schema
from gateway.store.database import insert_new

AUTHORITIES = "authorities"
"""CA certificates, and whom of them an administrator trusts."""
REVOCATION = "revocation"
"""CRLs, and OCSP responses about CA certificates."""

Names = frozenset[str] | None
"""What was changed; None: anything may have been."""

KEPT = 500
"""Changes that are told of, the last; processes look twice a second."""
MOST = 2_000
"""Names that are read at once; more are taken for everything."""
_TABLE = schema.changes


def tell(connection: Connection, *names: str) -> None:
    """Tell, in the transaction of a change, what it concerns; all of it has to be told."""
    number = connection.scalar(select(schema.condition.c.generation)) or 0
    insert_new(connection, _TABLE, [{"number": number, "name": name} for name in sorted(set(names))])
    connection.execute(delete(_TABLE).where(_TABLE.c.number <= number - KEPT))


def tell_of_key(connection: Connection, public_key_id: str) -> None:
    """Tell of a key, of the stored certificates with it, and of all that these are found by.

    To be called before anything of them is deleted, and after anything is added.
    """
    certificates, addresses, identities = schema.certificates.c, schema.addresses.c, schema.identities.c
    alike = select(certificates.fingerprint).where(certificates.public_key_id == public_key_id)
    names = union(
        alike,
        select(addresses.address).where(addresses.fingerprint.in_(alike)),
        select(identities.value).where(identities.fingerprint.in_(alike)),
        select(literal(AUTHORITIES)).where(alike.where(certificates.is_ca).exists()),
    )
    tell(connection, public_key_id, *connection.scalars(names))


def told(connection: Connection, after: int, until: int) -> Names:
    """Return what the changes ``after`` one number ``until`` another concern."""
    if not after < until <= after + KEPT:
        return None
    wanted = select(_TABLE).where(_TABLE.c.number > after, _TABLE.c.number <= until).limit(MOST + 1)
    rows = connection.execute(wanted).all()
    complete = len({row.number for row in rows}) == until - after and len(rows) <= MOST
    return frozenset(row.name for row in rows) if complete else None
