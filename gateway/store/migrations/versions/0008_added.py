"""When each certificate was stored."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Leave it unknown of those that are there."""
    op.add_column("certificates", sa.Column("added_at", sa.BigInteger))
