"""How values are kept in the tables.

Times are microseconds since 1970 in UTC, the same on SQLite and PostgreSQL. Addresses stand in the form of
``mail.address.index_key``. Other foreign text is kept as ASCII JSON, for not every database takes every character.
"""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, MetaData, Text, TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return an aware datetime as it is kept."""
    return (moment - _EPOCH) // _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970 (UTC)."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else _EPOCH + value * _MICROSECOND


class ForeignText(TypeDecorator[str]):
    """Any text at all, kept as an ASCII JSON string."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """From the database."""
        return None if value is None else str(json.loads(value))


metadata = MetaData()
