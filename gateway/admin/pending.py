"""Certificates that wait for somebody to approve them, each beside those that serve its addresses now."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.admin import certificates
from gateway.admin.certificate_view import CertificateView, certificate_view
from gateway.admin.certificates import CertificateFilter
from gateway.admin.view import Page
from gateway.clock import now
from gateway.policy.state import State
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class PendingView:
    """A certificate that waits (``new``), and those in use at one of its addresses (``old``)."""

    new: CertificateView
    old: tuple[CertificateView, ...]


def pending(wiring: Wiring, after: str | None = None, limit: int = 50) -> Page[PendingView]:
    """Return at most ``limit`` that wait and follow the fingerprint ``after``. Raises ``Fault``, ``Refused``."""
    found = certificates.listed(wiring, CertificateFilter(state=State.PENDING), after, limit)
    used = _in_use(wiring, {address for view in found.items for address in view.addresses})
    return Page(
        tuple(
            PendingView(view, tuple({old.fingerprint: old for name in view.addresses for old in used[name]}.values()))
            for view in found.items
        ),
        found.next,
    )


def _in_use(wiring: Wiring, addresses: Iterable[str]) -> dict[str, list[CertificateView]]:
    """Return the certificates that are current at each address."""
    at, store = now(), wiring.store
    held = store.certificates.find(addresses, at)
    names = {item.certificate.fingerprint for items in held.values() for item in items}
    listed = {item.entry.certificate.fingerprint: item for item in store.listing.of(names, at)}
    current = {
        name: certificate_view(store, item) for name, item in listed.items() if item.status.state is State.CURRENT
    }
    return {
        address: [view for item in items if (view := current.get(item.certificate.fingerprint))]
        for address, items in held.items()
    }
