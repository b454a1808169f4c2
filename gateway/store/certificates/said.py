"""What is said of a stored certificate, apart from what it says itself: where it comes from, whether it is trusted."""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from gateway.pki.holding import Origin as Origin

BY_ITSELF = "gateway"
"""Who changed what nobody asked to be changed."""


class Trust(StrEnum):
    """What an administrator said of a certificate."""

    NONE = "none"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"


class Waits(StrEnum):
    """Why one that was found serves for nothing yet."""

    CHANGE = "change"
    """Another key is pinned for its address."""
    MINIMUM = "minimum"
    """What its source finds is never used by itself."""
    PATH = "path"
    """Its path ended in no anchor when it was found; it is asked again whenever it might serve."""


@dataclass(frozen=True, slots=True)
class Said:
    """All of it, by column.

    ``pending``: it was learned or found, and serves for nothing until somebody says so; ``waits``: why, of one found.
    ``approved``: an administrator said so. ``pinned``: no other comes in its place. ``dnssec``: the DNS vouches for it,
    which is enough. ``source``: the name of the source that found it last.
    """

    origin: Origin
    trust: Trust
    pending: bool = False
    approved: bool = False
    pinned: bool = False
    waits: Waits | None = None
    dnssec: bool = False
    source: str | None = None

    @property
    def is_learned(self) -> bool:
        """Whether mail, a directory or the DNS brought it, and no administrator has trusted or distrusted it."""
        return self.origin is not Origin.IMPORTED and self.trust is Trust.NONE

    @property
    def is_trusted(self) -> bool:
        """Whether it serves, if nothing else is against it: by an administrator's word, or where such ones may."""
        by_itself = self.is_learned and (self.approved or not self.pending or self.waits is Waits.PATH)
        return self.trust is Trust.TRUSTED or by_itself

    @property
    def is_spoken_of(self) -> bool:
        """Whether an administrator decided over it, so that no source does; to take back his word is to decide, too."""
        taken_back = self.pending and self.waits is None and self.origin in (Origin.DIRECTORY, Origin.DNS)
        return not self.is_learned or self.approved or self.pinned or taken_back

    def spoken(self, trust: Trust) -> "Said":
        """Return what is said once an administrator has spoken. What he takes back, serves for nothing meanwhile."""
        if trust is Trust.NONE and self.origin is not Origin.IMPORTED:
            return replace(self, trust=trust, pending=True, approved=False, pinned=False, waits=None)
        return replace(self, trust=trust)


SAID = tuple(field.name for field in fields(Said))
"""The columns."""


def said(row: Any) -> Said:
    """Return what the columns of a row say."""
    return Said(
        origin=Origin(row.origin),
        trust=Trust(row.trust),
        pending=bool(row.pending),
        approved=bool(row.approved),
        pinned=bool(row.pinned),
        waits=None if row.waits is None else Waits(row.waits),
        dnssec=bool(row.dnssec),
        source=row.source,
    )
