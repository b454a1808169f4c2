"""The accounts of people."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update

from gateway.errors import Absent, Conflict
from gateway.store import schema
from gateway.store.database import Database, insert_new
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.keys.wrapping import Wrapping

_TABLE = schema.accounts
_PURPOSE = "one-time code secret"


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in. ``password``: an Argon2 hash. ``totp``: he is asked for one-time codes, too."""

    name: str
    password: str
    role: str
    totp: bool
    disabled: bool
    created_at: datetime
    signed_in_at: datetime | None


class StoredAccounts:
    """All methods raise ``Fault``; those that take the name of an account that is not there, ``Absent``."""

    def __init__(self, database: Database, wrapping: Wrapping) -> None:
        self._database = database
        self._wrapping = wrapping

    def list(self) -> list[Account]:
        """Return all, by name."""
        with self._database.read() as connection:
            return list(map(_account, connection.execute(select(_TABLE).order_by(_TABLE.c.name))))

    def find(self, name: str) -> Account | None:
        """Return the one of that name."""
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE).where(_TABLE.c.name == name)).first()
        return None if row is None else _account(row)

    def get(self, name: str) -> Account:
        """Return the one of that name."""
        found = self.find(name)
        if found is None:
            raise Absent(f"there is no account {name!r}")
        return found

    def introduce(self, name: str, password: str, role: str, at: datetime) -> None:
        """Make an account. Raises ``Conflict`` where there is one of that name."""
        row = {
            "name": name,
            "password": password,
            "role": role,
            "totp_step": 0,
            "disabled": False,
            "created_at": at,
        }
        with self._database.write() as connection:
            if not insert_new(connection, _TABLE, [row]):
                raise Conflict(f"there is an account {name!r} already")

    def set_role(self, name: str, role: str) -> None:
        """Give it another role."""
        self._set(name, role=role)

    def set_password(self, name: str, password: str) -> None:
        """Give it another password, by its Argon2 hash."""
        self._set(name, password=password)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Let nobody sign in with it, or let him again."""
        self._set(name, disabled=disabled)

    def remove(self, name: str) -> None:
        """Delete it, and its sessions."""
        with self._database.write() as connection:
            if not connection.execute(delete(_TABLE).where(_TABLE.c.name == name)).rowcount:
                raise Absent(f"there is no account {name!r}")

    def signed_in(self, name: str, at: datetime) -> None:
        """Note when somebody signed in with it last."""
        self._set(name, signed_in_at=at)

    # one-time codes

    def wrap_totp(self, name: str, secret: str) -> bytes:
        """Return a secret of one-time codes as it is stored for that account."""
        return self._key().wrap(secret.encode(), _PURPOSE, name)

    def set_totp(self, name: str, wrapped: bytes | None) -> None:
        """Ask for one-time codes of that secret, from ``wrap_totp``, from now on; None: for none."""
        self._set(name, totp=wrapped, totp_step=0)

    def totp_secret(self, name: str) -> str | None:
        """Return the secret of one-time codes; None: none are asked for."""
        with self._database.read() as connection:
            wrapped = connection.scalar(select(_TABLE.c.totp).where(_TABLE.c.name == name))
        return None if wrapped is None else self._key().unwrap(bytes(wrapped), _PURPOSE, name).decode()

    def spend(self, name: str, step: int) -> bool:
        """Return whether the code of that time step may be used, which it may once (RFC 6238 section 5.2)."""
        used = update(_TABLE).where(_TABLE.c.name == name, _TABLE.c.totp_step < step).values(totp_step=step)
        with self._database.write(lasting=False) as connection:
            return connection.execute(used).rowcount > 0

    def _key(self) -> KeyEncryptionKey:
        """From the store's secret, so that another key-encryption key changes nothing here."""
        return KeyEncryptionKey(self._wrapping.mac_key(_PURPOSE))

    def _set(self, name: str, **values: Any) -> None:
        with self._database.write() as connection:
            if not connection.execute(update(_TABLE).where(_TABLE.c.name == name).values(**values)).rowcount:
                raise Absent(f"there is no account {name!r}")


def _account(row: Row[Any]) -> Account:
    return Account(
        name=row.name,
        password=row.password,
        role=row.role,
        totp=row.totp is not None,
        disabled=bool(row.disabled),
        created_at=row.created_at,
        signed_in_at=row.signed_in_at,
    )
