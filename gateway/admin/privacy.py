"""What is kept of a person, and its removal."""

import hmac
from dataclasses import dataclass
from typing import Any

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.held import HeldView, view
from gateway.mail.address import index_key
from gateway.store.persons import erase_traces, kept
from gateway.wiring import Wiring

_PURPOSE = "addresses that were erased"


@dataclass(frozen=True, slots=True)
class PersonView:
    """All that is kept under an address; of certificates the fingerprints, of held mail no content."""

    address: str
    records: tuple[dict[str, Any], ...]
    held: tuple[HeldView, ...]
    learned: tuple[str, ...]
    imported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ErasedView:
    """What was deleted. ``imported``: certificates that stay, for somebody brought them."""

    records: int
    held: tuple[str, ...]
    learned: tuple[str, ...]
    imported: tuple[str, ...]


def exported(wiring: Wiring, address: str) -> PersonView:
    """Return all that is kept. Raises ``Fault``."""
    found = kept(wiring.store.database, address)
    held = tuple(map(view, found.held))
    return PersonView(address, tuple(found.records), held, tuple(found.learned), tuple(found.imported))


def erase(wiring: Wiring, actor: Actor, address: str) -> ErasedView:
    """Delete what is kept, in one transaction with its row in the audit log. Raises ``Fault``, ``Misconfigured``."""
    store = wiring.store
    with changing(wiring, actor, Verb.ERASE_PERSON) as note:
        key = store.wrapping.mac_key(_PURPOSE)
        name = hmac.digest(key, index_key(address).encode(), "sha256").hex()[:32]
        found = kept(store.database, address)
        held = [store.held.delete(message.id).id for message in found.held]
        learned = [store.certificates.delete(fingerprint).certificate.fingerprint for fingerprint in found.learned]
        records = erase_traces(store.database, address)
        note(Effect(Kind.PERSON, name, "erased", f"{records} records, {len(held)} held, {len(learned)} certificates"))
    return ErasedView(records, tuple(held), tuple(learned), tuple(found.imported))
