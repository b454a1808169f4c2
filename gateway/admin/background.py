"""What else is known of one certificate: whether it is revoked and who says so, and which mail used it last."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.pki.certificate import Certificate
from gateway.pki.names import same_name
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.status import statuses
from gateway.store import Store
from gateway.store.journal.records import Document, Query
from gateway.wiring import Wiring

LOOKED_AT = 50
"""Records of an address in which a use is looked for, the newest ones."""


class Source(StrEnum):
    """Who says whether a certificate is revoked."""

    CRL = "crl"
    OCSP = "ocsp"


@dataclass(frozen=True, slots=True)
class Word:
    """What one CRL or OCSP response says; believed or not, the status says. ``revoked_at`` None: not revoked.

    ``url``: where a CRL was fetched, where it was; ``fingerprint``: the CRL's.
    """

    source: Source
    fingerprint: str | None
    url: str | None
    revoked_at: datetime | None
    this_update: datetime
    next_update: datetime | None


@dataclass(frozen=True, slots=True)
class RevocationView:
    """Whether a certificate is revoked: ``good``, ``revoked`` or ``unknown``; who says so, the newest word first."""

    status: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class UseView:
    """A message that used a certificate: the id of its record, and when it came."""

    record_id: str
    at: datetime


def revocation(wiring: Wiring, certificate: Certificate, at: datetime) -> RevocationView:
    """Return what the evidence at hand says of a stored certificate at ``at``. Raises ``Fault``."""
    store = wiring.store
    above, _ = store.evidence.path(certificate, at)
    evidence = store.evidence.revocation(certificate)
    if not above:
        return RevocationView("unknown", ())
    (status,) = statuses((certificate, above[0]), (), evidence, at)
    words = sorted(_words(store, certificate, evidence), key=lambda word: word.this_update, reverse=True)
    return RevocationView(status.value, tuple(words))


def _words(store: Store, certificate: Certificate, evidence: RevocationEvidence) -> Iterator[Word]:
    urls = store.revocation_lists.urls()
    for item in evidence.lists:
        entries = item.entries({certificate.serial}) if certificate.serial >= 0 else ()
        if same_name(item.issuer_der, certificate.issuer_der):
            revoked_at = entries[0].revocation_date_utc if entries else None
            url = urls.get(item.fingerprint)
            yield Word(Source.CRL, item.fingerprint, url, revoked_at, item.this_update, item.next_update)
    for response in evidence.responses:
        for answer in response.answers:
            if answer.serial == certificate.serial:
                yield Word(Source.OCSP, None, None, answer.revoked_at, answer.this_update, answer.next_update)


def last_use(wiring: Wiring, certificate: Certificate) -> UseView | None:
    """Return the newest message that was signed by it or encrypted to it, where one is found. Raises ``Fault``.

    Looked for among the newest records of the certificate's addresses.
    """
    found = [use for address in certificate.addresses if (use := _of(wiring, address, certificate.fingerprint))]
    return max(found, key=lambda use: use.at, default=None)


def _of(wiring: Wiring, address: str, fingerprint: str) -> UseView | None:
    records: Sequence[Document] = wiring.store.journal.page(Query(address=address), None, LOOKED_AT)
    named = (record for record in records if fingerprint in _texts(record.values()))
    return next((UseView(record["id"], datetime.fromisoformat(record["received_at"])) for record in named), None)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Yield all texts in a JSON document."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts(value.values())
        elif isinstance(value, list):
            yield from _texts(value)
