"""Held mail, Message-IDs of mail that arrived encrypted, CRLs, by which names messages know certificates."""

import sqlalchemy as sa
from alembic import op

from gateway.errors import Malformed
from gateway.pki.certificate import read_certificate
from gateway.store.certificates.identities import index_values

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables that inbound mail needs."""
    _held()
    _parts_of_held()
    _message_ids()
    _revocation_lists()
    _identities()
    _fill_identities(op.get_bind())


def _held() -> None:
    op.create_table(
        "held",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("received_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("sender", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(320)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("crashes", sa.Integer, nullable=False),
        sa.Column("asked", sa.Boolean, nullable=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text),
    )
    op.create_index("ix_held_state_due", "held", ["state", "due"])
    op.create_index("ix_held_sender_size", "held", ["sender", "size"])


def _parts_of_held() -> None:
    op.create_table(
        "held_content",
        sa.Column("held", sa.String(32), sa.ForeignKey("held.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "held_needs",
        sa.Column("held", sa.String(32), sa.ForeignKey("held.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("value", sa.String(64), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_held_needs_value", "held_needs", ["value", "kind"])


def _message_ids() -> None:
    op.create_table(
        "message_ids",
        sa.Column("id", sa.LargeBinary(16), primary_key=True),
        sa.Column("encrypted", sa.Boolean, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_message_ids_at", "message_ids", ["encrypted", "at"])


def _revocation_lists() -> None:
    op.create_table(
        "revocation_lists",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("scope", sa.String(64), nullable=False, unique=True),
        sa.Column("der", sa.LargeBinary, nullable=False),
    )


def _identities() -> None:
    holder = sa.ForeignKey("certificates.fingerprint", ondelete="CASCADE")
    op.create_table(
        "identities",
        sa.Column("value", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String(64), holder, primary_key=True, index=True),
    )
    op.create_index("ix_certificates_is_ca", "certificates", ["is_ca", "subject_id"])


def _fill_identities(connection: sa.Connection) -> None:
    certificates = sa.table("certificates", sa.column("fingerprint"), sa.column("der", sa.LargeBinary))
    identities = sa.table("identities", sa.column("value"), sa.column("fingerprint"))
    stored = connection.execute(sa.select(certificates), execution_options={"yield_per": 500})
    for some in stored.partitions():
        rows = [{"value": value, "fingerprint": row.fingerprint} for row in some for value in _values(row.der)]
        if rows:
            connection.execute(sa.insert(identities), rows)


def _values(der: bytes) -> frozenset[str]:
    try:
        return index_values(read_certificate(der))
    except Malformed:  # one that cannot be read any more must not keep the store shut
        return frozenset()
