"""The ledger: copies the next hop took in transactions whose client has not had our 250.

A client that got no 250 sends the same bytes again; copies already taken must then not be made twice, and none be
lost. A row is one copy, kept from the moment the next hop took it until the client has its 250. It is *open* while the
transaction runs, *released* when the client got no 250. A new attempt may claim rows that are released, or whose owner
has ended (``gateways.fate``). Rows of a live transaction are never claimed: the same bytes sent twice on purpose are
two mails. Where nobody can say yet whether the owner runs, the new attempt has to wait.

Owners are processes. Where two identical mails run in one process at once, a failure of one may repeat a copy, but
lose none: nothing is released while the other still runs. So each ``claim`` must end in one ``release`` or ``forget``.
What a fault kept from being released or forgotten is done before the next claim: entries left open would pass for
those of a failed transaction once this process has ended, and the same mail sent on purpose would be taken for it.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, select, update
from sqlalchemy.sql.dml import UpdateBase

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.database import Database, insert_new
from gateway.store.gateways.fate import Fate, fate
from gateway.store.ledger.owner import host_of, is_alive_here
from gateway.store.pruning import prune

FOREIGN_AGE = timedelta(minutes=15)
"""Age of an entry whose owner nobody can ask after from which he is taken for ended."""
PRUNE_AT_ONCE = 10_000
_TABLE = schema.ledger


class StoredLedger:
    """Implements ``engine.ports.Ledger``. All methods raise ``Fault``; what they wrote is durable when they return."""

    def __init__(self, database: Database, owner: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._owner = owner
        self._now = now
        self._running: Counter[bytes] = Counter()
        self._lock = Lock()
        self._owed: list[UpdateBase] = []

    def claim(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> frozenset[str]:
        """Return the recipients an earlier, failed transaction already served, and take their entries over.

        Raises ``Fault``, too, where such a transaction may be under way at a gateway that has fallen silent.
        """
        mail = _mail(digest, door, sender)
        with self._lock:
            self._running[mail] += 1
        self._settle()
        names = {_hash(address): address for address in recipients}
        entries = select(_TABLE).where(_TABLE.c.mail == mail)
        with self._database.read() as connection:
            if not self._claimable(connection, entries, names):
                return frozenset()  # nearly always; so nobody waits for a lock
        with self._database.write() as connection:
            rows = self._claimable(connection, entries.with_for_update(), names)
            for row in rows:
                connection.execute(delete(_TABLE).where(*_is(mail, row.owner), _TABLE.c.recipient == row.recipient))
            self._open(connection, mail, {row.recipient for row in rows})
        return frozenset(names[row.recipient] for row in rows)

    def taken(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> None:
        """Note that the next hop took these recipients' copy; durable when this returns."""
        with self._database.write() as connection:
            self._open(connection, _mail(digest, door, sender), {_hash(address) for address in recipients})

    def release(self, digest: bytes, door: str, sender: str) -> None:
        """The client got no 250: leave our entries for its next attempt."""
        mail = _mail(digest, door, sender)
        if self._ended(mail):
            self._end(mail, update(_TABLE).where(*_is(mail, self._owner)).values(released=True))

    def forget(self, digest: bytes, door: str, sender: str) -> None:
        """The client got its 250: drop our entries."""
        mail = _mail(digest, door, sender)
        self._ended(mail)
        self._end(mail, delete(_TABLE).where(*_is(mail, self._owner)))

    def waiting(self) -> bool:
        """Whether some entry may wait for a retry; cheap."""
        with self._database.read() as connection:
            return connection.execute(select(_TABLE.c.mail).limit(1)).first() is not None

    def release_ended(self) -> None:
        """Leave the entries of this host's processes that have ended to the next attempts, wherever these come in."""
        with self._database.read() as connection:
            owners = connection.scalars(select(_TABLE.c.owner).where(~_TABLE.c.released).distinct()).all()
        ended = [owner for owner in owners if is_alive_here(owner, host_of(self._owner)) is False]
        if ended:
            self._write([update(_TABLE).where(_TABLE.c.owner.in_(ended)).values(released=True)])

    def prune(self, before: datetime) -> int:
        """Delete the entries last touched before that time; return how many."""
        return prune(self._database, _TABLE.c.mail, _TABLE.c.at < before, at_once=PRUNE_AT_ONCE)

    def _end(self, mail: bytes, statement: UpdateBase) -> None:
        try:
            if self._has(mail):
                self._write([statement])
        except Fault:
            with self._lock:
                self._owed.append(statement)
            raise

    def _settle(self) -> None:
        """Do what failed before. Raises ``Fault`` where it fails again."""
        if not self._owed:
            return
        with self._lock:
            owed, self._owed = self._owed, []
        try:
            self._write(owed)
        except Fault:
            with self._lock:
                self._owed += owed
            raise

    def _write(self, statements: Iterable[UpdateBase]) -> None:
        with self._database.write() as connection:
            for statement in statements:
                connection.execute(statement)

    def _has(self, mail: bytes) -> bool:
        """Whether there is anything of ours to write; nearly never, and then nobody waits for a lock."""
        with self._database.read() as connection:
            return connection.execute(select(_TABLE.c.mail).where(*_is(mail, self._owner)).limit(1)).first() is not None

    def _ended(self, mail: bytes) -> bool:
        """Note that a transaction ended; return whether no other with the same mail runs in this process."""
        with self._lock:
            self._running[mail] -= 1
            last = self._running[mail] <= 0
            if last:
                del self._running[mail]
        return last

    def _open(self, connection: Connection, mail: bytes, recipients: Iterable[bytes]) -> None:
        same = {"mail": mail, "owner": self._owner, "released": False, "at": self._now()}
        insert_new(connection, _TABLE, [same | {"recipient": recipient} for recipient in sorted(recipients)])

    def _claimable(self, connection: Connection, entries: Select[Any], names: Container[bytes]) -> list[Row[Any]]:
        rows = connection.execute(entries).all()
        return [row for row in rows if row.recipient in names and (row.released or self._is_free(connection, row))]

    def _is_free(self, connection: Connection, row: Row[Any]) -> bool:
        known = fate(connection, row.owner, self._owner)
        if known is Fate.SILENT:
            raise Fault("the same mail may be under way at a gateway that has fallen silent")
        too_old = row.at < self._now() - FOREIGN_AGE
        return known is Fate.ENDED or (known is not Fate.RUNS and too_old)


def _mail(digest: bytes, door: str, sender: str) -> bytes:
    return sha256(digest + _hash(door) + _hash(sender)).digest()


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _is(mail: bytes, owner: str) -> tuple[ColumnElement[bool], ...]:
    return _TABLE.c.mail == mail, _TABLE.c.owner == owner
