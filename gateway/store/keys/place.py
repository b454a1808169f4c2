"""Where a key-encryption key is: a 0600 file, or a systemd credential (systemd.exec(5), LoadCredential)."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from gateway.store import files
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.refusal import Misconfigured, NotPermitted

DEFAULT_NAME = "kek"
UNIT_CREDENTIALS = Path("/run/credentials/smime-gateway.service")


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """The place that the option of the key-encryption key names; None: a credential ``kek``, else a file in STATE.

    All methods raise ``Misconfigured``, ``NotPermitted``.
    """

    setting: str | None
    state: Path

    def find(self) -> KeyEncryptionKey | None:
        """Return the key that is there; a credential that is named has to be."""
        kind, _, name = (self.setting or "").partition(":")
        if kind == "file":
            return _read(Path(name))
        if kind == "credential":
            return _credential(name) or _absent(name)
        if kind:
            raise Misconfigured("key_encryption_key: write credential:NAME or file:PATH, or leave it out")
        return _credential(DEFAULT_NAME) or _read(self.in_file())

    def right(self, check: str) -> KeyEncryptionKey:
        """Return the key that is there, if ``check`` is its check value."""
        found = self.find()
        if found is None:
            raise Misconfigured(f"this store's key-encryption key is missing: put it back as {self.in_file()}")
        if found.check_value() != check:
            raise Misconfigured(f"{self} is not this store's key-encryption key: put the right one there")
        return found

    def create(self) -> KeyEncryptionKey:
        """Make a new key in the file; nobody else may do so at the same time."""
        made = KeyEncryptionKey.fresh()
        files.create_file(self.in_file(), made.encode())
        return made

    def in_file(self) -> Path:
        """Return the file in which the key is, or would be made."""
        kind, _, name = (self.setting or "").partition(":")
        return Path(name) if kind == "file" else self.state / DEFAULT_NAME

    def __str__(self) -> str:
        if self.setting:
            return self.setting
        return f"credential {DEFAULT_NAME}" if _credential(DEFAULT_NAME) else str(self.in_file())


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
