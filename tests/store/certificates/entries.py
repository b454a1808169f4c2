"""All that is stored, as lists have it, for tests."""

from datetime import UTC, datetime

from gateway.store import Store
from gateway.store.certificates.entry import Entry
from gateway.store.certificates.listing import Filter

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def entries(store: Store) -> list[Entry]:
    """Return every stored certificate."""
    return [item.entry for item in store.listing.page(Filter(), AT)]
