"""The stored private keys, wrapped; the engine's come unwrapped from memory.

A key is stored as PKCS#8 (RFC 5958) under the key-encryption key. One that came with a passphrase is stored a second
time as PKCS#8 under that passphrase, itself wrapped, and leaves only in this form; the passphrase is not kept.
Loaded keys stay in memory until the store's generation changes, so a deleted key is gone within a second.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from sqlalchemy import Connection, Row, Select, delete, or_, select, update

from gateway.errors import Fault, Refused
from gateway.pki.certificate import key_facts, public_key_id
from gateway.pki.key import PrivateKey, SoftwareKey
from gateway.reason import Reason
from gateway.store import changes, schema
from gateway.store.certificates.stored import with_key
from gateway.store.database import Database, insert_new
from gateway.store.generation import Cache, Generation, withdraw
from gateway.store.held import needs
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.keys.wrapping import KEK_CHECK, Wrapping
from gateway.store.prefix import Naming, begins, fingerprint
from gateway.store.refusal import Misconfigured, NotPermitted

KEYS_KEPT = 2_000
_INSIDE = "private key"
_LEAVING = "private key as it leaves"
_NAMED = Naming(
    "no stored key has an id, or a certificate with a fingerprint, that begins with {}",
    "several keys are meant by {}",
    Reason.NO_KEY,
)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What is told of a private key. ``protected``: it came with a passphrase and leaves only under it."""

    public_key_id: str
    kind: str
    size: int
    protected: bool
    certificates: tuple[str, ...]
    """Fingerprints of the stored certificates it serves; none: it is waiting."""


class StoredKeys:
    """Answers ``engine.wants.KeyOf``, and has the administrator's verbs. All methods raise ``Fault``."""

    def __init__(self, database: Database, generation: Generation, wrapping: Wrapping) -> None:
        self._database = database
        self._generation = generation
        self._wrapping = wrapping
        self._loaded: Cache[PrivateKey | None] = Cache(generation, KEYS_KEPT)

    # what the engine asks

    def key(self, public_key_id: str) -> PrivateKey | None:
        """Return the key with that public key, unwrapped and kept in memory, or None."""
        return self._loaded.one(public_key_id, self._load)

    def _load(self, public_key_id: str) -> PrivateKey | None:
        with self._database.read() as connection:
            row = connection.execute(_secrets(public_key_id)).first()
        if row is None:
            return None
        try:
            plain = self._wrapping.fitting(row.kek_check).unwrap(row.wrapped, _INSIDE, public_key_id)
        except (Misconfigured, NotPermitted) as error:  # it was right when the store was opened
            raise Fault(str(error)) from error
        return SoftwareKey(_read(plain))

    # what an administrator does

    def list(self) -> list[StoredKey]:
        """Return what is told of every key, the waiting ones included."""
        with self._database.read() as connection:
            rows = connection.execute(_listing()).all()
        return list(_described(rows))

    def get(self, name: str) -> StoredKey:
        """Return the key with that id, or with a certificate of that fingerprint; prefixes do. Raises ``Refused``."""
        with self._database.read() as connection:
            return _one(connection, name)

    def export(self, name: str, passphrase: bytes | None) -> bytes:
        """Return the key as encrypted PKCS#8 PEM: under the passphrase it came with, else under ``passphrase``.

        Raises ``Refused`` where it would leave unprotected, or ``passphrase`` is not the one it came with.
        """
        with self._database.read() as connection:
            found = _one(connection, name)
            row = connection.execute(_secrets(found.public_key_id)).one()
        kek, label = self._wrapping.fitting(row.kek_check), found.public_key_id
        if row.protected is not None:
            pem = kek.unwrap(row.protected, _LEAVING, label)
            _check_passphrase(pem, passphrase)
            return pem
        if not passphrase:
            raise Refused("this key came without a passphrase and leaves only under one: give --passphrase-file")
        return _pkcs8(_read(kek.unwrap(row.wrapped, _INSIDE, label)), Encoding.PEM, BestAvailableEncryption(passphrase))

    def delete(self, name: str) -> StoredKey:
        """Delete a key and return what it was; its certificates stay. Raises ``Refused``."""
        table = schema.keys
        with self._database.change() as connection:
            gone = _one(connection, name)
            changes.tell_of_key(connection, gone.public_key_id)
            connection.execute(delete(table).where(table.c.public_key_id == gone.public_key_id))
            withdraw(connection)
        self._generation.expire()
        return gone


