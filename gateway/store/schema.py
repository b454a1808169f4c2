"""The tables. Migrations make them (``migrations/``); a test keeps both alike.

Of people who use console and API, and of what was changed, they stand in ``people``, those of gateways in
``gateways.tables``; ``columns`` says how values are kept. What identifies a copy in the ledger is hashed, so that no
odd byte of an envelope matters.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

from gateway.store.columns import ForeignText, Moment, metadata
from gateway.store.people import accounts as accounts
from gateway.store.people import audit as audit
from gateway.store.people import audit_head as audit_head
from gateway.store.people import failed_sign_ins as failed_sign_ins
from gateway.store.people import sessions as sessions
from gateway.store.people import tokens as tokens

REVISION = "0013"
"""The newest migration: what ``alembic_version`` says in a store that is up to date."""
RELEASE = 1
"""Counts the releases whose schemas differ: what ``condition.release`` says in a store that is up to date. A release
runs on its own schema and on the next one's, so what one adds its predecessor ignores (``migrate``)."""

version = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Alembic's own table; read here to know without alembic whether the store is up to date."""

condition = Table(
    "condition",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", BigInteger, nullable=False),
    Column("kek_check", String(64)),
    Column("secret", LargeBinary),
    Column("withdrawals", BigInteger, nullable=False, server_default="0"),
    Column("release", Integer, nullable=False, server_default="1"),
    Column("authserv_id", Text),
    Column("former_ids", Text, nullable=False, server_default="[]"),
)
"""One row. ``generation`` grows with every change of certificates and keys; ``kek_check`` recognises the right key.
``secret``: what MAC keys are derived from, under the key-encryption key. ``withdrawals`` grows with every distrust,
deletion and revocation. ``release``: whose schema this is (``migrate``). ``authserv_id``: that of all gateways;
``former_ids``: those it had before, as JSON."""

