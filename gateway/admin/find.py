"""What sources of certificates say of an address: asked now, or what they said last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.admin.certificate_view import CertificateView, certificate_view
from gateway.admin.reach import Reach
from gateway.clock import now
from gateway.discovery.search import Search
from gateway.errors import Refused
from gateway.store import Store
from gateway.wiring import Wiring


@dataclass(frozen=True, slots=True)
class SaidView:
    """What ``source`` said ``at`` that time: a word of ``lookup.answer.Result``."""

    source: str
    at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class FindView:
    """What sources said of ``address``, and the certificates that are stored for it, wherever they come from."""

    address: str
    sources: tuple[SaidView, ...]
    certificates: tuple[CertificateView, ...]


def find(wiring: Wiring, address: str) -> FindView:
    """Ask all sources of an address now; what they have is stored as if mail had asked.

    Raises ``Fault``, ``Refused``.
    """
    search = Search(wiring.options, wiring.store)
    try:
        lookups = search.find(address).lookups
    finally:
        search.close()
    if not lookups:
        raise Refused(
            f"no source is asked of {address}: discovery.sources[].domains name nothing that holds its domain"
        )
    return said_of(wiring.store, address)


def said_of(store: Store, address: str, reach: Reach | None = None) -> FindView:
    """Return what sources said last of an address, and what is stored for it and may be seen. Raises ``Fault``."""
    at = now()
    stored = [
        item
        for item in store.certificates.find([address], at)[address]
        if reach is None or reach.sees(item.certificate.addresses, has_key=item.has_key)
    ]
    listed = store.listing.of((item.certificate.fingerprint for item in stored), at)
    views = tuple(certificate_view(store, item) for item in listed)
    return FindView(address, tuple(lookups_of(store, [address])), views)


def lookups_of(store: Store, addresses: Sequence[str]) -> list[SaidView]:
    """Return what sources said last of addresses. Raises ``Fault``."""
    return [SaidView(said.source, said.at, said.result) for said in store.lookups.of(addresses)]
