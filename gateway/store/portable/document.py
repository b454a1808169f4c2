"""A store as a file: lines of JSON (RFC 8259) in ASCII, compressed (gzip, RFC 1952), ended by their own digest.

The first line says what it is; then each table is announced with its columns, and its rows follow, some in a line; the
last line has the SHA-256 of all lines before it. Octets are base64. A file that is cut, or of which one bit is another,
is ``Malformed``; against somebody who writes a whole one the digest does not help.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO, Any

import gateway
from gateway.errors import Malformed
from gateway.store import schema
from gateway.store.portable.contents import Batch

KIND, FORMAT = "smime-gateway backup", 1
LONGEST_LINE = 64 << 20
"""Octets; the largest row, a CRL of 32 MB, has 43 MB."""
_LINE = 4 << 20
"""A line ends when it has so many, about."""
_LEVEL = 1
"""Of compression: what is large is wrapped and does not shrink, records shrink to a fifth at any level."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a file says of itself. ``schema``: the store's version when it was made; ``digest``: hexadecimal."""

    made_at: datetime
    version: str
    schema: str
    rows: dict[str, int]
    digest: str


class _Lines:
    """Writes lines and knows their digest."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._digest = sha256()

    def put(self, value: Any) -> None:
        line = json.dumps(value, separators=(",", ":"), default=_text).encode("ascii") + b"\n"
        self._digest.update(line)
        self._file.write(line)

    def digest(self) -> str:
        return self._digest.hexdigest()


def write(file: IO[bytes], batches: Iterable[Batch], at: datetime) -> Summary:
    """Write all batches. Raises ``OSError``."""
    rows: dict[str, int] = {}
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed:
        lines = _Lines(packed)
        head = {"kind": KIND, "format": FORMAT, "version": gateway.__version__, "schema": schema.REVISION}
        lines.put(head | {"made_at": at.isoformat()})
        for batch in batches:
            if batch.table not in rows:
                rows[batch.table] = 0
                lines.put({"table": batch.table, "columns": batch.columns})
            rows[batch.table] += len(batch.rows)
            for some in _divided(batch.rows):
                lines.put(some)
        digest = lines.digest()
        lines.put({"rows": rows, "sha256": digest})
    return Summary(at, gateway.__version__, schema.REVISION, rows, digest)


def verify(file: IO[bytes]) -> Summary:
    """Read a whole file from its beginning and return what it says of itself. Raises ``Malformed``, ``OSError``."""
    head: dict[str, Any] | None = None
    last, digest, before = b"", sha256(), ""
    for line in _lines(file):
        head = head or _head(line)
        before = digest.hexdigest()
        digest.update(line)
        last = line
    end = _read(last) if head else None
    if head is None or not isinstance(end, dict) or not isinstance(end.get("rows"), dict):
        raise Malformed("the backup is cut off: its last line is missing")
    if end.get("sha256") != before:
        raise Malformed("the backup is damaged: its digest is another")
    made_at = datetime.fromisoformat(head["made_at"])
    return Summary(made_at, head["version"], head["schema"], end["rows"], before)


def read(file: IO[bytes]) -> Iterator[Batch]:
    """Yield the batches of a file that ``verify`` has seen, octets still in base64. Raises ``Malformed``."""
    lines = _lines(file)
    next(lines, b"")
    table, columns = "", tuple[str, ...]()
    for line in lines:
        value = _read(line)
        if isinstance(value, dict):
            if "sha256" in value:
                return
            table, columns = _announced(value)
        elif isinstance(value, list) and table:
            yield Batch(table, columns, [_row(row, len(columns)) for row in value])
        else:
            raise Malformed("the backup cannot be read: rows stand before their table")


def _divided(rows: list[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    size = 0
    for row in rows:
        length = sum(len(value) for value in row if isinstance(value, str | bytes))
        if some and size + length > _LINE:
            yield some
            some, size = [], 0
        some.append(row)
        size += length
    if some:
        yield some


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"no value of a row: {type(value).__name__}")


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            while line := packed.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE:
                    raise Malformed(f"the backup cannot be read: a line has more than {LONGEST_LINE} octets")
                yield line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Malformed("the backup is cut off, damaged, or no backup at all") from error


def _head(line: bytes) -> dict[str, Any]:
    head = _read(line)
    if not isinstance(head, dict) or head.get("kind") != KIND:
        raise Malformed("this is no backup of smime-gateway")
    if head.get("format") != FORMAT:
        raise Malformed("the backup has a form that a newer version wrote: install that version")
    try:
        datetime.fromisoformat(head["made_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("the backup cannot be read: its first line does not say when it was made") from error
    if not all(isinstance(head.get(name), str) and len(head[name]) <= 64 for name in ("version", "schema")):
        raise Malformed("the backup cannot be read: its first line does not say which version made it")
    return head


def _read(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed("the backup cannot be read: a line is no JSON") from error


def _announced(value: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    table, columns = value.get("table"), value.get("columns")
    if not isinstance(table, str) or not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise Malformed("the backup cannot be read: a table is announced without its columns")
    return table, tuple(columns)


def _row(row: Any, width: int) -> tuple[Any, ...]:
    if not isinstance(row, list) or len(row) != width:
        raise Malformed("the backup cannot be read: a row has another number of values than its table")
    return tuple(row)