# inside a transaction, for imports


def add(connection: Connection, kek: KeyEncryptionKey, key: PrivateKeyTypes, passphrase: bytes | None) -> bool:
    """Store a private key that was validated; return whether it was new (an old one stays as it is)."""
    name = public_key_id(key.public_key())
    kind, size, _ = key_facts(key.public_key())
    plain = _pkcs8(key, Encoding.DER, NoEncryption())
    row = {
        "public_key_id": name,
        "kind": kind,
        "size": size,
        "wrapped": kek.wrap(plain, _INSIDE, name),
        "protected": None,
    }
    if passphrase:
        leaving = _pkcs8(key, Encoding.PEM, BestAvailableEncryption(passphrase))
        row["protected"] = kek.wrap(leaving, _LEAVING, name)
    if not insert_new(connection, schema.keys, [row]):
        return False
    changes.tell_of_key(connection, name)
    for certificate in with_key(connection, name):
        needs.wake(connection, certificate, has_key=True)
    return True


def rewrap(connection: Connection, old: KeyEncryptionKey, new: KeyEncryptionKey) -> int:
    """Put all keys under another key-encryption key; return how many. Raises ``Fault`` where one is damaged."""
    table = schema.keys
    names = list(connection.scalars(select(table.c.public_key_id)))
    for name in names:
        row = connection.execute(select(table).where(table.c.public_key_id == name)).one()
        values = {"wrapped": new.wrap(old.unwrap(row.wrapped, _INSIDE, name), _INSIDE, name)}
        if row.protected is not None:
            values["protected"] = new.wrap(old.unwrap(row.protected, _LEAVING, name), _LEAVING, name)
        connection.execute(update(table).where(table.c.public_key_id == name).values(values))
    return len(names)


def serves(connection: Connection, public_key_id: str) -> bool:
    """Whether a certificate with that public key is stored; if not, the key is waiting."""
    table = schema.certificates.c
    return connection.scalar(select(table.fingerprint).where(table.public_key_id == public_key_id).limit(1)) is not None


def _read(plain: bytes) -> Any:
    # Validating an RSA key takes 35 ms and was done at the import; AES-GCM vouches that it is the same.
    return load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)


def _pkcs8(key: PrivateKeyTypes, encoding: Encoding, protection: KeySerializationEncryption) -> bytes:
    return key.private_bytes(encoding, PrivateFormat.PKCS8, protection)


def _check_passphrase(pem: bytes, passphrase: bytes | None) -> None:
    if passphrase is None:
        return
    try:
        load_pem_private_key(pem, passphrase, unsafe_skip_rsa_key_validation=True)
    except ValueError as error:
        text = "this key leaves only under the passphrase it came with, and that is not the one given"
        raise Refused(text, Reason.BAD_PASSPHRASE) from error


def _listing() -> Select[Any]:
    keys, table = schema.keys, schema.certificates
    joined = keys.outerjoin(table, table.c.public_key_id == keys.c.public_key_id)
    protected = keys.c.protected.is_not(None).label("protected")
    columns = (keys.c.public_key_id, keys.c.kind, keys.c.size, protected, table.c.fingerprint)
    return select(*columns).select_from(joined).order_by(keys.c.public_key_id, table.c.fingerprint)


def _described(rows: Iterable[Row[Any]]) -> Iterator[StoredKey]:
    for name, group in groupby(rows, lambda row: row.public_key_id):
        of_key = list(group)
        fingerprints = tuple(row.fingerprint for row in of_key if row.fingerprint is not None)
        yield StoredKey(name, of_key[0].kind, of_key[0].size, bool(of_key[0].protected), fingerprints)


def _one(connection: Connection, name: str) -> StoredKey:
    prefix = fingerprint(name)
    keys, table = schema.keys.c, schema.certificates.c
    by_certificate = select(table.public_key_id).where(begins(table.fingerprint, prefix))
    meant = or_(begins(keys.public_key_id, prefix), keys.public_key_id.in_(by_certificate))
    return _NAMED.only(list(_described(connection.execute(_listing().where(meant)).all())), prefix)


def _secrets(public_key_id: str) -> Select[Any]:
    table = schema.keys.c
    columns = (table.wrapped, table.protected, KEK_CHECK)
    return select(*columns).where(table.public_key_id == public_key_id)
