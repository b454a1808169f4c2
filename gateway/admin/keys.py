"""The stored private keys: listed, taken out under a passphrase, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.key_view import KeyView, key_view
from gateway.admin.reach import Reach, has_key
from gateway.admin.view import Page, page
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class KeyDeleted:
    """A private key that is gone; the ``certificates`` with this key (fingerprints) are kept."""

    public_key_id: str
    deleted: bool
    certificates: tuple[str, ...]


def listed(
    wiring: Wiring, after: str | None = None, limit: int | None = None, reach: Reach | None = None
) -> Page[KeyView]:
    """Return at most ``limit`` keys that follow ``after``, by id; ``reach``: of those that may be seen so far.

    Raises ``Fault``, ``Refused``.
    """
    stored = wiring.store.keys
    last = "" if after is None else stored.get(after).public_key_id
    found = (key_view(key) for key in stored.list() if key.public_key_id > last)
    if reach is not None:
        found = (view for view in found if has_key(wiring, reach, view.certificates))
    return page(found, lambda view: view.public_key_id, limit)


def shown(wiring: Wiring, names: Sequence[str]) -> list[KeyView]:
    """Return these keys, each once: what would be lost with them. Raises ``Fault``, ``Refused``."""
    found = {stored.public_key_id: stored for stored in map(wiring.store.keys.get, names)}
    return [key_view(stored) for stored in found.values()]


def export_key(wiring: Wiring, actor: Actor, name: str, passphrase: bytes | None) -> bytes:
    """Return a key as encrypted PEM: under the passphrase it came with, else under ``passphrase``.

    Raises ``Fault``, and ``Refused`` where it would leave unprotected, or ``passphrase`` is not the one it came with.
    """
    key = wiring.store.keys.get(name)
    with changing(wiring, actor, Verb.EXPORT_KEY) as note:
        pem = wiring.store.keys.export(key.public_key_id, passphrase)
        note(Effect(Kind.KEY, key.public_key_id, "exported"))
    return pem


def delete_keys(wiring: Wiring, actor: Actor, ids: Sequence[str]) -> list[KeyDeleted]:
    """Delete private keys; their certificates stay. Raises ``Fault``, ``Refused``."""
    gone = []
    with changing(wiring, actor, Verb.DELETE_KEYS) as note:
        for name in ids:
            key = wiring.store.keys.delete(name)
            note(Effect(Kind.KEY, key.public_key_id, "deleted"))
            gone.append(KeyDeleted(key.public_key_id, True, key.certificates))
    return gone
