"""The key-encryption key: what keeps private keys unreadable on disk.

32 random bytes, base64 on one line of a 0600 file, or a systemd credential (systemd.exec(5), LoadCredential). Keys for
each purpose are derived from it (HKDF-SHA-256, RFC 5869). Wrapping is AES-256-GCM with a random nonce before the
ciphertext; the associated data names what is wrapped, so that one row's value cannot be put in another's place.

MAC keys (seals, hashes that nobody may recompute) derive from a secret of the store, made at its first use and wrapped
like a private key: what they made stays good under another key-encryption key.

The store remembers a check value from the first use; from then on no other key is accepted and none is created.
It does not protect against who can read both the key and the store, nor can Python wipe it from memory.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, select, update

from gateway.errors import Fault
from gateway.store import files, schema
from gateway.store.database import Database
from gateway.store.refusal import Misconfigured, NotPermitted

SIZE = 32
NONCE_SIZE = 12
DEFAULT_NAME = "kek"
UNIT_CREDENTIALS = Path("/run/credentials/smime-gateway.service")
_STORE_SECRET = "store secret"
_MAKE = "head -c 32 /dev/urandom | base64"


class KeyEncryptionKey:
    """The key itself; it never shows its bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def fresh(cls) -> "KeyEncryptionKey":
        """Make a new one."""
        return cls(secrets.token_bytes(SIZE))

    @classmethod
    def decode(cls, line: bytes, origin: str) -> "KeyEncryptionKey":
        """Read the base64 line found in ``origin``. Raises ``Misconfigured``."""
        try:
            secret = base64.b64decode(line.strip(), validate=True)
        except binascii.Error:
            secret = b""
        if len(secret) != SIZE:
            raise Misconfigured(
                f"{origin}: a key-encryption key is {SIZE} random bytes in base64 on one line ({_MAKE})"
            )
        return cls(secret)

    def encode(self) -> bytes:
        """Return the line for its file."""
        return base64.b64encode(self._secret) + b"\n"

    def derive(self, purpose: str) -> bytes:
        """Return the 32 byte key for one purpose (RFC 5869)."""
        return _derived(self._secret, purpose)

    def check_value(self) -> str:
        """Return what recognises this key and tells nothing about it."""
        return self.derive("check value").hex()

    def wrap(self, plain: bytes | memoryview, purpose: str, name: str) -> bytes:
        """Encrypt ``plain``, bound to ``purpose`` and ``name``."""
        nonce = os.urandom(NONCE_SIZE)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, name.encode())

    def unwrap(self, wrapped: bytes, purpose: str, name: str) -> bytes:
        """Decrypt what ``wrap`` made. Raises ``Fault`` where it is damaged."""
        try:
            nonce, sealed = wrapped[:NONCE_SIZE], wrapped[NONCE_SIZE:]
            return AESGCM(self.derive(purpose)).decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError) as error:
            raise Fault(f"stored {purpose} {name[:16]} is damaged: restore a backup, or import it again") from error


