"""What a source has to say, whichever kind it is."""

from datetime import datetime

from gateway.lookup.crl import fetch_list
from gateway.lookup.fetch import Fetch
from gateway.lookup.ocsp import fetch_response
from gateway.pki.revocation import RevocationList, StatusResponse
from gateway.pki.sources import Kind, Source

Found = RevocationList | StatusResponse


def look_up(source: Source, fetch: Fetch, at: datetime) -> Found:
    """Return the evidence at ``source``, verified at ``at``. Raises ``NotFetched``, ``Malformed``."""
    return fetch_list(source, fetch, at) if source.kind is Kind.LIST else fetch_response(source, fetch, at)
