"""Another key-encryption key for all that is under one: in one transaction, so that there is never a mixture.

Private keys, the store's secret and the keys of held mail are wrapped anew; what is under these (MAC keys, the content
of held mail, one-time code secrets) stays as it is. A backup from before opens with the key from before.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from gateway.errors import Refused
from gateway.store import schema
from gateway.store.database import Database
from gateway.store.held import data_keys
from gateway.store.keys import private_keys
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.keys.place import KeyPlace
from gateway.store.keys.wrapping import STORE_SECRET

_CONDITION = schema.condition


@dataclass(frozen=True, slots=True)
class Rotated:
    """How much was wrapped anew."""

    keys: int
    held: int


def rotate(database: Database, old: KeyPlace, new: KeyPlace) -> Rotated:
    """Wrap everything under the key in ``new``, made there where it is a file that is absent.

    Whoever is killed in between has changed nothing, and finds the new key there the next time.
    Raises ``Refused``, ``Misconfigured``, ``NotPermitted``; ``Fault`` where something stored is damaged.
    """
    with database.write() as connection:
        # Writing the row takes its lock: whatever is wrapped meanwhile waits, and is wrapped under the new key; and of
        # two rotations at once only one makes the file.
        connection.execute(update(_CONDITION).values(id=_CONDITION.c.id))
        check = connection.scalar(select(_CONDITION.c.kek_check))
        if check is None:
            raise Refused("nothing is wrapped in this store yet: set key_encryption_key in the configuration")
        into = new.find() or new.create()
        if check == into.check_value():
            raise Refused(f"{new} is the key-encryption key of this store already: name a place with another one")
        used = old.right(check)
        rotated = Rotated(private_keys.rewrap(connection, used, into), data_keys.rewrap(connection, used, into))
        values = {"kek_check": into.check_value(), "secret": _secret(connection, used, into)}
        connection.execute(update(_CONDITION).values(values))
    return rotated


def _secret(connection: Connection, old: KeyEncryptionKey, new: KeyEncryptionKey) -> bytes | None:
    wrapped = connection.scalar(select(_CONDITION.c.secret))
    return None if wrapped is None else new.wrap(old.unwrap(wrapped, STORE_SECRET, ""), STORE_SECRET, "")
