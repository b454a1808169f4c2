"""A memory in front of the store that notices within a second what any process changed.

Every change of certificates and keys raises one number in the store. It is looked up at most twice a second; what was
kept under another number is dropped. So a look-up in the hot path is a dictionary look-up, and an import, deletion or
distrust reaches all workers without a signal. Beside it stands how often something was withdrawn (trust, certificates,
keys, by revocation, too): what was vouched for before a withdrawal is not vouched for any more. Safe for threads.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy import Connection, select, update

from gateway.errors import Fault
from gateway.store import schema
from gateway.store.database import Database

LOOK_EVERY = 0.5
"""Seconds between two looks at the generation."""

K = TypeVar("K")
V = TypeVar("V")
Clock = Callable[[], float]
"""Monotonic seconds."""


class Generation:
    """The number of the store's last change, as known here."""

    def __init__(self, database: Database, clock: Clock = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._seen = (0, 0)
        self._look_at = clock()

    def current(self) -> int:
        """Return the number, at most half a second old. Raises ``Fault``."""
        return self._look()[0]

    def withdrawals(self) -> int:
        """Return how often something was withdrawn, at most half a second old. Raises ``Fault``."""
        return self._look()[1]

    def _look(self) -> tuple[int, int]:
        if self._clock() >= self._look_at:
            columns = schema.condition.c
            with self._database.read() as connection:
                row = connection.execute(select(columns.generation, columns.withdrawals)).first()
            if row is None:
                raise Fault("the store cannot be used: its condition row is missing; restore a backup")
            self._seen = (row.generation, row.withdrawals)
            self._look_at = self._clock() + LOOK_EVERY
        return self._seen

    def expire(self) -> None:
        """Look again next time: this process changed something itself."""
        self._look_at = self._clock()


def withdraw(connection: Connection) -> None:
    """Note, in a transaction that changes the store, that something is withdrawn by it."""
    condition = schema.condition
    connection.execute(update(condition).values(withdrawals=condition.c.withdrawals + 1))


class Cache(Generic[K, V]):
    """At most ``size`` values of one generation; the oldest go first."""

    def __init__(self, generation: Generation, size: int) -> None:
        self._generation = generation
        self._size = size
        self._lock = Lock()
        self._number = 0
        self._kept: dict[K, V] = {}

    def many(
        self,
        wanted: Iterable[K],
        load: Callable[[Sequence[K]], Mapping[K, V]],
        fits: Callable[[V], bool] | None = None,
    ) -> dict[K, V]:
        """Return the values of all ``wanted``; those not kept come from one call of ``load``. Raises ``Fault``.

        ``fits``: whether one that is kept will do; None: any.
        """
        number = self._generation.current()
        asked = tuple(wanted)
        with self._lock:
            self._turn(number)
            found = {key: self._kept[key] for key in asked if key in self._kept}
        if fits is not None:
            found = {key: value for key, value in found.items() if fits(value)}
        if missing := [key for key in dict.fromkeys(asked) if key not in found]:
            loaded = load(missing)
            self._keep(number, loaded)
            found.update(loaded)
        return found

    def one(self, wanted: K, load: Callable[[K], V]) -> V:
        """Return one value, kept or loaded. Raises ``Fault``."""
        return self.many((wanted,), lambda _: {wanted: load(wanted)})[wanted]

    def _turn(self, number: int) -> None:
        if number != self._number:
            self._kept.clear()
            self._number = number

    def _keep(self, number: int, loaded: Mapping[K, V]) -> None:
        with self._lock:
            # What was read under an older number may be out of date by now: use it once, do not keep it.
            if number == self._number:
                self._kept.update(loaded)
                while len(self._kept) > self._size:
                    del self._kept[next(iter(self._kept))]
