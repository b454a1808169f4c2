"""A memory in front of the store that notices within a second what any process changed.

Every change of certificates, keys and evidence raises one number in the store, and tells what it concerns
(``changes``). The number is looked up at most twice a second; what a change concerns is dropped from memory, all else
stays. So a look-up in the hot path is a dictionary look-up, and an import, deletion or distrust reaches all workers
without a signal. Beside the number stands how often something was withdrawn (trust, certificates, keys, by revocation,
too): what was vouched for before a withdrawal is not vouched for any more. Safe for threads.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy import Connection, select, update

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.changes import Names, told
from gateway.store.database import Database

LOOK_EVERY = 0.5
"""Seconds between two looks at the generation."""
TURNS_KEPT = 100
"""A memory that was not asked for so many turns is dropped as a whole."""

V = TypeVar("V")
Clock = Callable[[], float]
"""Monotonic seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a process knows of the store's changes: their number, withdrawals, how often it found the number changed
    (``turn``), and what each of the last turns concerned."""

    number: int = 0
    withdrawals: int = 0
    turn: int = 0
    concerned: tuple[Names, ...] = ()

    def turned(self, number: int, withdrawals: int, names: Names) -> "Seen":
        """Return what is known after one more look."""
        return Seen(number, withdrawals, self.turn + 1, (*self.concerned, names)[-TURNS_KEPT:])

    def since(self, turn: int) -> Names:
        """Return what the turns after ``turn`` concerned."""
        missed = self.turn - turn
        names = [each for each in self.concerned[max(0, len(self.concerned) - missed) :] if each is not None]
        return frozenset[str]().union(*names) if len(names) == missed else None


class Generation:
    """The store's last change, as known here."""

    def __init__(self, database: Database, clock: Clock = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._lock = Lock()
        self._seen = Seen()
        self._look_at = clock()
        self._expiries = 0
        self._expiries_seen = -1

    def current(self) -> int:
        """Return the number, at most half a second old. Raises ``Fault``."""
        return self.look().number

    def withdrawals(self) -> int:
        """Return how often something was withdrawn, at most half a second old. Raises ``Fault``."""
        return self.look().withdrawals

    def look(self) -> Seen:
        """Return what is known of the changes, at most half a second old. Raises ``Fault``."""
        before, expiries, now = self._seen, self._expiries, self._clock()
        if now < self._look_at and expiries == self._expiries_seen:
            return before
        if self._database.is_apart:
            return before  # a change that is not committed yet may never be
        columns = schema.condition.c
        with self._database.read() as connection:
            row = connection.execute(select(columns.generation, columns.withdrawals)).first()
            if row is None:
                raise Fault("the store cannot be used: its condition row is missing; restore a backup")
            changed = row.generation != before.number
            names = told(connection, before.number, row.generation) if changed else None
        with self._lock:
            # Another thread may have looked meanwhile. What it saw stands, unless this is newer: then ``names`` are
            # more than needed. A number below that of the last look is another store's, a restored one's.
            if changed and (row.generation > self._seen.number or self._seen is before):
                self._seen = self._seen.turned(row.generation, row.withdrawals, names)
            self._look_at, self._expiries_seen = now + LOOK_EVERY, expiries
            return self._seen

    @property
    def is_apart(self) -> bool:
        """Whether this thread sees what nobody else does yet: none of it may come into memory."""
        return self._database.is_apart

    def expire(self) -> None:
        """Look again next time: this process changed something itself."""
        self._expiries += 1


def withdraw(connection: Connection) -> None:
    """Note, in a transaction that changes the store, that something is withdrawn by it."""
    condition = schema.condition
    connection.execute(update(condition).values(withdrawals=condition.c.withdrawals + 1))


class Cache(Generic[V]):
    """At most ``size`` values, each under the name that changes of it are told by; the oldest go first."""

    def __init__(self, generation: Generation, size: int, *rests_on: str) -> None:
        """``rests_on``: further names, which concern all values."""
        self._generation = generation
        self._size = size
        self._rests_on = frozenset(rests_on)
        self._lock = Lock()
        self._turn = 0
        self._kept: dict[str, V] = {}

    def many(
        self,
        wanted: Iterable[str],
        load: Callable[[Sequence[str]], Mapping[str, V]],
        fits: Callable[[V], bool] | None = None,
    ) -> dict[str, V]:
        """Return the values of all ``wanted``; those not kept come from one call of ``load``. Raises ``Fault``.

        ``fits``: whether one that is kept will do; None: any.
        """
        asked = tuple(wanted)
        if self._generation.is_apart:
            return dict(load(list(dict.fromkeys(asked))))
        seen = self._generation.look()
        with self._lock:
            self._follow(seen)
            found = {key: self._kept[key] for key in asked if key in self._kept}
        if fits is not None:
            found = {key: value for key, value in found.items() if fits(value)}
        if missing := [key for key in dict.fromkeys(asked) if key not in found]:
            loaded = load(missing)
            self._keep(seen.turn, loaded)
            found.update(loaded)
        return found

    def one(self, wanted: str, load: Callable[[str], V]) -> V:
        """Return one value, kept or loaded. Raises ``Fault``."""
        if self._generation.is_apart:
            return load(wanted)
        seen = self._generation.look()
        with self._lock:
            self._follow(seen)
            if wanted in self._kept:
                return self._kept[wanted]
        loaded = load(wanted)
        self._keep(seen.turn, {wanted: loaded})
        return loaded

    def _follow(self, seen: Seen) -> None:
        """Drop what has changed; where another thread saw more already, there is nothing to do."""
        if seen.turn <= self._turn:
            return
        names = seen.since(self._turn)
        if names is None or not names.isdisjoint(self._rests_on):
            self._kept.clear()
        else:
            for name in names:
                self._kept.pop(name, None)
        self._turn = seen.turn

    def _keep(self, turn: int, loaded: Mapping[str, V]) -> None:
        with self._lock:
            # What was read before a turn may be out of date by now: use it once, do not keep it.
            if turn == self._turn:
                self._kept.update(loaded)
                while len(self._kept) > self._size:
                    del self._kept[next(iter(self._kept))]
