"""The store as a whole: into a file, back from it, into another database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.clock import now
from gateway.store.files import whole_file
from gateway.store.keys import rotation
from gateway.store.keys.place import KeyPlace
from gateway.store.portable import moving
from gateway.store.portable.places import Claim
from gateway.wiring import Wiring, store_options

PLACE = "store"
_PUT_ASIDE = "--replace puts it aside and keeps it"
_EMPTY_ONE = "name an empty database, or a file that does not exist"


@dataclass(frozen=True, slots=True)
class BackupView:
    """A backup. ``made_at``, ``version``: when and by which version; ``rows``: how many of each table."""

    made_at: datetime
    version: str
    digest: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RestoredView:
    """What was restored, and where the store that it replaced is kept; None: there was none, or it was empty."""

    made_at: datetime
    version: str
    digest: str
    rows: Mapping[str, int]
    kept: str | None


@dataclass(frozen=True, slots=True)
class CopiedView:
    """What went into another store. ``place``: how the configuration names it, without a password."""

    place: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RotatedView:
    """What is under another key-encryption key now: private keys and held messages.

    ``key_encryption_key``: what the configuration has to say from now on.
    """

    key_encryption_key: str
    keys: int
    held: int


def back_up(wiring: Wiring, actor: Actor, target: Path | IO[bytes]) -> BackupView:
    """Write the store as it is at one moment, while the service goes on. A path is a new file of mode 0600.

    Raises ``Fault``, ``NotPermitted``, ``OSError``.
    """
    if isinstance(target, Path):
        with whole_file(target) as file:
            summary = moving.back_up(wiring.store.database, file, now())
    else:
        summary = moving.back_up(wiring.store.database, target, now())
    with changing(wiring, actor, Verb.BACK_UP) as note:
        note(Effect(Kind.STORE, PLACE, "backed up", summary.digest))
    return BackupView(summary.made_at, summary.version, summary.digest, summary.rows)


def restore(
    wiring: Wiring, actor: Actor, file: IO[bytes], *, replace: bool = False, with_keys: bool = True
) -> RestoredView:
    """Fill the store from a backup, all of it or nothing. ``with_keys``: else what needs the lost key stays out.

    Raises ``Malformed``, ``Fault``, ``Misconfigured``, ``NotPermitted``.
    """
    claim = Claim(now(), _PUT_ASIDE, replace)
    restored = moving.restore(store_options(wiring.options), file, claim, with_keys=with_keys)
    with changing(wiring, actor, Verb.RESTORE) as note:
        note(Effect(Kind.STORE, PLACE, "restored", restored.summary.digest))
    summary = restored.summary
    return RestoredView(summary.made_at, summary.version, summary.digest, summary.rows, restored.kept)


def rotate(wiring: Wiring, actor: Actor, setting: str) -> RotatedView:
    """Wrap everything in the store under another key-encryption key.

    ``setting``: its place, as the option ``key_encryption_key`` names it; a file that is absent is made.
    Raises ``Fault``, ``Refused``, ``Misconfigured``, ``NotPermitted``.
    """
    store, options = wiring.store, store_options(wiring.options)
    old, new = KeyPlace(options.key_encryption_key, options.state), KeyPlace(setting, options.state)
    with changing(wiring, actor, Verb.ROTATE_KEK) as note:
        done = rotation.rotate(store.database, old, new)
        note(Effect(Kind.STORE, PLACE, "rotated", f"to {setting}"))
    return RotatedView(setting, done.keys, done.held)


def copy(wiring: Wiring, actor: Actor, url: str) -> CopiedView:
    """Fill an empty store elsewhere; this one stays as it was.

    ``url``: ``postgresql+psycopg://…`` or ``sqlite:PATH``. Raises ``Fault``, ``Misconfigured``, ``NotPermitted``.
    """
    rows = moving.move(wiring.store.database, url, Claim(now(), _EMPTY_ONE))
    with changing(wiring, actor, Verb.COPY_STORE) as note:
        note(Effect(Kind.STORE, PLACE, "copied"))
    return CopiedView(moving.shown(url), rows)
