"""The three verbs: a store into a file, a file into a store, a store into another database."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import make_url

from gateway.store import files, schema
from gateway.store.database import SQLITE_NAME, Database
from gateway.store.keys.place import KeyPlace
from gateway.store.opening import StoreOptions
from gateway.store.portable import contents, document
from gateway.store.portable.contents import Batch
from gateway.store.portable.document import Summary
from gateway.store.portable.file_place import filled_file
from gateway.store.portable.filling import fill
from gateway.store.portable.places import Claim, Filling
from gateway.store.portable.server_place import filled_database
from gateway.store.refusal import Misconfigured

UNDER_THE_KEY = {"keys", "held", "held_content", "held_needs", "content_keys"}
"""Tables of which nothing is of use without the key-encryption key under which their rows were made."""
_SQLITE = "sqlite:"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. ``kept``: where the replaced store is; None: there was none, or it was empty."""

    summary: Summary
    kept: str | None


def back_up(database: Database, file: IO[bytes], at: datetime) -> Summary:
    """Write the store, as it is at one moment, while others go on writing. Raises ``Fault``, ``OSError``."""
    with database.snapshot() as connection:
        return document.write(file, contents.read(connection), at)


def restore(options: StoreOptions, file: IO[bytes], claim: Claim, *, with_keys: bool = True) -> Restored:
    """Fill the store of ``options`` from a backup, all of it or nothing; ``file`` can be read twice.

    ``with_keys``: else private keys, held mail and whatever else is of no use without the key-encryption key stay out.
    Raises ``Malformed`` for a file that is damaged; ``Fault`` where somebody uses the store; ``Misconfigured`` where it
    is not empty, where the key is not the backup's, and for a backup of a newer version; ``NotPermitted``.
    """
    files.become_owner(options.state)
    files.secure_folder(options.state)
    summary = document.verify(file)
    batches = document.read(file)
    key = KeyPlace(options.key_encryption_key, options.state)
    batches = _opened_by(key, batches) if with_keys else _without_keys(batches)
    with _place(options.database, options.state / SQLITE_NAME, claim) as filling:
        fill(filling.connection, summary.schema, batches)
    return Restored(summary, filling.kept)


def move(source: Database, url: str, claim: Claim) -> dict[str, int]:
    """Fill an empty store elsewhere with what ``source`` holds; return the number of rows of each table.

    ``url``: ``postgresql+psycopg://…`` or ``sqlite:PATH``. Raises ``Fault``, ``Misconfigured``, ``NotPermitted``.
    """
    path = Path(url.removeprefix(_SQLITE))
    database = "sqlite" if url.startswith(_SQLITE) else url
    if database == "sqlite" and (not path.name or not path.parent.is_dir()):
        raise Misconfigured(f"{url}: write sqlite:PATH, in a folder that exists")
    rows: dict[str, int] = {}
    with source.snapshot() as reading, _place(database, path, claim) as filling:
        fill(filling.connection, schema.REVISION, _counted(contents.read(reading), rows))
    return rows


def shown(url: str) -> str:
    """Return the URL without its password."""
    return url if url.startswith(_SQLITE) else make_url(url).render_as_string(hide_password=True)


def _place(database: str, path: Path, claim: Claim) -> AbstractContextManager[Filling]:
    return filled_file(path, claim) if database == "sqlite" else filled_database(database, claim)


def _counted(batches: Iterable[Batch], rows: dict[str, int]) -> Iterator[Batch]:
    for batch in batches:
        rows[batch.table] = rows.get(batch.table, 0) + len(batch.rows)
        yield batch


def _opened_by(key: KeyPlace, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Pass all of it on, if ``key`` is that under which it is. Raises ``Misconfigured``."""
    for batch in batches:
        for values in _conditions(batch):
            if isinstance(check := values.get("kek_check"), str):
                key.right(check)
        yield batch


def _without_keys(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Pass on what can be used under another key-encryption key."""
    for batch in batches:
        if batch.table == schema.condition.name:
            nothing = {"kek_check": None, "secret": None}
            rows = [tuple((values | nothing)[name] for name in batch.columns) for values in _conditions(batch)]
            yield Batch(batch.table, batch.columns, rows)
        elif batch.table not in UNDER_THE_KEY:
            yield batch


def _conditions(batch: Batch) -> list[dict[str, contents.Value]]:
    if batch.table != schema.condition.name:
        return []
    return [dict(zip(batch.columns, row, strict=True)) for row in batch.rows]
