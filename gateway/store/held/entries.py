"""Held mail: inbound messages that a missing certificate or key kept from being opened or judged, to be tried again.

An entry is *waiting* until an import brings what it needs (``needs``), then *ready*, and *trying* while one process
has it. What the attempt gave ends it, or leaves it ``ready`` for a later hour, ``waiting`` for something else,
*judged* (readable now, to be delivered again only when asked for) or *failed* (refused for good). One that may not
leave is *withheld* from the first: it is there to be seen, and never tried. Only one process tries an entry at a time,
of a gateway that has the door it came by: it is leased, and free again when the lease is over or the process has ended
(``gateways.fate``). One whose
attempts end so three times is failed, so that no message stops the gateway for ever.

One whose content key opened something else (``key-reused``) waits for nothing but an administrator who names it.

An import and an attempt may cross. So every entry knows the generation of the store it was judged under; if that is
not the store's when the entry is written, something was imported meanwhile, and the entry is ready at once. One that
needs nothing (a milter could not open it for some recipients and not for others) is ready after a minute.

The content is encrypted at rest (``pieces``); the envelope is not, no more than in the journal. The database
locks the row of ``condition`` first, as imports do, so that no two can wait for one another.

Not here: opening and judging, and sending.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update

from gateway import backoff
from gateway.errors import Conflict, Fault, Malformed, Refused
from gateway.pki.need import Need
from gateway.reason import Reason
from gateway.store import schema
from gateway.store.database import Database, insert_new
from gateway.store.due import is_due
from gateway.store.gateways.fate import Fate, fate
from gateway.store.gateways.presence import doors_elsewhere
from gateway.store.generation import Generation
from gateway.store.held import data_keys, needs, pieces
from gateway.store.held.message import HeldMessage, State, messages, new_row, one_message, words
from gateway.store.keys.key_encryption_key import KeyEncryptionKey
from gateway.store.keys.wrapping import Wrapping
from gateway.store.ledger.owner import gateway_of
from gateway.store.pruning import prune
from gateway.store.refusal import Misconfigured, NotPermitted

FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=4)
"""Between two attempts; each pause is twice the one before."""
AFTER_THE_ORIGINAL = timedelta(minutes=1)
"""Until the attempt at a message that needs nothing: the mail as it came is to arrive before the answer to it."""
MAX_CRASHES = 3
ENTRY_COST = 4096
"""Bytes that an entry takes beside its content, about."""
BY_HAND = Reason.KEY_REUSED
"""The reason of those that only an administrator has tried again, who names each and knows what it may be."""
PRUNE_AT_ONCE = 100
_CANDIDATES = 50
_TABLE = schema.held


class NotHeld(StrEnum):
    """Why a message is not held, by the setting that says so."""

    MAX_SIZE = "max_size"
    MAX_TOTAL = "max_total"
    MAX_PER_SENDER = "max_per_sender"


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """How much is held: bytes of one message, bytes of all with ``ENTRY_COST`` for each, messages of one sender."""

    max_size: int
    max_total: int
    max_per_sender: int


@dataclass(frozen=True, slots=True)
class Held:
    """What ``hold`` did: ``id`` of the entry (``new`` now, or there already), or None and why not."""

    id: str | None
    new: bool = False
    why_not: NotHeld | None = None


class StoredHeld:
    """The held mail of this store, as ``owner`` (a process) uses it. All methods raise ``Fault``."""

    def __init__(self, database: Database, generation: Generation, wrapping: Wrapping, owner: str) -> None:
        self._database = database
        self._generation = generation
        self._wrapping = wrapping
        self._owner = owner

    # what happens to mail

    def hold(self, message: HeldMessage, content: bytes, limits: HoldLimits, judged_under: int) -> Held:
        """Keep a message, whole or not at all, unless it is there or a limit is reached; older ones never give way.

        ``judged_under``: the store's generation before the message was judged.
        """
        if len(content) > limits.max_size:
            return Held(None, why_not=NotHeld.MAX_SIZE)
        self._wrapping_key()
        own = KeyEncryptionKey.fresh()
        row = new_row(message, judged_under)
        with self._database.write() as connection:
            if connection.scalar(select(_TABLE.c.id).where(_TABLE.c.id == message.id)) is not None:
                return Held(message.id)
            if full := _full(connection, row, limits):
                return Held(None, why_not=full)
            if not insert_new(connection, _TABLE, [row]):
                return Held(message.id)
            name = pieces.label(message.id, row["size"], row["facts"])
            pieces.write(connection, own, message.id, name, content)
            needs.replace(connection, message.id, message.needs)
            overtaken = _line_up(connection) != judged_under
            if full := _full(connection, row, limits):  # others, who stood before us in the line, took the room
                connection.rollback()
                return Held(None, why_not=full)
            values: dict[str, Any] = {"data_key": data_keys.wrapped(self._wrapping_key(connection), message.id, own)}
            woken = message.state is State.WAITING and message.reason is not BY_HAND
            if woken and (overtaken or not message.needs):
                due = message.received_at + (timedelta() if message.needs else AFTER_THE_ORIGINAL)
                values |= {"state": State.READY, "due": due}
            connection.execute(update(_TABLE).where(_TABLE.c.id == message.id).values(values))
        return Held(message.id, new=True)

    def claim(
        self, now: datetime, lease: timedelta, doors: Collection[str] | None = None
    ) -> tuple[HeldMessage, bytes] | None:
        """Take the next entry that is due, and its content, for one attempt of at most ``lease``; None: there is none.

        ``doors``: those of this gateway; what came by a door that only others have is left to them. None: nothing is.
        What follows sees certificates and keys at least as they are now. It must end in one of the four verbs below.
        """
        candidates = self._candidates(now, doors)
        if candidates:
            self._wrapping_key()  # without it nothing is taken: another gateway may have it
        for row in candidates:
            if not self._take(row, now + lease):
                continue
            self._generation.expire()
            try:
                return self._opened(row)
            except (Malformed, Refused) as error:  # damaged, or deleted at this moment
                self.failed_permanently(row.id, f"{error}: it can only be deleted")
        return None

    def _candidates(self, now: datetime, doors: Collection[str] | None) -> list[Row[Any]]:
        due = and_(_TABLE.c.state == State.READY, is_due(_TABLE.c.due, now))
        query = select(_TABLE).where(or_(due, _TABLE.c.state == State.TRYING)).order_by(_TABLE.c.due, _TABLE.c.id)
        with self._database.read() as connection:
            if doors is not None and (theirs := doors_elsewhere(connection, gateway_of(self._owner), doors)):
                query = query.where(or_(_TABLE.c.door.is_(None), _TABLE.c.door.not_in(theirs)))
            rows = connection.execute(query.limit(_CANDIDATES)).all()
            return [row for row in rows if row.state == State.READY or self._is_free(connection, row, now)]

    def _is_free(self, connection: Connection, row: Row[Any], now: datetime) -> bool:
        return row.due <= now or fate(connection, row.owner, self._owner) is Fate.ENDED

    def _take(self, row: Row[Any], until: datetime) -> bool:
        """Lease an entry, unless another was faster; one that ended too many processes is given up."""
        crashes = row.crashes + (row.state == State.TRYING)
        values: dict[str, Any] = {"owner": self._owner, "state": State.TRYING, "due": until, "crashes": crashes}
        if crashes >= MAX_CRASHES:
            note = f"{crashes} attempts ended without a word: the process died, or took longer than it may"
            values |= {"owner": None, "state": State.FAILED, "note": note}
        values |= {"attempts": row.attempts + 1, "generation": select(schema.condition.c.generation).scalar_subquery()}
        as_seen = [_TABLE.c[name] == getattr(row, name) for name in ("id", "state", "due", "owner")]
        with self._database.write() as connection:
            taken = connection.execute(update(_TABLE).where(*as_seen).values(values)).rowcount == 1
        return taken and crashes < MAX_CRASHES

    def _opened(self, row: Row[Any]) -> tuple[HeldMessage, bytes]:
        name = pieces.label(row.id, row.size, row.facts)
        with self._database.read() as connection:
            message = one_message(connection, row.id)
            key = data_keys.opened(connection, self._wrapping, row.id)
            return message, pieces.read(connection, key, row.id, name, row.size)

    # how an attempt ends

    def succeeded(self, held: str) -> None:
        """It was delivered, or there is nothing more to do: nothing stays here; the records tell of it."""
        with self._database.write() as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.id == held))

    def judged(self, held: str, note: str) -> None:
        """It can be read and judged now, and is to be delivered again only when an administrator asks for it."""
        self._settle(held, state=State.JUDGED, asked=False, note=note)

    def failed_temporarily(self, held: str, now: datetime, note: str) -> None:
        """It could not be delivered now: try again after a pause."""
        with self._database.read() as connection:
            attempts = connection.scalar(select(_TABLE.c.attempts).where(_TABLE.c.id == held)) or 1
        due = now + backoff.pause(attempts, FIRST_PAUSE, LONGEST_PAUSE)
        self._settle(held, state=State.READY, due=due, note=note)

    def failed_permanently(self, held: str, note: str) -> None:
        """It was refused for good: it stays, and is tried again only when an administrator asks for it."""
        self._settle(held, state=State.FAILED, asked=False, note=note)

    def still_waiting(self, held: str, wanted: frozenset[Need], reason: Reason) -> None:
        """It still cannot be opened or judged: wait for this; if something was imported meanwhile, try again."""
        with self._database.write() as connection:
            generation = _line_up(connection)
            row = connection.execute(select(_TABLE).where(*self._ours(held))).first()
            if row is None:
                return
            waits = reason is BY_HAND or row.generation == generation
            state = State.WAITING if waits else State.READY
            ended = {"owner": None, "crashes": 0, "asked": False, "due": row.received_at}
            connection.execute(update(_TABLE).where(_TABLE.c.id == held).values(state=state, reason=reason, **ended))
            needs.replace(connection, held, wanted)

    def _settle(self, held: str, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(_TABLE).where(*self._ours(held)).values(owner=None, crashes=0, **values))

    def _ours(self, held: str) -> tuple[ColumnElement[bool], ...]:
        """An entry may have been deleted meanwhile, or leased to another when our lease was over."""
        return _TABLE.c.id == held, _TABLE.c.state == State.TRYING, _TABLE.c.owner == self._owner

    # what an administrator does

    def list(self, text: str = "") -> list[HeldMessage]:
        """Return the held messages, newest last; ``text``: only those with it in ids, addresses, reason or state."""
        with self._database.read() as connection:
            found = messages(connection)
        return [message for message in found if text.lower() in words(message).lower()]

    def get(self, name: str) -> HeldMessage:
        """Return the message with that id or unambiguous prefix. Raises ``Refused``."""
        with self._database.read() as connection:
            return one_message(connection, name)

    def content(self, name: str) -> bytes:
        """Return the content of the message with that id or unambiguous prefix. Raises ``Refused``."""
        message = self.get(name)
        with self._database.read() as connection:
            row = connection.execute(select(_TABLE).where(_TABLE.c.id == message.id)).first()
        if row is None:
            raise Refused(f"held message {message.id} has just gone")
        try:
            return self._opened(row)[1]
        except Malformed as error:
            raise Refused(f"held message {message.id}: {error}") from error

    def wake(self, need: Need) -> None:
        """Make ready what waits for ``need``, which is met from now on."""
        with self._database.write() as connection:
            _line_up(connection)
            needs.wake_for(connection, (need,))

    def retry(self, names: Sequence[str] = ()) -> Sequence[HeldMessage]:
        """Make these messages ready at once, as asked for; return them. Raises ``Refused``.

        None named: all but those that must be named.
        """
        with self._database.write() as connection:
            _line_up(connection)
            wanted = [_TABLE.c.state != State.TRYING, _TABLE.c.state != State.WITHHELD]
            if names:
                wanted.append(_TABLE.c.id.in_([_idle(connection, name).id for name in names]))
            else:
                wanted.append(_TABLE.c.reason != BY_HAND)
            chosen = messages(connection, *wanted)
            ready = {"state": State.READY, "due": _TABLE.c.received_at, "attempts": 0, "crashes": 0, "asked": True}
            connection.execute(update(_TABLE).where(*wanted).values(ready))
        return chosen

    def delete(self, name: str) -> HeldMessage:
        """Delete a held message and return what it was. Raises ``Refused``."""
        with self._database.write() as connection:
            _line_up(connection)
            gone = one_message(connection, name)
            connection.execute(delete(_TABLE).where(_TABLE.c.id == gone.id))
        return gone

    def prune(self, before: datetime) -> int:
        """Delete what was received before that time and is not being tried; return how many."""
        free = or_(_TABLE.c.state != State.TRYING, _TABLE.c.due < before)
        old = _TABLE.c.received_at < before, free
        return prune(self._database, _TABLE.c.id, *old, at_once=PRUNE_AT_ONCE, first=_line_up)

    def totals(self) -> tuple[int, int]:
        """Return how many messages are held, and their bytes."""
        with self._database.read() as connection:
            count, size = connection.execute(select(func.count(), func.sum(_TABLE.c.size)).select_from(_TABLE)).one()
        return count, int(size or 0)

    def _wrapping_key(self, connection: Connection | None = None) -> KeyEncryptionKey:
        """Return the key-encryption key, in a transaction: that which stays it until the end."""
        try:
            return self._wrapping.key() if connection is None else self._wrapping.first_use(connection)
        except (Misconfigured, NotPermitted) as error:  # it was right when the store was opened
            raise Fault(str(error)) from error


def _line_up(connection: Connection) -> int:
    """Stand in line with imports, and return the store's generation."""
    number: int | None = connection.scalar(select(schema.condition.c.generation).with_for_update())
    if number is None:
        raise Fault("the store cannot be used: its condition row is missing; restore a backup")
    return number


def _full(connection: Connection, row: dict[str, Any], limits: HoldLimits) -> NotHeld | None:
    """Return the limit that a message, which may be there already, exceeds together with all others.

    What is withheld has as much room of its own: a stranger who fills the other has no opened mail returned to him.
    """
    withheld = _TABLE.c.state == State.WITHHELD
    alike = and_(_TABLE.c.id != row["id"], withheld if row["state"] == State.WITHHELD else ~withheld)
    total = connection.scalar(select(func.sum(_TABLE.c.size + ENTRY_COST)).where(alike)) or 0
    if total + row["size"] + ENTRY_COST > limits.max_total:
        return NotHeld.MAX_TOTAL
    of_sender = connection.scalar(select(func.count()).where(alike, _TABLE.c.sender == row["sender"])) or 0
    return NotHeld.MAX_PER_SENDER if of_sender >= limits.max_per_sender else None


def _idle(connection: Connection, name: str) -> HeldMessage:
    found = one_message(connection, name)
    if found.state is State.TRYING:
        raise Conflict(f"held message {found.id} is being tried at this moment")
    if found.state is State.WITHHELD:
        raise Conflict(f"held message {found.id} may not be sent; it can only be deleted")
    return found
