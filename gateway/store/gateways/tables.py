"""The tables of this room."""

from sqlalchemy import Column, Integer, String, Table, Text

from gateway.store.columns import Moment, metadata

gateways = Table(
    "gateways",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("process", String(320), nullable=False),
    Column("version", String(32), nullable=False),
    Column("schema", String(32), nullable=False),
    Column("processes", Integer, nullable=False),
    Column("doors", Text, nullable=False),
    Column("policy", String(64), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False),
)
"""Who runs on this store (``gateways``), each from its start to its end. ``process``: its supervisor, host/pid/start.
``schema``: the newest revision it knows. ``doors``: their names, as JSON. Times are the database's."""

elected = Table(
    "elected",
    metadata,
    Column("duty", String(16), primary_key=True),
    Column("gateway", String(32), nullable=False),
    Column("until", Moment, nullable=False),
)
"""Which gateway does what only one may, and until when it is its; by the database's clock."""
