"""The journal counted: what came since a time, which costs what came since then and nothing of what is older."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, func, select, type_coerce

from gateway.store import schema
from gateway.store.database import Database
from gateway.store.journal import record_names

SECONDS = 3600
_HOUR = SECONDS * 1_000_000
"""In the unit of the columns that hold times."""
_TABLE = schema.records.c


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` records that are alike, received within the hour that begins at ``hour``."""

    hour: datetime
    direction: str
    verdict: str
    signature: str | None
    encryption: str | None
    count: int


def count_records(database: Database, since: datetime, groups: Sequence[str] | None = None) -> list[Share]:
    """Count what was received from that time on, by hour and by what became of it; ``groups``: only theirs.

    Raises ``Fault``.
    """
    hour = type_coerce(_TABLE.received_at, BigInteger) // _HOUR
    alike = (hour, _TABLE.direction, _TABLE.verdict, _TABLE.signature, _TABLE.encryption)
    query = select(*alike, func.count()).where(*_since(since, groups)).group_by(*alike)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [Share(datetime.fromtimestamp(row[0] * SECONDS, UTC), *row[1:]) for row in rows]


def latest(
    database: Database,
    since: datetime,
    groups: Sequence[str] | None = None,
    *,
    limit: int,
    **columns: str,
) -> list[dict[str, Any]]:
    """Return at most ``limit`` records received from that time on, newest first, whose ``columns`` say so.

    Raises ``Fault``.
    """
    alike = [_TABLE[name] == value for name, value in columns.items()]
    query = select(_TABLE.document).where(*_since(since, groups), *alike).order_by(_TABLE.received_at.desc())
    with database.read() as connection:
        return [json.loads(document) for document in connection.scalars(query.limit(limit))]


def _since(since: datetime, groups: Sequence[str] | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_TABLE.received_at >= since]
    return conditions if groups is None else [*conditions, _TABLE.number.in_(record_names.of_groups(groups))]
