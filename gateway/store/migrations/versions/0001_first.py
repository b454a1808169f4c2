"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the first release."""
    _condition()
    _certificates()
    _keys()
    _records()
    _ledger()


def _condition() -> None:
    condition = op.create_table(
        "condition",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("kek_check", sa.String(64)),
    )
    op.bulk_insert(condition, [{"id": 1, "generation": 1}])


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
        sa.Column("public_key_id", sa.String(64), nullable=False, index=True),
        sa.Column("subject_id", sa.String(64), nullable=False, index=True),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("not_after", sa.BigInteger, nullable=False),
        sa.Column("is_ca", sa.Boolean, nullable=False),
        sa.Column("trust", sa.String(16), nullable=False),
    )
    holder = sa.ForeignKey("certificates.fingerprint", ondelete="CASCADE")
    op.create_table(
        "addresses",
        sa.Column("address", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.String(64), holder, primary_key=True, index=True),
    )


def _keys() -> None:
    op.create_table(
        "keys",
        sa.Column("public_key_id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("protected", sa.LargeBinary),
    )


def _records() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "records",
        sa.Column("number", number, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("signature", sa.String(32)),
        sa.Column("encryption", sa.String(32)),
        sa.Column("document", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "record_addresses",
        sa.Column("number", number, sa.ForeignKey("records.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("address", sa.Text, primary_key=True),
    )
    op.create_index("ix_record_addresses_address", "record_addresses", ["address"])


def _ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("mail", sa.LargeBinary(32), primary_key=True),
        sa.Column("recipient", sa.LargeBinary(32), primary_key=True),
        sa.Column("owner", sa.String(320), primary_key=True),
        sa.Column("released", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
    )
