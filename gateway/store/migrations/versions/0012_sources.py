"""What sources of certificates said, and what becomes of what they have."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Nobody was asked so far; nothing is pinned or approved by hand."""
    for column in (
        sa.Column("approved", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("waits", sa.String(16)),
        sa.Column("dnssec", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("source", sa.String(64)),
    ):
        op.add_column("certificates", column)
    op.create_table(
        "lookups",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_lookups_at", "lookups", ["at"])
    op.create_index("ix_lookups_address", "lookups", ["address"])
