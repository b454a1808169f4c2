"""The one place that every change goes through: who did what to which objects, told once, when it is done.

A use-case makes its change inside ``changing`` and notes each effect as soon as it is there; so what was done before a
failure is told, too, and nothing is told where nothing was done. ``tests/admin/test_changes.py`` sees to it that no
other code of this room and none of the commands changes the store.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.admin.actor import Actor
from gateway.clock import now
from gateway.log import logger


class Verb(StrEnum):
    """What somebody did; ``export-key`` changes nothing, and counts, for a secret leaves."""

    IMPORT = "import"
    TRUST = "trust"
    DISTRUST = "distrust"
    UNTRUST = "untrust"
    APPROVE = "approve"
    PIN = "pin"
    FIND = "find"
    DELETE_CERTIFICATES = "delete-certificates"
    EXPORT_KEY = "export-key"
    DELETE_KEYS = "delete-keys"
    DELETE_CRLS = "delete-crls"
    RETRY_HELD = "retry-held"
    DELETE_HELD = "delete-held"


class Kind(StrEnum):
    """What an object is."""

    CERTIFICATE = "certificate"
    KEY = "key"
    CRL = "crl"
    HELD = "held message"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of one object. ``name``: its fingerprint or id; ``result``: a word, such as ``deleted``.

    ``detail``: one line more, where the word does not say all.
    """

    kind: Kind
    name: str
    result: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.result}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that somebody did, at ``at`` (aware, UTC), to one or more objects."""

    at: datetime
    actor: Actor
    verb: Verb
    effects: Sequence[Effect]

    def __str__(self) -> str:
        return f"{self.actor}: {self.verb}: {', '.join(map(str, self.effects))}"


Note = Callable[[Effect], None]


@contextmanager
def changing(actor: Actor, verb: Verb) -> Iterator[Note]:
    """Give what notes effects, and tell the change at the end, whether well or not."""
    effects: list[Effect] = []
    try:
        yield effects.append
    finally:
        if effects:
            change = Change(now(), actor, verb, tuple(effects))
            logger.info("change: %s", change, extra={"change": change})