class Wrapping:
    """Finds the store's key-encryption key, creates it while that is allowed, and knows the right one."""

    def __init__(self, database: Database, setting: str | None, state: Path) -> None:
        self._database = database
        self._setting = setting
        self._state = state
        self._key: KeyEncryptionKey | None = None
        self._secret: bytes | None = None
        self._mac_keys: dict[str, bytes] = {}

    def verify(self) -> None:
        """See at opening that a key that was named or used is there and right. Raises ``Misconfigured``, ``Fault``."""
        with self._database.read() as connection:
            check = connection.scalar(select(schema.condition.c.kek_check))
        found = self._find()
        if check is not None:
            self._key = self._right(found, check)

    def key(self) -> KeyEncryptionKey:
        """Return the key, made now if the store never had one. Raises ``Misconfigured``, ``Fault``."""
        if self._key is None:
            self.verify()
        if self._key is None:
            with self._database.write() as connection:
                made = self.first_use(connection)
            self._key = made
        return self._key

    def first_use(self, connection: Connection) -> KeyEncryptionKey:
        """Return the key for use in a write transaction, which then also remembers its first use."""
        if self._key is not None:
            return self._key
        # Writing the row takes its lock: no two processes may each create a key.
        connection.execute(update(schema.condition).values(id=schema.condition.c.id))
        check = connection.scalar(select(schema.condition.c.kek_check))
        if check is not None:
            return self._right(self._find(), check)
        found = self._find() or self._create()
        connection.execute(update(schema.condition).values(kek_check=found.check_value()))
        return found

    def mac_key(self, purpose: str) -> bytes:
        """Return the 32 byte MAC key for one purpose, the same for all who share the store.

        Raises ``Misconfigured``, ``Fault``.
        """
        if self._secret is None:
            self._secret = self.key().unwrap(self._stored_secret(), _STORE_SECRET, "")
        if purpose not in self._mac_keys:
            self._mac_keys[purpose] = _derived(self._secret, purpose)
        return self._mac_keys[purpose]

    def _stored_secret(self) -> bytes:
        """Return the wrapped secret, made now if the store never had one."""
        secret = schema.condition.c.secret
        with self._database.read() as connection:
            wrapped = connection.scalar(select(secret))
        if wrapped is None:
            made = self.key().wrap(secrets.token_bytes(SIZE), _STORE_SECRET, "")
            with self._database.write() as connection:
                # Of several who make one at once, all take that of the first.
                connection.execute(update(schema.condition).where(secret.is_(None)).values(secret=made))
                wrapped = connection.scalar(select(secret))
        return bytes(wrapped or b"")

    def rehearse(self) -> KeyEncryptionKey:
        """Return the key, or a throw-away one where none is there yet: for what will be undone."""
        return self._find() or KeyEncryptionKey.fresh()

    def _right(self, found: KeyEncryptionKey | None, check: str) -> KeyEncryptionKey:
        if found is None:
            raise Misconfigured(f"this store's key-encryption key is missing: put it back as {self._file()}")
        if not secrets.compare_digest(found.check_value(), check):
            raise Misconfigured(f"{self._place()} is not this store's key-encryption key: put the right one there")
        return found

    def _create(self) -> KeyEncryptionKey:
        made = KeyEncryptionKey.fresh()
        files.create_file(self._file(), made.encode())
        return made

    def _find(self) -> KeyEncryptionKey | None:
        kind, _, name = (self._setting or "").partition(":")
        if kind == "file":
            return _read(Path(name))
        if kind == "credential":
            return _credential(name) or _absent(name)
        if kind:
            raise Misconfigured("key_encryption_key: write credential:NAME or file:PATH, or leave it out")
        return _credential(DEFAULT_NAME) or _read(self._file())

    def _file(self) -> Path:
        kind, _, name = (self._setting or "").partition(":")
        return Path(name) if kind == "file" else self._state / DEFAULT_NAME

    def _place(self) -> str:
        """Where the key in use comes from, for texts."""
        if self._setting:
            return self._setting
        return f"credential {DEFAULT_NAME}" if _credential(DEFAULT_NAME) else str(self._file())


def _derived(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), SIZE, salt=None, info=b"smime-gateway " + purpose.encode()).derive(secret)


def _credential(name: str) -> KeyEncryptionKey | None:
    if Path(name).name != name:
        raise Misconfigured(f"key_encryption_key: {name!r} is no name of a credential")
    for folder in credential_folders():
        try:
            return KeyEncryptionKey.decode((folder / name).read_bytes(), f"credential {name}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise NotPermitted(f"credential {name} cannot be read: {error.strerror}") from error
    return None


def credential_folders() -> Iterator[Path]:
    """Where credentials may be: those of this unit, and for a command those of the running service.

    From a unit that has none systemd hides the folder above them all.
    """
    if own := os.environ.get("CREDENTIALS_DIRECTORY"):
        yield Path(own)
    if os.access(UNIT_CREDENTIALS.parent, os.X_OK, effective_ids=True):
        yield UNIT_CREDENTIALS


def _absent(name: str) -> NoReturn:
    raise Misconfigured(
        f"key_encryption_key: credential {name} is neither in $CREDENTIALS_DIRECTORY nor in {UNIT_CREDENTIALS}: "
        "load it in the unit (LoadCredentialEncrypted=), or start the service first"
    )


def _read(path: Path) -> KeyEncryptionKey | None:
    if not files.secure_file(path):
        return None
    try:
        return KeyEncryptionKey.decode(path.read_bytes(), str(path))
    except OSError as error:
        raise NotPermitted(f"{path} cannot be read: {error.strerror}") from error
