"""Rows of the audit log and their chain: each one's hash is over its fields and the hash of the row before it.

What is hashed is a JSON array, ASCII and without blanks, of the columns as they are stored: number, time, kind and name
of the actor, verb, effects, the hash before. So it can be followed in any language.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

NOTHING = "0" * 64
"""What stands before the first row."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of one object. ``kind``, ``name``: which; ``result``: a word; ``detail``: one line more, or empty."""

    kind: str
    name: str
    result: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.result}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that somebody did at ``at`` (aware, UTC)."""

    at: datetime
    actor_kind: str
    actor: str
    verb: str
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: the row of that number has that hash; 0 and ``NOTHING``: before the first."""

    sequence: int = 0
    hash: str = NOTHING


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as the database holds it: ``at`` in microseconds since 1970 (UTC), ``actor`` and ``effects`` as JSON."""

    sequence: int
    at: int
    actor_kind: str
    actor: str
    verb: str
    effects: str
    previous: str
    hash: str = ""

    def linked(self) -> "Stored":
        """Return it with the hash it has to have."""
        fields = [getattr(self, name) for name in Stored.__slots__ if name != "hash"]
        text = json.dumps(fields, separators=(",", ":"))
        return replace(self, hash=hashlib.sha256(text.encode()).hexdigest())

    def entry(self) -> Entry:
        """Return what it says. Raises ``ValueError``, ``TypeError``, ``OverflowError``: it was not written by us."""
        effects = tuple(Effect(*fields) for fields in json.loads(self.effects))
        at = _EPOCH + timedelta(microseconds=self.at)
        return Entry(at, self.actor_kind, json.loads(self.actor), self.verb, effects)


def stored(entry: Entry, last: Link) -> Stored:
    """Return an entry as the row behind the ``last`` one."""
    return Stored(
        sequence=last.sequence + 1,
        at=(entry.at - _EPOCH) // timedelta(microseconds=1),
        actor_kind=entry.actor_kind,
        actor=json.dumps(entry.actor),
        verb=entry.verb,
        effects=json.dumps([[effect.kind, effect.name, effect.result, effect.detail] for effect in entry.effects]),
        previous=last.hash,
    ).linked()
