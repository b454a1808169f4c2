"""What is wrapped under the key-encryption key of a store, and which key that is.

MAC keys (seals, hashes that nobody may recompute) derive from a secret of the store, made at its first use and wrapped
like a private key: what they made stays good under another key-encryption key.

The store remembers a check value from the first use; from then on no other key is accepted and none is created, until
a rotation changes both (``rotation``). Then the place of the key is looked at again. It does not protect against who
can read both the key and the store, nor can Python wipe it from memory.
"""

import secrets

from sqlalchemy import Connection, select, update

from gateway.store import schema
from gateway.store.database import Database
from gateway.store.keys.key_encryption_key import SIZE, KeyEncryptionKey, derived
from gateway.store.keys.place import KeyPlace

STORE_SECRET = "store secret"
_CONDITION = schema.condition
KEK_CHECK = select(_CONDITION.c.kek_check).scalar_subquery().label("kek_check")
"""A column beside wrapped ones, for ``fitting``: a rotation changes all of them at once."""


class Wrapping:
    """Finds the store's key-encryption key, creates it while that is allowed, and knows the right one."""

    def __init__(self, database: Database, place: KeyPlace) -> None:
        self._database = database
        self._place = place
        self._key: KeyEncryptionKey | None = None
        self._secret: bytes | None = None
        self._mac_keys: dict[str, bytes] = {}

    def verify(self) -> None:
        """See that a key that was named or used is there and right. Raises ``Misconfigured``, ``Fault``."""
        check = self._check()
        if check is None:
            self._place.find()
        else:
            self._key = self._place.right(check)

    def key(self) -> KeyEncryptionKey:
        """Return the key, made now if the store never had one. Raises ``Misconfigured``, ``Fault``."""
        check = self._check()
        if check is not None:
            return self.fitting(check)
        with self._database.write() as connection:
            made = self.first_use(connection)
        self._key = made
        return made

    def fitting(self, check: str | None) -> KeyEncryptionKey:
        """Return the key of that check value, which stood beside what it is to unwrap; looked for where it is new.

        Raises ``Misconfigured``, ``NotPermitted``.
        """
        if self._key is None or self._key.check_value() != check:
            self._key = self._place.right(check or "")
        return self._key

    def first_use(self, connection: Connection) -> KeyEncryptionKey:
        """Return the key for use in a write transaction, which then also remembers its first use.

        It stays the store's key until the transaction ends.
        """
        # Writing the row takes its lock: no two processes may each create a key, nor wrap under the old one.
        connection.execute(update(_CONDITION).values(id=_CONDITION.c.id))
        check = connection.scalar(select(_CONDITION.c.kek_check))
        if check is not None:
            return self.fitting(check)
        found = self._place.find() or self._place.create()
        connection.execute(update(_CONDITION).values(kek_check=found.check_value()))
        return found

    def mac_key(self, purpose: str) -> bytes:
        """Return the 32 byte MAC key for one purpose, the same for all who share the store.

        Raises ``Misconfigured``, ``Fault``.
        """
        secret = self._secret or self._stored_secret()
        if self._database.is_apart:  # one that was made in this transaction may never be stored
            return derived(secret, purpose)
        self._secret = secret
        if purpose not in self._mac_keys:
            self._mac_keys[purpose] = derived(secret, purpose)
        return self._mac_keys[purpose]

    def _stored_secret(self) -> bytes:
        """Return the secret, made now if the store never had one."""
        columns = select(_CONDITION.c.secret, _CONDITION.c.kek_check)
        with self._database.read() as connection:
            row = connection.execute(columns).one()
        if row.secret is None:
            with self._database.write() as connection:
                made = self.first_use(connection).wrap(secrets.token_bytes(SIZE), STORE_SECRET, "")
                # Of several who make one at once, all take that of the first.
                connection.execute(update(_CONDITION).where(_CONDITION.c.secret.is_(None)).values(secret=made))
                row = connection.execute(columns).one()
        return self.fitting(row.kek_check).unwrap(row.secret, STORE_SECRET, "")

    def rehearse(self) -> KeyEncryptionKey:
        """Return the key, or a throw-away one where none is there yet: for what will be undone."""
        return self._place.find() or KeyEncryptionKey.fresh()

    def _check(self) -> str | None:
        with self._database.read() as connection:
            return connection.scalar(select(_CONDITION.c.kek_check))
