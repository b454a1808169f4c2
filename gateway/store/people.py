"""The tables of people and programs that use console and API, and of what was changed (``schema``)."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from gateway.store.columns import ForeignText, Moment, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("totp", LargeBinary),
    Column("totp_step", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("signed_in_at", Moment),
)
"""Who may sign in at the console. ``password``: its Argon2 hash. ``totp``: the secret of one-time codes, wrapped under
a key made of the store's secret. ``totp_step``: that of the code used last (RFC 6238)."""

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("complete", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
    Column("used_at", Moment, nullable=False),
    Column("client", Text, nullable=False),
    Column("agent", ForeignText, nullable=False),
)
"""Who is signed in. ``id``: SHA-256 of what the browser holds. ``complete``: no one-time code is owed any more."""

failed_sign_ins = Table(
    "failed_sign_ins",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)
"""Failures in a row. ``id``: SHA-256 of the name that was given, known or not, and the network of the client."""

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("groups", ForeignText, nullable=False),
    Column("clients", Text, nullable=False),
    Column("until", Moment),
    Column("created_at", Moment, nullable=False),
    Column("created_by", ForeignText, nullable=False),
    Column("used_at", Moment),
)
"""What programs sign in with. ``hash``: SHA-256 of the secret. ``scopes``, ``groups``, ``clients``: with line ends
between them; none of the latter two: all."""

audit = Table(
    "audit",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("actor", ForeignText, nullable=False),
    Column("verb", String(32), nullable=False),
    Column("effects", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
"""Who changed what (``audit``). ``effects``: a JSON array. ``hash``: over all the others, among them that of the row
before."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("pruned_sequence", BigInteger, nullable=False),
    Column("pruned_hash", String(64), nullable=False),
)
"""One row: the last row of ``audit``, kept apart so that its end cannot go unnoticed, and the last that was pruned."""
