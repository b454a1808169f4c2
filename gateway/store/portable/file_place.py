"""SQLite: a new file beside the old one takes its place by one rename(2), when it is full and on disk.

For so long the old one is locked; that finds out whoever has it open, too.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.store import files
from gateway.store.database import scratch_database
from gateway.store.portable.places import Claim, Filling, in_use

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


@contextmanager
def filled_file(path: Path, claim: Claim) -> Iterator[Filling]:
    """Give an empty store to fill, which is ``path`` at the end.

    Raises ``Fault`` where somebody has it open, ``Misconfigured`` where it is not empty, ``NotPermitted``.
    """
    new = path.with_name(f"{path.name}.new")
    with _shut(path, claim) as there:
        new.unlink(missing_ok=True)
        files.touch_file(new)
        files.secure_file(new)  # in a folder that others write to it may be there again, theirs
        database = scratch_database(new)
        try:
            with database.write() as connection:
                filling = Filling(connection)
                yield filling
            database.close()
            files.sync(new)
            if there and claim.replace:
                filling.kept = str(_put_aside(path, claim.name()))
            new.rename(path)
            files.sync(path.parent)
        except BaseException:
            database.close()
            new.unlink(missing_ok=True)
            raise


@contextmanager
def _shut(path: Path, claim: Claim) -> Iterator[bool]:
    """Keep everybody else out of the file, empty where there is none yet; say whether there is one."""
    there = files.secure_file(path)
    files.touch_file(path)
    connection = sqlite3.connect(path, timeout=1.0, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = DELETE")  # what the write-ahead log holds comes into the file
        connection.execute("BEGIN EXCLUSIVE")
        claim.check([name for (name,) in connection.execute(_TABLES)], lambda table: _has_rows(connection, table))
    except sqlite3.OperationalError as error:
        connection.close()
        raise in_use() from error
    except sqlite3.DatabaseError as error:
        connection.close()
        if not claim.replace:
            raise claim.refusal("it is damaged") from error
    except BaseException:
        connection.close()
        raise
    try:
        yield there
    finally:
        connection.close()


def _has_rows(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchone() is not None  # noqa: S608 - ours


def _put_aside(path: Path, name: str) -> Path:
    """Give the old file, whose name is to be taken away, a second one; so there is a store at every moment."""
    kept = path.with_name(f"{path.name}.replaced-{name}")
    os.link(path, kept)
    for suffix in ("-wal", "-shm"):  # of a damaged one: beside the new file they would spoil it
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept
