"""Records are found by their ids, queue ids and Message-IDs, and those of one mail together."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.engine.record import from_json
from gateway.store.journal import record_names

revision = "0007"
down_revision = "0006"

AT_ONCE = 1000
_OLD = sa.table("records", sa.column("number"), sa.column("document"))
_NEW = sa.table("record_names", sa.column("number"), sa.column("kind"), sa.column("name"))


def upgrade() -> None:
    """Create the table, with the names of the records that are there."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "record_names",
        sa.Column("number", number, sa.ForeignKey("records.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
    )
    op.create_index("ix_record_names_name", "record_names", ["name", "kind"])
    last = 0
    while batch := _after(last):
        names: list[dict[str, Any]] = []
        for row in batch:
            names += record_names.rows(row.number, from_json(json.loads(row.document)))
        op.get_bind().execute(sa.insert(_NEW), names)
        last = batch[-1].number


def _after(number: int) -> list[Any]:
    wanted = sa.select(_OLD).where(_OLD.c.number > number).order_by(_OLD.c.number).limit(AT_ONCE)
    return list(op.get_bind().execute(wanted))
