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


def bring_up_to_date(database: Database) -> None:
    """Create or migrate the schema unless it is current. Raises ``Fault``, ``Misconfigured``."""
    if _is_current(database):
        return
    # Imported before the lock is taken: it takes most of the time.
    command, config = import_module("alembic.command"), import_module("alembic.config")
    with database.write() as connection:
        _lock(connection)
        if _revision(connection) == schema.REVISION:
            return
        settings = config.Config(attributes={"connection": connection})
        settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        _check_known(connection, settings)
        command.upgrade(settings, "head")


def _is_current(database: Database) -> bool:
    with database.read() as connection:
        try:
            return connection.scalar(select(schema.version.c.version_num)) == schema.REVISION
        except DBAPIError:  # no such table; anything worse shows again, and is reported, when the lock is taken
            return False


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{_PATIENCE}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(schema.version.name):
        return None
    return connection.scalar(select(schema.version.c.version_num))


def _check_known(connection: Connection, settings: object) -> None:
    known = {
        script.revision
        for script in import_module("alembic.script").ScriptDirectory.from_config(settings).walk_revisions()
    }
    found = _revision(connection)
    if found is not None and found not in known:
        raise Misconfigured(f"the store was made by a newer version (schema {found}): install that version again")
