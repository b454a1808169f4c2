"""Which Message-IDs arrived on encrypted mail, so that an answer in clear is noticed (RFC 9787 §5.4).

The first sighting of an id counts for good: one first seen on plain mail does not become encrypted later, or anybody
could make answers to a conversation impossible by sending an encrypted mail under its id; nor does an encrypted one
become plain. So plain sightings are stored, too, but only so many; forgetting one of them can only make us too strict.

Ids are stored as 16 bytes of their SHA-256. They are compared to the letter, angle brackets and blanks around left out.
While no encrypted mail ever came, nothing is asked but this, twice a second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import bindparam, delete, select

from gateway.store import schema
from gateway.store.database import Database, insert_new
from gateway.store.generation import LOOK_EVERY, Clock

PLAIN_KEPT = 1_000_000
"""Plain sightings that are kept, the newest; some 70 MB."""
PRUNE_AT_ONCE = 10_000
_ASK_AT_ONCE = 500
_TABLE = schema.message_ids
_REMEMBERED = select(_TABLE.c.id).where(_TABLE.c.id.in_(bindparam("ids", expanding=True)), _TABLE.c.encrypted)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One mail passed with this Message-ID; ``encrypted``: it arrived encrypted and was decrypted."""

    message_id: str
    encrypted: bool
    at: datetime


class StoredReplies:
    """The Message-IDs seen. All methods raise ``Fault``."""

    def __init__(self, database: Database, clock: Clock, plain_kept: int = PLAIN_KEPT) -> None:
        self._database = database
        self._clock = clock
        self._plain_kept = plain_kept
        self._any = False
        self._look_at = clock()

    def write(self, sightings: Sequence[Sighting]) -> None:
        """Note sightings in their order, in one transaction; encrypted ones are durable when this returns."""
        with self._database.write(lasting=any(seen.encrypted for seen in sightings)) as connection:
            rows = [(_hash(seen.message_id), seen) for seen in sightings]
            new = [{"id": name, "encrypted": seen.encrypted, "at": seen.at} for name, seen in rows if name]
            insert_new(connection, _TABLE, new)
        self._look_at = self._clock()

    def remember(self, message_id: str, at: datetime) -> None:
        """Note that mail with this Message-ID arrived encrypted, unless it was seen on plain mail before."""
        self.write([Sighting(message_id, True, at)])

    def known(self, message_ids: Iterable[str]) -> frozenset[str]:
        """Return those that are remembered as encrypted, spelt as they are asked for."""
        names = {message_id: name for message_id in message_ids if (name := _hash(message_id))}
        wanted = sorted(set(names.values()))
        if not wanted or not self._any_remembered():
            return frozenset()
        found: set[bytes] = set()
        with self._database.read() as connection:
            for start in range(0, len(wanted), _ASK_AT_ONCE):
                found.update(connection.scalars(_REMEMBERED, {"ids": wanted[start : start + _ASK_AT_ONCE]}))
        return frozenset(message_id for message_id, name in names.items() if name in found)

    def _any_remembered(self) -> bool:
        """Whether encrypted mail ever came, as known at most half a second ago; once it did, that stays so."""
        if not self._any and self._clock() >= self._look_at:
            with self._database.read() as connection:
                self._any = connection.scalar(select(_TABLE.c.id).where(_TABLE.c.encrypted).limit(1)) is not None
            self._look_at = self._clock() + LOOK_EVERY
        return self._any

    def prune(self, before: datetime) -> int:
        """Forget what was seen before that time, and the oldest plain sightings over their number; return how many."""
        pruned = 0
        for encrypted in (True, False):
            limit = before if encrypted else max(before, self._end_of_plain() or before)
            while gone := self._prune_some(encrypted, limit):
                pruned += gone
        return pruned

    def _prune_some(self, encrypted: bool, before: datetime) -> int:
        old = select(_TABLE.c.id).where(_TABLE.c.encrypted == encrypted, _TABLE.c.at < before).limit(PRUNE_AT_ONCE)
        with self._database.write() as connection:
            return connection.execute(delete(_TABLE).where(_TABLE.c.id.in_(old))).rowcount

    def _end_of_plain(self) -> datetime | None:
        """When the oldest plain sighting that is still to be kept was made; None: there are not too many."""
        newest = select(_TABLE.c.at).where(~_TABLE.c.encrypted).order_by(_TABLE.c.at.desc())
        with self._database.read() as connection:
            return connection.scalar(newest.offset(self._plain_kept - 1).limit(1))


def _hash(message_id: str) -> bytes:
    """Return the stored form of an id; empty where there is none."""
    plain = message_id.strip().removeprefix("<").removesuffix(">")
    return sha256(plain.encode("utf-8", "surrogatepass")).digest()[:16] if plain else b""
