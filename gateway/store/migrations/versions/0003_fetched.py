"""Fetched CRLs and OCSP responses, and where they are fetched from."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Let CRLs have a source; create the tables of sources and of OCSP responses."""
    op.add_column("revocation_lists", sa.Column("url", sa.Text))
    op.create_table(
        "revocation_sources",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False, index=True),
        sa.Column("failures", sa.Integer, nullable=False),
    )
    op.create_table(
        "status_responses",
        sa.Column("certificate", sa.String(64), primary_key=True),
        sa.Column("is_ca", sa.Boolean, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )
