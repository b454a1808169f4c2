"""The stored certificate revocation lists: listed and deleted; they come by import, or are fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.view import Page, following, page
from gateway.pki.revocation import RevocationList
from gateway.wiring import Wiring


class CrlOrigin(StrEnum):
    """How a CRL came."""

    IMPORTED = "imported"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class CrlView:
    """A stored CRL. ``number`` is hexadecimal; ``revoked``: how many entries; ``url``: where it was fetched."""

    fingerprint: str
    issuer: str
    number: str | None
    this_update: datetime
    next_update: datetime | None
    is_delta: bool
    is_indirect: bool
    revoked: int
    origin: CrlOrigin
    url: str | None


@dataclass(frozen=True, slots=True)
class CrlDeleted:
    """A CRL that is gone."""

    fingerprint: str
    deleted: bool


def listed(wiring: Wiring, after: str | None = None, limit: int | None = None) -> Page[CrlView]:
    """Return at most ``limit`` CRLs that follow ``after``, by issuer, newest first. Raises ``Fault``, ``Refused``."""
    stored = wiring.store.revocation_lists
    urls, last = stored.urls(), None if after is None else stored.get(after).fingerprint
    found = (_view(item, urls.get(item.fingerprint)) for item in stored.list())
    return page(following(found, _fingerprint, last), _fingerprint, limit)


def delete_crls(wiring: Wiring, actor: Actor, names: Sequence[str]) -> list[CrlDeleted]:
    """Delete CRLs; what they revoked counts as before they came. A fetched one is fetched again when it is wanted.

    Raises ``Fault``, ``Refused``.
    """
    stored, gone = wiring.store.revocation_lists, []
    meant = dict.fromkeys(stored.get(name).fingerprint for name in names)
    with changing(wiring, actor, Verb.DELETE_CRLS) as note:
        for fingerprint in meant:
            stored.delete(fingerprint)
            note(Effect(Kind.CRL, fingerprint, "deleted"))
            gone.append(CrlDeleted(fingerprint, True))
    return gone


def _fingerprint(view: CrlView) -> str:
    return view.fingerprint


def _view(item: RevocationList, url: str | None) -> CrlView:
    return CrlView(
        fingerprint=item.fingerprint,
        issuer=item.issuer,
        number=None if item.number is None else f"{item.number:x}",
        this_update=item.this_update,
        next_update=item.next_update,
        is_delta=item.is_delta,
        is_indirect=item.is_indirect,
        revoked=item.size,
        origin=CrlOrigin.IMPORTED if url is None else CrlOrigin.FETCHED,
        url=url,
    )
