"""The stored certificates: listed in pages, shown in full, exported."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.admin.background import last_use, revocation
from gateway.admin.certificate_view import (
    CertificateDetail,
    CertificateKind,
    CertificateView,
    WaitingView,
    certificate_view,
    waiting_view,
)
from gateway.admin.key_view import key_view
from gateway.admin.reach import Reach
from gateway.admin.view import Page, page
from gateway.clock import now
from gateway.policy.state import State
from gateway.store import Store
from gateway.store.certificates.entry import Listed
from gateway.store.certificates.listing import Filter
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """Which certificates. ``text``: with it in an address, the subject, the issuer or the fingerprint.

    ``expiring``: those in use that expire within this time, or have without a successor.
    """

    text: str = ""
    state: State | None = None
    kind: CertificateKind | None = None
    with_key: bool = False
    expiring: timedelta | None = None


def listed(
    wiring: Wiring,
    wanted: CertificateFilter,
    after: str | None = None,
    limit: int | None = None,
    reach: Reach | None = None,
) -> Page[CertificateView]:
    """Return at most ``limit`` certificates that follow ``after``, those that expire first at the top.

    ``reach``: of those that may be seen so far. Raises ``Fault``, and ``Refused`` where ``after`` is no stored one.
    """
    store, at = wiring.store, now()
    last = None if after is None else store.certificates.get(after).certificate.fingerprint
    found = _found(store, _filter(wanted, at), at, last, None if limit is None else limit + 1)
    if reach is not None:
        found = (each for each in found if reach.sees(each.entry.certificate.addresses, has_key=each.entry.has_key))
    return page((certificate_view(store, item) for item in found), lambda view: view.fingerprint, limit)


def _found(store: Store, wanted: Filter, at: datetime, last: str | None, at_once: int | None) -> Iterator[Listed]:
    """Yield what follows ``last``, read so many at once, as far as it is wanted."""
    while True:
        items = store.listing.page(wanted, at, last, at_once)
        yield from items
        if at_once is None or len(items) < at_once:
            return
        last = items[-1].entry.certificate.fingerprint


def waiting(wiring: Wiring, after: str | None = None, limit: int | None = None) -> Page[WaitingView]:
    """Return at most ``limit`` keys without certificate that follow ``after``. Raises ``Fault``, ``Refused``."""
    stored = wiring.store.keys
    last = "" if after is None else stored.get(after).public_key_id
    keys = (key for key in stored.list() if not key.certificates and key.public_key_id > last)
    return page(map(waiting_view, keys), lambda view: view.public_key_id, limit)


def _filter(wanted: CertificateFilter, at: datetime) -> Filter:
    return Filter(
        text=wanted.text,
        state=wanted.state,
        is_ca=None if wanted.kind is None else wanted.kind is CertificateKind.CA,
        with_key=wanted.with_key,
        expiring=None if wanted.expiring is None else at + wanted.expiring,
    )


def shown(wiring: Wiring, name: str) -> CertificateDetail:
    """Return all that is known of a certificate. Raises ``Fault``, ``Refused``."""
    store, at = wiring.store, now()
    holding = store.certificates.get(name)
    (listed_now,) = store.listing.of([holding.certificate.fingerprint], at)
    chain = store.certificates.whole_chain(holding.certificate)
    path, anchored = store.evidence.path(holding.certificate, at)
    use = last_use(wiring, holding.certificate)
    return CertificateDetail.of(
        replace(certificate_view(store, listed_now), seen=None if use is None else use.at),
        chain=tuple(issuer.fingerprint for issuer in chain.issuers),
        chain_gap=chain.gap,
        path=tuple(issuer.fingerprint for issuer in path),
        anchored=anchored,
        path_subjects=tuple(issuer.subject for issuer in path),
        key=key_view(store.keys.get(holding.certificate.public_key_id)) if holding.has_key else None,
        revocation=revocation(wiring, holding.certificate, at),
        last_use=use,
    )


def named(wiring: Wiring, names: Sequence[str]) -> list[CertificateView]:
    """Return these certificates, each once, as lists tell them. Raises ``Fault``, ``Refused``."""
    meant = dict.fromkeys(wiring.store.certificates.get(name).certificate.fingerprint for name in names)
    return [certificate_view(wiring.store, item) for item in wiring.store.listing.of(meant, now())]


def exported(wiring: Wiring, name: str) -> bytes:
    """Return a certificate as DER. Raises ``Fault``, ``Refused``."""
    return wiring.store.certificates.get(name).certificate.der
