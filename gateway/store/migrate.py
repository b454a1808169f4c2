"""Bringing the schema up to date: by whoever opens the store first, safely when several processes do at once.

One cheap query tells whether there is anything to do; alembic is imported only then. All migrations run in one
transaction under a lock (SQLite: the write lock; PostgreSQL: an advisory lock), so a store is never half migrated.

A release runs on its own schema and on the next one's. So gateways of one store may be brought to a new release one
after the other; but the first of them does not migrate under those that run, unless it is told to.
"""

from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.database import Database
from gateway.store.gateways.presence import beating
from gateway.store.refusal import Misconfigured

_LOCK = 0x736D696D65  # any number, the same in all our processes
_PATIENCE = "60s"
_ALEMBIC = ("alembic.command", "alembic.config", "alembic.script")
BEATS = "0011"
"""The revision from which on gateways beat."""


def bring_up_to_date(database: Database, *, under_others: bool = False) -> None:
    """Create or migrate the schema unless it is current, or the next release's.

    ``under_others``: also while gateways of an older release run, if they can use the new one.
    Raises ``Fault`` while it has to wait for them, and ``Misconfigured`` where the store is of a later release.
    """
    if _is_current(database):
        return
    for module in _ALEMBIC:  # before the lock is taken: it takes most of the time
        import_module(module)
    with database.write() as connection:
        lock(connection)
        found = _revision(connection)
        if found == schema.REVISION:
            return
        if found is not None and found > schema.REVISION:
            _check_next(connection, found)
            return
        if found is not None and found >= BEATS:
            _check_older(connection, found, under_others)
        upgrade(connection)


def upgrade(connection: Connection, revision: str = schema.REVISION) -> None:
    """Bring the schema up to ``revision``, in the transaction of ``connection``.

    Raises ``Misconfigured`` where that is of a version that is not known.
    """
    command, config, script = map(import_module, _ALEMBIC)
    settings = config.Config(attributes={"connection": connection})
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    if revision not in {found.revision for found in script.ScriptDirectory.from_config(settings).walk_revisions()}:
        raise Misconfigured(f"the store was made by a newer version (schema {revision}): install that version")
    command.upgrade(settings, revision)
    if revision == schema.REVISION:
        connection.execute(update(schema.condition).values(release=schema.RELEASE))


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


def _check_next(connection: Connection, found: str) -> None:
    if _release(connection) > schema.RELEASE + 1:
        raise Misconfigured(f"the store was made by a newer version (schema {found}): install that version again")


def _check_older(connection: Connection, found: str, under_others: bool) -> None:
    """See that nobody runs who would find a schema that he cannot use."""
    running = [each for each in beating(connection) if not each.gone and each.schema < schema.REVISION]
    if not running:
        return
    hosts = ", ".join(sorted({each.host for each in running}))
    release = _release(connection)
    too_old = release + 1 < schema.RELEASE or (
        release < schema.RELEASE and any(each.schema < found for each in running)
    )
    if too_old:
        raise Fault(f"gateways run on this store that could not use the new schema ({hosts}): stop them first")
    if not under_others:
        raise Fault(
            f"gateways of an older version run on this store ({hosts}): 'smime-gateway store migrate' brings it up to"
            " date under them, or stop them first"
        )


def _release(connection: Connection) -> int:
    return connection.scalar(select(schema.condition.c.release)) or 0
