"""The content of held mail on disk: in pieces, each wrapped under the key-encryption key for this purpose alone.

A piece is bound to its message, its place and the message's size and facts (``label``), so that nobody who can write
to the database but lacks the key can put one mail's content under another's recipients. Pieces keep the memory that
is needed beside the content itself small, with every database.
"""

from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from io import BytesIO

from sqlalchemy import Connection, insert, select, update

from gateway.errors import Fault, Malformed
from gateway.store import schema
from gateway.store.keys.key_encryption_key import KeyEncryptionKey

PIECE = 1 << 20
PURPOSE = "held mail"
_TABLE = schema.held_content


def label(held: str, size: int, facts: str) -> str:
    """Return what the pieces of one message are bound to."""
    return f"{held}/{size}/{sha256(facts.encode()).hexdigest()}"


def write(connection: Connection, key: KeyEncryptionKey, held: str, name: str, content: bytes) -> None:
    """Store ``content`` under ``name``, a ``label``."""
    for number, piece in enumerate(_pieces(content)):
        wrapped = key.wrap(piece, PURPOSE, f"{name}/{number}")
        connection.execute(insert(_TABLE).values(held=held, number=number, wrapped=wrapped))


def read(connection: Connection, key: KeyEncryptionKey, held: str, name: str, size: int) -> bytes:
    """Return what was stored under ``name``. Raises ``Malformed`` where it is not there as it was written."""
    query = select(_TABLE.c.number, _TABLE.c.wrapped).where(_TABLE.c.held == held).order_by(_TABLE.c.number)
    content = BytesIO()  # gives its bytes away without a copy
    with connection.execute(query, execution_options={"yield_per": 1}) as rows:
        for number, row in enumerate(rows):
            try:
                content.write(key.unwrap(row.wrapped, PURPOSE, f"{name}/{number}"))
            except Fault as error:
                raise Malformed("its stored content is damaged") from error
    if content.tell() != size:
        raise Malformed("its stored content is not whole")
    return content.getvalue()


def rewrap(connection: Connection, held: str, name: str, old: KeyEncryptionKey, new: KeyEncryptionKey) -> None:
    """Put what was stored under ``name`` from one key under another; a damaged piece stays, and stays damaged."""
    numbers = list(connection.scalars(select(_TABLE.c.number).where(_TABLE.c.held == held)))
    for number in numbers:
        this = _TABLE.c.held == held, _TABLE.c.number == number
        wrapped = connection.scalar(select(_TABLE.c.wrapped).where(*this)) or b""
        with suppress(Fault):
            piece = old.unwrap(wrapped, PURPOSE, f"{name}/{number}")
            again = new.wrap(piece, PURPOSE, f"{name}/{number}")
            connection.execute(update(_TABLE).where(*this).values(wrapped=again))


def _pieces(content: bytes) -> Iterator[memoryview]:
    view = memoryview(content)
    for start in range(0, len(content), PIECE):
        yield view[start : start + PIECE]
