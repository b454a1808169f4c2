"""Mail that was opened, by the names an answer may give it, so that an answer in clear is noticed (RFC 9787 §5.4).

Every opened mail is remembered with its author and the strictest setting of the groups it was opened for; an id that
came in plain before, or comes later, is none the less one that was opened. Plain sightings are stored beside, too, but
only so many: somebody's mail that merely has the id of a plain one, as every copy of a list's mail has, is not taken
for opened mail sent on. To forget one can only make us too strict.

Names (``mail.message_id``) are kept as 16 bytes of their SHA-256, authors as so much of a MAC, which is another under
every name. While nothing was ever opened, nothing is asked but that, twice a second.
"""

import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import BindParameter, Row, Table, bindparam, select

from gateway.mail.address import folded
from gateway.policy.rule import ReplyRule, strictest_on_answers
from gateway.store import schema
from gateway.store.database import Database, insert_new
from gateway.store.generation import LOOK_EVERY, Clock
from gateway.store.keys.wrapping import Wrapping
from gateway.store.pruning import prune

PLAIN_KEPT = 1_000_000
"""Plain sightings that are kept, the newest; some 70 MB."""
PRUNE_AT_ONCE = 10_000
_ASK_AT_ONCE = 500
_PURPOSE = "authors of opened mail"
_OPENED = schema.opened_mail
_PLAIN = schema.plain_mail
# Made once: every outbound message asks.
_NAMES: BindParameter[list[bytes]] = bindparam("names", expanding=True)
_UNDER = {table: select(table).where(table.c.name.in_(_NAMES)) for table in (_OPENED, _PLAIN)}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A mail came in plain, under these names."""

    names: Collection[str]
    at: datetime


class StoredReplies:
    """Answers ``engine.wants.AnyOpened``, ``OpenedUnder`` and ``SentOnUnder``. All methods raise ``Fault``."""

    def __init__(self, database: Database, wrapping: Wrapping, clock: Clock, plain_kept: int = PLAIN_KEPT) -> None:
        self._database = database
        self._wrapping = wrapping
        self._clock = clock
        self._plain_kept = plain_kept
        self._any = False
        self._look_at = clock()

    def remember(self, names: Iterable[str], author: str | None, setting: ReplyRule, at: datetime) -> None:
        """Note that mail with these names was opened, durable when this returns."""
        hashed = sorted({_hash(name) for name in names})
        rows = [{"name": name, "author": self._author(name, author), "setting": setting, "at": at} for name in hashed]
        with self._database.write() as connection:
            insert_new(connection, _OPENED, rows)
        self._look_at = self._clock()

    def write(self, sightings: Sequence[Sighting]) -> None:
        """Note mail that came in plain, in one transaction."""
        rows = [{"name": _hash(name), "at": seen.at} for seen in sightings for name in seen.names]
        with self._database.write(lasting=False) as connection:
            insert_new(connection, _PLAIN, rows)

    def answered(self, names: Iterable[str]) -> ReplyRule | None:
        """Return the strictest setting of the mail that was opened under any of these names; None: none was."""
        return strictest_on_answers(ReplyRule(row.setting) for row in self._opened(set(map(_hash, names))))

    def sent_on(self, names: Iterable[str], author: str | None) -> ReplyRule | None:
        """Return the same of mail that this author wrote, under names that never came in plain."""
        rows = [row for row in self._opened(set(map(_hash, names))) if row.author == self._author(row.name, author)]
        plain = {row.name for row in self._rows(_PLAIN, {row.name for row in rows})} if rows else set()
        return strictest_on_answers(ReplyRule(row.setting) for row in rows if row.name not in plain)

    def _opened(self, names: Collection[bytes]) -> list[Row[Any]]:
        return list(self._rows(_OPENED, names)) if names and self.any_opened() else []

    def _rows(self, table: Table, names: Collection[bytes]) -> Iterator[Row[Any]]:
        query, wanted = _UNDER[table], sorted(names)
        with self._database.read() as connection:
            for start in range(0, len(wanted), _ASK_AT_ONCE):
                yield from connection.execute(query, {"names": wanted[start : start + _ASK_AT_ONCE]})

    def any_opened(self) -> bool:
        """Return whether mail was ever opened, as known at most half a second ago; once it was, that stays so."""
        if not self._any and self._clock() >= self._look_at:
            with self._database.read() as connection:
                self._any = connection.scalar(select(_OPENED.c.name).limit(1)) is not None
            self._look_at = self._clock() + LOOK_EVERY
        return self._any

    def _author(self, name: bytes, author: str | None) -> bytes:
        text = folded(author or "").encode("utf-8", "surrogatepass")
        return hmac.digest(self._wrapping.mac_key(_PURPOSE), name + text, "sha256")[:16]

    def prune(self, before: datetime) -> int:
        """Forget what was seen before that time, and the oldest plain sightings over their number; return how many."""
        limits = {_OPENED: before, _PLAIN: max(before, self._end_of_plain() or before)}
        return sum(
            prune(self._database, table.c.name, table.c.at < limit, at_once=PRUNE_AT_ONCE)
            for table, limit in limits.items()
        )

    def _end_of_plain(self) -> datetime | None:
        """When the oldest plain sighting that is still to be kept was made; None: there are not too many."""
        newest = select(_PLAIN.c.at).order_by(_PLAIN.c.at.desc())
        with self._database.read() as connection:
            return connection.scalar(newest.offset(self._plain_kept - 1).limit(1))


def _hash(name: str) -> bytes:
    return sha256(name.encode("utf-8", "surrogatepass")).digest()[:16]
