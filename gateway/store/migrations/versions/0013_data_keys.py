"""Each held message is under a key of its own, so that another key-encryption key needs not read all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; what is held already stays under the key-encryption key itself."""
    op.add_column("held", sa.Column("data_key", sa.LargeBinary))