changes = Table(
    "changes",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""What each of the last changes concerns (``changes``). ``number``: the generation from then on."""

certificates = Table(
    "certificates",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("der", LargeBinary, nullable=False),
    Column("public_key_id", String(64), nullable=False, index=True),
    Column("subject_id", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("is_ca", Boolean, nullable=False),
    Column("trust", String(16), nullable=False),
    Column("capabilities", Text),
    Column("path", LargeBinary),
    Column("added_at", Moment),
    Column("issuer_id", String(64), nullable=False, server_default=""),
    Column("serial", Text, nullable=False, server_default=""),
    Column("not_before", Moment, nullable=False, server_default="0"),
    Column("mail_names", Text, nullable=False, server_default="[]"),
    Column("key_kind", String(16), nullable=False, server_default="rsa"),
    Column("key_size", Integer, nullable=False, server_default="0"),
    Column("curve", String(64)),
    Column("may_sign", Boolean, nullable=False, server_default=false()),
    Column("may_encrypt", Boolean, nullable=False, server_default=false()),
    Column("may_seal", Boolean, nullable=False, server_default=false()),
    Column("sha1", String(40), nullable=False, server_default=""),
    Column("origin", String(16), nullable=False, server_default="imported"),
    Column("pending", Boolean, nullable=False, server_default=false()),
    Column("changed_at", Moment),
    Column("changed_by", Text),
    Column("approved", Boolean, nullable=False, server_default=false()),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("waits", String(16)),
    Column("dnssec", Boolean, nullable=False, server_default=false()),
    Column("source", String(64)),
    Index("ix_certificates_is_ca", "is_ca", "subject_id"),
    Index("ix_certificates_not_after", "not_after", "fingerprint"),
    Index("ix_certificates_kind_not_after", "is_ca", "not_after", "fingerprint"),
    Index("ix_certificates_trust_not_after", "trust", "not_after", "fingerprint"),
)
"""What lists tell stands in columns (``certificates.facts``), so that they read no certificate. ``subject_id``,
``issuer_id``: SHA-256 of these names by value (``pki.need.name_id``). ``is_ca``: false, too, where a CA
certificate is a person's (``pki.self_issued``). ``capabilities``: names of the content ciphers that the owner announced
in a signature, with blanks between them; None: he never did. ``path``: the intermediates above one that was learned,
nearest first, in a SEQUENCE; None: none were shown. ``added_at``: when it was stored; None: before that was noted.
``origin``, ``trust``, ``pending``, ``approved``, ``pinned``, ``waits``, ``dnssec``, ``source``: what is said of it
(``certificates.said``); ``changed_at``, ``changed_by``: when and by whom that was said last, None: before that was
noted."""

learned = Table(
    "learned",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("at", Moment, index=True),
    Column("until", Moment, nullable=False),
)
"""Certificates that are not to be learned from mail again: learned ``at`` that time, or, without one, deleted by an
administrator. ``until``: when the certificate expires."""

lookups = Table(
    "lookups",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("result", String(16), nullable=False),
    Column("due", Moment, nullable=False),
    Index("ix_lookups_address", "address"),
    sqlite_with_rowid=False,
)
"""What each source said last of an address, and when. ``due``: when it may be asked again."""

addresses = Table(
    "addresses",
    metadata,
    Column("address", Text, primary_key=True),
    Column("fingerprint", ForeignKey("certificates.fingerprint", ondelete="CASCADE"), primary_key=True, index=True),
)
"""Which leaf holds which address."""

identities = Table(
    "identities",
    metadata,
    Column("value", String(64), primary_key=True),
    Column("fingerprint", ForeignKey("certificates.fingerprint", ondelete="CASCADE"), primary_key=True, index=True),
)
"""By which names messages may know each certificate (``identities``)."""

keys = Table(
    "keys",
    metadata,
    Column("public_key_id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("size", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("protected", LargeBinary),
)
"""``wrapped``: the PKCS#8 under the key-encryption key. ``protected``: likewise the form it leaves in, if it came with
a passphrase."""

records = Table(
    "records",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(64), nullable=False),
    Column("received_at", Moment, nullable=False, index=True),
    Column("direction", String(16), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("signature", String(32)),
    Column("encryption", String(32)),
    Column("document", Text, nullable=False),
    sqlite_autoincrement=True,
)
"""The journal: ``document`` is the record as JSON, the other columns are what it is looked up by."""

record_addresses = Table(
    "record_addresses",
    metadata,
    Column("number", ForeignKey("records.number", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Index("ix_record_addresses_address", "address"),
)
"""Sender, From and recipients of each record."""

record_names = Table(
    "record_names",
    metadata,
    Column("number", ForeignKey("records.number", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("name", String(64), primary_key=True),
    Index("ix_record_names_name", "name", "kind"),
)
"""What each record is called, and what it goes with (``record_names``)."""

ledger = Table(
    "ledger",
    metadata,
    Column("mail", LargeBinary(32), primary_key=True),
    Column("recipient", LargeBinary(32), primary_key=True),
    Column("owner", String(320), primary_key=True),
    Column("released", Boolean, nullable=False),
    Column("at", Moment, nullable=False, index=True),
)
"""Copies taken in transactions without our 250. ``mail``: hash of content digest, door and sender. ``owner``: the
process, host/pid/start."""

held = Table(
    "held",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("received_at", Moment, nullable=False, index=True),
    Column("sender", LargeBinary(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("facts", Text, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("due", Moment, nullable=False),
    Column("owner", String(320)),
    Column("attempts", Integer, nullable=False),
    Column("crashes", Integer, nullable=False),
    Column("asked", Boolean, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("note", ForeignText),
    Column("door", Text),
    Column("data_key", LargeBinary),
    Index("ix_held_state_due", "state", "due"),
    Index("ix_held_sender_size", "sender", "size"),
)
"""Mail kept to be tried again. ``sender``: hash, for counting. ``facts``: what does not change, as JSON; the content is
bound to it. ``door``: by which it came; None: an older version kept it. ``due``: when a ``ready`` one may be tried, and
until when one is leased to its ``owner``. ``generation``: the one it was last judged under.
``data_key``: what its content is under (``held.data_keys``)."""

held_content = Table(
    "held_content",
    metadata,
    Column("held", ForeignKey("held.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
"""The content in pieces, each under the key-encryption key."""

held_needs = Table(
    "held_needs",
    metadata,
    Column("held", ForeignKey("held.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("text", ForeignText, nullable=False),
    Index("ix_held_needs_value", "value", "kind"),
)
"""What would help each (``pki.need``)."""

opened_mail = Table(
    "opened_mail",
    metadata,
    Column("name", LargeBinary(16), primary_key=True),
    Column("author", LargeBinary(16), primary_key=True),
    Column("setting", String(16), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""Hashes of the names of mail that was opened, by which an answer may know it, and of its author. ``setting``: the
strictest ``replies_to_encrypted`` of the groups it was opened for."""

plain_mail = Table(
    "plain_mail",
    metadata,
    Column("name", LargeBinary(16), primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""Hashes of the names of mail that came in plain."""

content_keys = Table(
    "content_keys",
    metadata,
    Column("wrapped", LargeBinary(32), primary_key=True),
    Column("content", LargeBinary(32), nullable=False),
    Column("record", String(64), nullable=False),
    Column("at", Moment, nullable=False, index=True),
    sqlite_with_rowid=False,
)
"""MACs of wrapped content keys, each with the hash of what it opened first, and the record of that."""

failed_decryptions = Table(
    "failed_decryptions",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_failed_decryptions_key_at", "key", "at"),
)
"""Decryptions of the last hour that failed. ``key``: id of the public key."""

revocation_lists = Table(
    "revocation_lists",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("scope", String(64), nullable=False, unique=True),
    Column("der", LargeBinary, nullable=False),
    Column("url", Text),
)
"""CRLs; ``scope`` names the series of which only the newest is kept. ``url``: where one was fetched, and then ``scope``
is the source; None: it was imported."""

revocation_sources = Table(
    "revocation_sources",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("url", Text, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("due", Moment, nullable=False, index=True),
    Column("failures", Integer, nullable=False),
)
"""Where evidence of revocation is fetched (``pki.sources``). ``path``: the certificate that named it and those above it
in a SEQUENCE. ``due``: when to fetch next. ``failures``: in a row."""

status_responses = Table(
    "status_responses",
    metadata,
    Column("certificate", String(64), primary_key=True),
    Column("is_ca", Boolean, nullable=False),
    Column("until", Moment, nullable=False),
    Column("der", LargeBinary, nullable=False),
)
"""OCSP responses, by the fingerprint of the certificate each is about."""
