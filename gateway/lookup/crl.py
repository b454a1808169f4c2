"""A CRL from where a certificate says it is (RFC 5280 §4.2.1.13, §5).

What comes is taken only if it lets ``pki.status`` tell the status of the certificate that named it: complete, signed by
its issuer, in scope and current. So a list of another issuer, a delta, an old or a future one gives nothing.
"""

from datetime import datetime

from gateway.lookup.fetch import Fetch, NotFetched
from gateway.pki.revocation import RevocationEvidence, RevocationList, check_entries, read_revocation_list
from gateway.pki.sources import Source
from gateway.pki.status import SKEW, Status, statuses

MAX_SIZE = 10 * 1024 * 1024


def fetch_list(source: Source, fetch: Fetch, at: datetime) -> RevocationList:
    """Return the CRL at ``source``, verified. Raises ``NotFetched``, ``Malformed``."""
    found = read_revocation_list(fetch.get(source.url, MAX_SIZE))
    check_entries(found)
    if found.is_delta:
        raise NotFetched("the list is a delta; a complete one was asked for")
    if found.this_update > at + SKEW or (found.next_update is not None and found.next_update < at - SKEW):
        raise NotFetched("the list is out of date, or from the future; or our clock is wrong")
    if statuses(source.path[:2], (), RevocationEvidence(lists=(found,)), at) == (Status.UNKNOWN,):
        raise NotFetched("the list does not speak for the issuer that named it, or not of this certificate")
    return found
