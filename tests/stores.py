"""Stores for tests that are not about how one is made: the migrations run once, then the file is copied."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import event

from gateway.store import Store
from gateway.store.database import SQLITE_NAME, open_database
from gateway.store.migrate import bring_up_to_date


def ready(state: Path) -> Path:
    """Make the state directory of an empty SQLite store whose schema is current, unless it is there; return it."""
    if not state.exists():
        state.mkdir(mode=0o700)
        database = state / SQLITE_NAME
        database.touch(mode=0o600)
        database.write_bytes(_empty())
    return state


def migrate(database: str, state: Path) -> None:
    """Bring a database's schema up to date; ``database`` and ``state`` are the options of these names."""
    opened = open_database(database, state, durable=False, wait=5.0)
    bring_up_to_date(opened)
    opened.close()


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        migrate("sqlite", Path(folder))
        return (Path(folder) / SQLITE_NAME).read_bytes()


def carried_out(store: Store) -> list[str]:
    """Return a list of what SQLite carries out for this store from now on, statement by statement."""
    statements: list[str] = []
    event.listen(store.database.engine, "checkout", lambda sqlite, *_: sqlite.set_trace_callback(statements.append))
    return statements
