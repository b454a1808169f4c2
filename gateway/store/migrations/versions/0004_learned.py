"""Certificates learned from mail, by which path, and what their owners announced."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Let certificates have capabilities and a path; create the table of what was learned."""
    op.add_column("certificates", sa.Column("capabilities", sa.Text))
    op.add_column("certificates", sa.Column("path", sa.LargeBinary))
    op.create_table(
        "learned",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("at", sa.BigInteger, index=True),
        sa.Column("until", sa.BigInteger, nullable=False),
    )
