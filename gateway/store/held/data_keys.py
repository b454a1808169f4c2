"""The key of each held message, under which its pieces are, itself under the key-encryption key.

So a rotation wraps so many keys anew, and no content. What an older version kept has none: its pieces are under the
key-encryption key itself.
"""

from sqlalchemy import Connection, select, update

from gateway.errors import Fault, Malformed
from gateway.store import schema
from gateway.store.held import pieces
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.keys.wrapping import KEK_CHECK, Wrapping
from gateway.store.refusal import Misconfigured, NotPermitted

_PURPOSE = "data key of held mail"
_TABLE = schema.held.c


def wrapped(kek: KeyEncryptionKey, held: str, own: KeyEncryptionKey) -> bytes:
    """Return the key of the message ``held`` for its row."""
    return kek.wrap(own.encode(), _PURPOSE, held)


def opened(connection: Connection, wrapping: Wrapping, held: str) -> KeyEncryptionKey:
    """Return what the pieces of a message are under. Raises ``Malformed`` where that is damaged, ``Fault``."""
    row = connection.execute(select(_TABLE.data_key, KEK_CHECK).where(_TABLE.id == held)).first()
    try:
        kek = wrapping.fitting(row.kek_check if row else None)
    except (Misconfigured, NotPermitted) as error:  # it was right when the store was opened
        raise Fault(str(error)) from error
    try:
        return _own(kek, held, row.data_key if row else None)
    except Fault as error:
        raise Malformed("its stored key is damaged") from error


def rewrap(connection: Connection, old: KeyEncryptionKey, new: KeyEncryptionKey) -> int:
    """Put all that is held under another key-encryption key, in a transaction; return how many messages.

    Raises ``Fault`` where a key is damaged.
    """
    names = list(connection.scalars(select(_TABLE.id)))
    for held in names:
        row = connection.execute(select(_TABLE.data_key, _TABLE.size, _TABLE.facts).where(_TABLE.id == held)).one()
        own = KeyEncryptionKey.fresh() if row.data_key is None else _own(old, held, row.data_key)
        if row.data_key is None:
            pieces.rewrap(connection, held, pieces.label(held, row.size, row.facts), old, own)
        connection.execute(update(schema.held).where(_TABLE.id == held).values(data_key=wrapped(new, held, own)))
    return len(names)


def _own(kek: KeyEncryptionKey, held: str, data_key: bytes | None) -> KeyEncryptionKey:
    if data_key is None:
        return kek
    return KeyEncryptionKey.decode(kek.unwrap(data_key, _PURPOSE, held), f"held message {held}")
