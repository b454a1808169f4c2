"""Bringing the schema up to date: by whoever opens the store first, safely when several processes do at once.

One cheap query tells whether there is anything to do; alembic is imported only then. All migrations run in one
transaction under a lock (SQLite: the write lock; PostgreSQL: an advisory lock), so a store is never half migrated.
"""

from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.exc import DBAPIError

from gateway.store import schema
from gateway.store.database import Database
from gateway.store.refusal import Misconfigured

_LOCK = 0x736D696D65  # any number, the same in all our processes
_PATIENCE = "60s"
_ALEMBIC = ("alembic.command", "alembic.config", "alembic.script")


def bring_up_to_date(database: Database) -> None:
    """Create or migrate the schema unless it is current. Raises ``Fault``, ``Misconfigured``."""
    if _is_current(database):
        return
    for module in _ALEMBIC:  # before the lock is taken: it takes most of the time
        import_module(module)
    with database.write() as connection:
        lock(connection)
        if _revision(connection) != schema.REVISION:
            upgrade(connection, "head")


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the schema up to ``revision`` (``head``: this version's), in the transaction of ``connection``.

    Raises ``Misconfigured`` where it, or what is there, is of a version that is not known.
    """
    command, config, script = map(import_module, _ALEMBIC)
    settings = config.Config(attributes={"connection": connection})
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {found.revision for found in script.ScriptDirectory.from_config(settings).walk_revisions()} | {"head"}
    for wanted in (_revision(connection), revision):
        if wanted is not None and wanted not in known:
            raise Misconfigured(f"the store was made by a newer version (schema {wanted}): install that version again")
    command.upgrade(settings, revision)


def _is_current(database: Database) -> bool:
    with database.read() as connection:
        try:
            return connection.scalar(select(schema.version.c.version_num)) == schema.REVISION
        except DBAPIError:  # no such table; anything worse shows again, and is reported, when the lock is taken
            return False


def lock(connection: Connection) -> None:
    """Stand in line with all who make or change the schema, until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema.version.name):
        return None
    return connection.scalar(select(schema.version.c.version_num))
