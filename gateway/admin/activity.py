"""What became of messages: the records of the journal, which are JSON as ``engine.record`` writes it."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from gateway.admin.cure import Cure, cure_of
from gateway.admin.view import Page, page
from gateway.engine.record import from_json
from gateway.store.journal.records import Document, Query
from gateway.wiring import Wiring

__all__ = ["Document", "Mail", "Query", "followed", "listed", "recent", "shown"]


@dataclass(frozen=True, slots=True)
class Mail:
    """One record, the ids of all records of the same mail, in their order, and what would cure what became of it."""

    record: Document
    records: Sequence[str]
    cure: Cure | None


def listed(wiring: Wiring, query: Query, after: str | None = None, limit: int = 50) -> Page[Document]:
    """Return at most ``limit`` records that match and are older than ``after``, newest first.

    Raises ``Fault``, ``Refused``.
    """
    return page(wiring.store.journal.page(query, after, limit + 1), lambda document: str(document["id"]), limit)


def recent(wiring: Wiring, query: Query, limit: int) -> Sequence[Document]:
    """Return the last ``limit`` records that match, newest last. Raises ``Fault``, ``Refused``."""
    return wiring.store.journal.recent(query, limit)


def followed(wiring: Wiring, query: Query, limit: int) -> Iterator[Document]:
    """Yield the last ``limit`` records that match, then every new one, for ever. Raises ``Fault``, ``Refused``."""
    return wiring.store.journal.follow(query, limit)


def shown(wiring: Wiring, name: str, groups: Collection[str] | None = None) -> Mail:
    """Return the record with that id, of a record or of held mail, or a beginning of one; ``groups``: of these only.

    Raises ``Fault``, ``Refused``.
    """
    record, records = wiring.store.journal.get(name, None if groups is None else tuple(groups))
    return Mail(record, records, cure_of(wiring.store, from_json(record)))
