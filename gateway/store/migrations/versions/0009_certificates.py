"""What lists tell of certificates stands in columns; where one comes from is told apart from what was said of it; what
each change concerns.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from gateway.errors import Malformed
from gateway.pki.self_issued import read_as
from gateway.store.certificates.facts import facts
from gateway.store.columns import Moment

revision = "0009"
down_revision = "0008"

AT_ONCE = 500
_FACTS = (
    sa.Column("issuer_id", sa.String(64), nullable=False, server_default=""),
    sa.Column("serial", sa.Text, nullable=False, server_default=""),
    sa.Column("not_before", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("mail_names", sa.Text, nullable=False, server_default="[]"),
    sa.Column("key_kind", sa.String(16), nullable=False, server_default="rsa"),
    sa.Column("key_size", sa.Integer, nullable=False, server_default="0"),
    sa.Column("curve", sa.String(64)),
    sa.Column("may_sign", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("may_encrypt", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("may_seal", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("sha1", sa.String(40), nullable=False, server_default=""),
)
_SAID = (
    sa.Column("origin", sa.String(16), nullable=False, server_default="imported"),
    sa.Column("pending", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("changed_at", sa.BigInteger),
    sa.Column("changed_by", sa.Text),
)
_FILLED = ("subject_id", *(column.name for column in _FACTS))
"""Older versions had subjects as they stand in the certificate, not by value."""
_TABLE = sa.table(
    "certificates",
    sa.column("fingerprint"),
    sa.column("der", sa.LargeBinary),
    sa.column("is_ca", sa.Boolean),
    sa.column("subject_id"),
    sa.column("trust"),
    sa.column("origin"),
    sa.column("pending", sa.Boolean),
    *(sa.column(column.name, Moment if column.name == "not_before" else column.type) for column in _FACTS),
)


def upgrade() -> None:
    """Add the columns; read each certificate once for them, so many at a time that memory stays small."""
    for column in (*_FACTS, *_SAID):
        op.add_column("certificates", column)
    _tell_origins()
    last = ""
    while batch := _after(last):
        _fill([values for row in batch if (values := _values(row)) is not None])
        last = batch[-1].fingerprint
    op.create_index("ix_certificates_not_after", "certificates", ["not_after", "fingerprint"])
    op.create_index("ix_certificates_kind_not_after", "certificates", ["is_ca", "not_after", "fingerprint"])
    op.create_index("ix_certificates_trust_not_after", "certificates", ["trust", "not_after", "fingerprint"])
    # Of the changes so far nothing is told: they may have concerned anything.
    op.create_table(
        "changes",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
        sqlite_with_rowid=False,
    )


def _tell_origins() -> None:
    """``quarantined`` and ``learned`` were trust; of one that somebody has spoken of since, nothing else is known."""
    from_mail = sa.update(_TABLE).where(_TABLE.c.trust.in_(("quarantined", "learned")))
    op.execute(from_mail.values(origin="learned", pending=_TABLE.c.trust == "quarantined", trust="none"))


def _after(fingerprint: str) -> list[Any]:
    columns = (_TABLE.c.fingerprint, _TABLE.c.der, _TABLE.c.is_ca)
    wanted = sa.select(*columns).where(_TABLE.c.fingerprint > fingerprint).order_by(_TABLE.c.fingerprint)
    return list(op.get_bind().execute(wanted.limit(AT_ONCE)))


def _values(row: Any) -> dict[str, Any] | None:
    try:
        found = read_as(row.der, is_ca=row.is_ca)
    except Malformed:  # one that cannot be read any more must not keep the store shut
        return None
    told = facts(found)
    return {f"new_{name}": told[name] for name in _FILLED} | {"known": row.fingerprint}


def _fill(rows: list[dict[str, Any]]) -> None:
    filled = sa.update(_TABLE).where(_TABLE.c.fingerprint == sa.bindparam("known"))
    if rows:
        op.get_bind().execute(filled.values({name: sa.bindparam(f"new_{name}") for name in _FILLED}), rows)
