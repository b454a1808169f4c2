"""The one place that every change goes through: who did what to which objects, in the audit log, or not at all.

A use-case makes its change inside ``changing`` and notes each effect. All of it, and the row of the audit log, is one
transaction: what fails is undone as a whole, and so is what cannot be audited. It begins with the first write, so what
takes time is done before. ``tests/admin/test_changes.py`` sees to it that no other code of this room and none of the
commands changes the store.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.admin.actor import Actor
from gateway.clock import now
from gateway.log import logger, visible
from gateway.store.audit.chain import Effect as Effect
from gateway.store.audit.chain import Entry
from gateway.wiring import Wiring


class Verb(StrEnum):
    """What somebody did; ``export-key`` changes nothing, and counts, for a secret leaves."""

    IMPORT = "import"
    TRUST = "trust"
    DISTRUST = "distrust"
    UNTRUST = "untrust"
    APPROVE = "approve"
    PIN = "pin"
    DELETE_CERTIFICATES = "delete-certificates"
    EXPORT_KEY = "export-key"
    DELETE_KEYS = "delete-keys"
    DELETE_CRLS = "delete-crls"
    RETRY_HELD = "retry-held"
    DELETE_HELD = "delete-held"
    ERASE_PERSON = "erase-person"
    ROTATE_KEK = "rotate-kek"
    BACK_UP = "back-up"
    RESTORE = "restore"
    COPY_STORE = "copy-store"
    OPEN = "open"
    """A message was opened to explain it: nothing changes, and it counts, for somebody may learn what it is."""
    ADD_ACCOUNT = "add-account"
    SET_ROLE = "set-role"
    SET_PASSWORD = "set-password"
    TURN_TOTP_ON = "turn-totp-on"
    TURN_TOTP_OFF = "turn-totp-off"
    DISABLE_ACCOUNT = "disable-account"
    ENABLE_ACCOUNT = "enable-account"
    DELETE_ACCOUNT = "delete-account"
    END_SESSION = "end-session"
    CREATE_TOKEN = "create-token"
    DELETE_TOKEN = "delete-token"
    START = "start"
    RELOAD = "reload"


class Kind(StrEnum):
    """What an object is."""

    CERTIFICATE = "certificate"
    KEY = "key"
    CRL = "crl"
    HELD = "held message"
    STORE = "store"
    PERSON = "person"
    MESSAGE = "message"
    ACCOUNT = "account"
    SESSION = "session"
    TOKEN = "token"
    CONFIGURATION = "configuration"


TOLD = 20
"""Effects that a line of the log names; the audit log has them all."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that somebody did, at ``at`` (aware, UTC), to one or more objects."""

    at: datetime
    actor: Actor
    verb: Verb
    effects: tuple[Effect, ...]

    def __str__(self) -> str:
        more = len(self.effects) - TOLD
        told = ", ".join((*map(str, self.effects[:TOLD]), *([f"and {more} more"] if more > 0 else [])))
        return visible(f"{self.actor}: {self.verb}: {told}")


Note = Callable[[Effect], None]


@contextmanager
def changing(wiring: Wiring, actor: Actor, verb: Verb) -> Iterator[Note]:
    """Give what notes effects; at the end the change is audited, committed and told. Raises ``Fault``."""
    store, effects, told = wiring.store, list[Effect](), ""
    with store.database.together():
        yield effects.append
        if effects:
            change = Change(now(), actor, verb, tuple(effects))
            link = store.audit.enter(Entry(change.at, actor.kind, actor.name, verb, change.effects))
            told = f"{change} (audit {link.sequence} {link.hash})"
    store.generation.expire()
    if told:
        logger.info("change: %s", told, extra={"change": change})
