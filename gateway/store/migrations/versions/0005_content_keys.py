"""Wrapped content keys and what they opened, failed decryptions, and the secret that MAC keys are derived from."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Let the store have a secret; create the tables of content keys and of failed decryptions."""
    op.add_column("condition", sa.Column("secret", sa.LargeBinary))
    op.create_table(
        "content_keys",
        sa.Column("wrapped", sa.LargeBinary(32), primary_key=True),
        sa.Column("content", sa.LargeBinary(32), nullable=False),
        sa.Column("record", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failed_decryptions",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_failed_decryptions_key_at", "failed_decryptions", ["key", "at"])
