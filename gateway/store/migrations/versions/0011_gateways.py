"""Gateways that share a store know of each other: who runs, who was elected, under which id all of them judge."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the tables; nobody is in them until he beats."""
    op.create_table(
        "gateways",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("process", sa.String(320), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("schema", sa.String(32), nullable=False),
        sa.Column("processes", sa.Integer, nullable=False),
        sa.Column("doors", sa.Text, nullable=False),
        sa.Column("policy", sa.String(64), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("beat_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "elected",
        sa.Column("duty", sa.String(16), primary_key=True),
        sa.Column("gateway", sa.String(32), nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
    op.add_column("condition", sa.Column("release", sa.Integer, nullable=False, server_default="1"))
    op.add_column("condition", sa.Column("authserv_id", sa.Text))
    op.add_column("condition", sa.Column("former_ids", sa.Text, nullable=False, server_default="[]"))
    op.add_column("held", sa.Column("door", sa.Text))
