"""Stores as older versions made them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import alembic.command
import alembic.config

from gateway.store import StoreOptions, migrate
from gateway.store.database import Database, open_database


@contextmanager
def older_store(options: StoreOptions, revision: str) -> Iterator[Database]:
    """Make a store with the schema of that revision, and yield its database to be filled."""
    options.state.mkdir(mode=0o700)
    if options.database == "sqlite":
        (options.state / "store.db").touch(mode=0o600)
    database = open_database(options.database, options.state, durable=True, wait=1)
    with database.write() as connection:
        settings = alembic.config.Config(attributes={"connection": connection})
        settings.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
        alembic.command.upgrade(settings, revision)
    yield database
    database.close()
