"""How a private key is told; nothing of the key itself is."""

from dataclasses import dataclass

from gateway.pki.kinds import KeyKind
from gateway.store.keys.private_keys import StoredKey


@dataclass(frozen=True, slots=True)
class KeyView:
    """A stored private key. ``protected``: it leaves only under the passphrase it came with, else under one given then.

    ``size`` in bits. ``certificates``: fingerprints of those it serves; ``waiting``: there is none yet.
    """

    public_key_id: str
    kind: KeyKind
    size: int
    protected: bool
    certificates: tuple[str, ...]
    waiting: bool


def key_view(key: StoredKey) -> KeyView:
    """Return what is told of a private key."""
    return KeyView(
        key.public_key_id, KeyKind(key.kind), key.size, key.protected, key.certificates, not key.certificates
    )
