"""Where evidence of revocation is fetched from, and when each is due: shared by all processes.

A source is noted when the status of a certificate is wanted. It is due at once; whoever claims it first fetches it.
What came is filed as evidence. A list then is due again ahead of its nextUpdate, and at least once a day; a response is
not refreshed, for that would tell its authority whose mail is still expected. After a failure there is a pause, each
twice the one before; a source that fails for a week is forgotten until somebody wants it again. Where a source fails,
or its list leaves the certificate's status open, the next one that the certificate names takes its place.

Not here: fetching and verifying (``lookup``), and whether the path still holds.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from gateway import backoff
from gateway.pki.path import CertificatePath
from gateway.pki.revocation import RevocationList, StatusResponse
from gateway.pki.sources import Kind, Source, sources_of
from gateway.store import schema
from gateway.store.certificates.path import packed, unpacked
from gateway.store.database import Database, insert_new
from gateway.store.due import is_due
from gateway.store.generation import Generation
from gateway.store.revocation import lists, responses

MAX_SOURCES = 500
"""More are not noted: somebody would have to issue addresses by the hundred."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=4)
MAX_FAILURES = 48
"""In a row, about a week's."""
SOONEST, LATEST = timedelta(minutes=1), timedelta(days=1)
"""Between two fetches of a list that is fetched well."""
_TABLE = schema.revocation_sources


class StoredSources:
    """What ``mailflow.status_lookup`` works through. All methods raise ``Fault``."""

    def __init__(self, database: Database, generation: Generation) -> None:
        self._database = database
        self._generation = generation

    def want(self, path: CertificatePath, at: datetime) -> bool:
        """Note the best source for the first certificate of ``path``; return whether there is room for it.

        Of the sources that the certificate names, the best is the first that is not in vain. Nothing happens where it
        is noted already, or all of them are in vain: they are tried again by themselves.
        """
        named = sources_of(path)
        with self._database.read() as connection:
            in_vain = _in_vain(connection, named)
        best = next((source for source in named if not in_vain.get(source.id, False)), None)
        return best is None or best.id in in_vain or self._note(best, at)

    def _note(self, source: Source, at: datetime) -> bool:
        row = {"id": source.id, "kind": source.kind, "url": source.url, "path": packed(source.path)}
        with self._database.write() as connection:
            if (connection.scalar(select(func.count()).select_from(_TABLE)) or 0) >= MAX_SOURCES:
                return False
            insert_new(connection, _TABLE, [row | {"due": at, "failures": 0}])
        return True

    def claim(self, at: datetime, lease: timedelta) -> Source | None:
        """Take the source that has been due longest, for ``lease``; None: there is none, or another was faster.

        What follows must end in one of the three verbs below; else it is due again when the lease is over.
        """
        query = select(_TABLE).where(is_due(_TABLE.c.due, at)).order_by(_TABLE.c.due, _TABLE.c.id).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        as_seen = _TABLE.c.id == row.id, _TABLE.c.due == row.due
        with self._database.write() as connection:
            taken = connection.execute(update(_TABLE).where(*as_seen).values(due=at + lease)).rowcount == 1
        return _source(row) if taken else None

    def fetched(self, source: Source, found: RevocationList | StatusResponse, at: datetime) -> None:
        """File what came from ``source``, verified; all processes see it within a second."""
        with self._database.change() as connection:
            if isinstance(found, RevocationList):
                lists.add_fetched(connection, source, found, at)
                again = {"due": at + _pause_after(found, at), "failures": 0}
                connection.execute(update(_TABLE).where(_TABLE.c.id == source.id).values(again))
            else:
                responses.put(connection, source.path[0], found, at)
                connection.execute(delete(_TABLE).where(_TABLE.c.id == source.id))
        self._generation.expire()

    def failed(self, source: Source, at: datetime) -> None:
        """Nothing came, or nothing that could be taken: try again after a pause."""
        with self._database.write() as connection:
            failures = connection.scalar(select(_TABLE.c.failures).where(_TABLE.c.id == source.id)) or 0
            due = at + backoff.pause(failures + 1, FIRST_PAUSE, LONGEST_PAUSE)
            again = {"due": due, "failures": failures + 1}
            connection.execute(update(_TABLE).where(_TABLE.c.id == source.id).values(again))
            connection.execute(delete(_TABLE).where(_TABLE.c.failures >= MAX_FAILURES))

    def forget(self, source: Source) -> None:
        """The path to ``source`` does not hold any more: nothing is fetched from there, or kept of it."""
        with self._database.change() as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.id == source.id))
            lists.delete_fetched(connection, source)
        self._generation.expire()


def _in_vain(connection: Connection, named: tuple[Source, ...]) -> dict[str, bool]:
    """Return, for each source that is noted, whether it fails, or its list is here and has not answered."""
    lists = schema.revocation_lists.c
    query = select(_TABLE.c.id, _TABLE.c.failures, lists.scope).outerjoin(
        schema.revocation_lists, lists.scope == _TABLE.c.id
    )
    found = connection.execute(query.where(_TABLE.c.id.in_([source.id for source in named])))
    return {row.id: row.failures > 0 or row.scope is not None for row in found}


def _pause_after(found: RevocationList, at: datetime) -> timedelta:
    """Return when to fetch a list again: a tenth of its time ahead of its nextUpdate."""
    left = LATEST if found.next_update is None else (found.next_update - at) * 0.9
    return min(max(left, SOONEST), LATEST)


def _source(row: Row[Any]) -> Source:
    return Source(Kind(row.kind), row.url, unpacked(row.path))
