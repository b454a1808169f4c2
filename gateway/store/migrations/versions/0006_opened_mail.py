"""Opened mail with its author and the setting for answers to it, plain mail beside it; a count of withdrawals."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Count withdrawals; let Message-IDs be remembered as often as they come, encrypted and plain apart."""
    op.add_column("condition", sa.Column("withdrawals", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "opened_mail",
        sa.Column("name", sa.LargeBinary(16), primary_key=True),
        sa.Column("author", sa.LargeBinary(16), primary_key=True),
        sa.Column("setting", sa.String(16), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "plain_mail",
        sa.Column("name", sa.LargeBinary(16), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sqlite_with_rowid=False,
    )
    before = sa.table("message_ids", sa.column("id"), sa.column("encrypted", sa.Boolean), sa.column("at"))
    # Who wrote it, and for whom it was opened, was not noted: the group that answers says what counts.
    nobody, ignore = sa.literal(b"", sa.LargeBinary).label("author"), sa.literal("ignore").label("setting")
    opened = sa.select(before.c.id, nobody, ignore, before.c.at).where(before.c.encrypted)
    op.execute(sa.insert(sa.table("opened_mail", *map(sa.column, _OPENED))).from_select(_OPENED, opened))
    plain = sa.select(before.c.id, before.c.at).where(~before.c.encrypted)
    op.execute(sa.insert(sa.table("plain_mail", *map(sa.column, _PLAIN))).from_select(_PLAIN, plain))
    op.drop_table("message_ids")


_OPENED = ["name", "author", "setting", "at"]
_PLAIN = ["name", "at"]
