"""Which content each wrapped content key opened: one opens one content, or whoever changes mail may try what it says.

CBC proves nothing about who wrote a content, and nothing binds the cipher's name to the wrapped key: under the key of
an intercepted mail, anybody may send in other ciphertext, or the same under another name, as often as he likes. So what
was opened first under a wrapped key is remembered; what comes later must be the same, or authenticate itself.

Wrapped keys are kept as MACs, contents as hashes (``cms.enveloped.Enveloped.digest``): the store tells nobody which
mail arrived here. The first content counts for good; where two processes open two at once, the insert decides.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from sqlalchemy import bindparam, select

from gateway.engine.wants import Use
from gateway.store import schema
from gateway.store.database import Database, Query, insert_new
from gateway.store.keys.wrapping import Wrapping
from gateway.store.pruning import prune

PRUNE_AT_ONCE = 10_000
_ASK_AT_ONCE = 8
_PURPOSE = "content keys"
_TABLE = schema.content_keys
_PLACES = [f"wrapped_{number}" for number in range(_ASK_AT_ONCE)]
_REMEMBERED = select(_TABLE.c.wrapped, _TABLE.c.content, _TABLE.c.record).where(
    _TABLE.c.wrapped.in_([bindparam(place) for place in _PLACES])
)
_Named = Sequence[tuple[bytes, Use]]


class StoredContentKeys:
    """Answers ``engine.wants.EarlierUse``. All methods raise ``Fault``."""

    def __init__(self, database: Database, wrapping: Wrapping) -> None:
        self._database = database
        self._wrapping = wrapping
        self._remembered = database.query(_REMEMBERED)

    def other(self, uses: Sequence[Use]) -> str | None:
        """Return the record under which another content was opened with one of these keys; None: under none."""
        return _other(self._remembered, self._named(uses))

    def remember(self, uses: Sequence[Use], record: str, at: datetime) -> str | None:
        """Remember what was opened, durable when this returns; return as ``other``, and then nothing is remembered."""
        named = self._named(uses)
        rows = [{"wrapped": name, "content": use.content, "record": record, "at": at} for name, use in named]
        with self._database.write() as connection:
            if insert_new(connection, _TABLE, rows) == len(rows):
                return None
            earlier = _other(lambda **places: list(map(tuple, connection.execute(_REMEMBERED, places))), named)
            if earlier is not None:
                connection.rollback()
        return earlier

    def prune(self, before: datetime) -> int:
        """Forget what was opened before that time; return how much."""
        return prune(self._database, _TABLE.c.wrapped, _TABLE.c.at < before, at_once=PRUNE_AT_ONCE)

    def _named(self, uses: Sequence[Use]) -> _Named:
        key = self._wrapping.mac_key(_PURPOSE)
        # In one order, so that no two processes can wait for one another.
        return sorted(((hmac.digest(key, use.wrapped, "sha256"), use) for use in uses), key=itemgetter(0))


def _other(ask: Query, named: _Named) -> str | None:
    names = list(dict(named))
    found: dict[bytes, tuple[bytes, str]] = {}
    for start in range(0, len(names), _ASK_AT_ONCE):
        some = names[start : start + _ASK_AT_ONCE]
        rows = ask(**dict.fromkeys(_PLACES, some[0]) | dict(zip(_PLACES, some, strict=False)))
        found |= {name: (content, record) for name, content, record in rows}
    for name, use in named:
        content, record = found.get(name, (use.content, ""))
        if content != use.content and not use.authenticated:
            return record
    return None
