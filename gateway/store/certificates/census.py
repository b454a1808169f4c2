"""How many certificates there are: counted in the database, for metrics; no certificate is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, literal, select

from gateway.store import schema
from gateway.store.certificates.said import Trust
from gateway.store.database import Database


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` certificates that are alike. ``band``: how many of the bounds that were asked for they outlive."""

    is_ca: bool
    has_key: bool
    distrusted: bool
    pending: bool
    band: int
    count: int


def count_certificates(database: Database, bounds: Sequence[datetime]) -> list[Share]:
    """Return all certificates by kind, trust and how many of the ``bounds`` they outlive. Raises ``Fault``."""
    table, keys = schema.certificates, schema.keys
    has_key = keys.c.public_key_id.is_not(None)
    outlived: list[ColumnElement[int]] = [case((table.c.not_after >= bound, 1), else_=0) for bound in bounds]
    columns = (
        table.c.is_ca.label("is_ca"),
        case((has_key, 1), else_=0).label("has_key"),
        case((table.c.trust == Trust.DISTRUSTED, 1), else_=0).label("distrusted"),
        case((and_(table.c.pending, table.c.trust == Trust.NONE), 1), else_=0).label("pending"),
        sum(outlived, start=literal(0)).label("band"),
    )
    each = select(*columns).select_from(table.outerjoin(keys, keys.c.public_key_id == table.c.public_key_id)).subquery()
    query = select(each, func.count()).group_by(*each.c)
    with database.read() as connection:
        return [Share(*map(bool, row[:4]), *row[4:]) for row in connection.execute(query)]


def count_pending(database: Database) -> int:
    """Return how many certificates wait for somebody to approve them. Raises ``Fault``."""
    table = schema.certificates.c
    query = select(func.count()).where(table.trust == Trust.NONE, table.pending)
    with database.read() as connection:
        return connection.scalar(query) or 0
