"""What is said of a stored certificate, apart from what it says itself: where it comes from, whether it is trusted."""

from dataclasses import dataclass, replace
from enum import StrEnum

BY_ITSELF = "gateway"
"""Who changed what nobody asked to be changed."""


class Origin(StrEnum):
    """Where a certificate comes from. It is ``imported`` once an administrator brought it, wherever it was before."""

    IMPORTED = "imported"
    LEARNED = "learned"


class Trust(StrEnum):
    """What an administrator said of a certificate."""

    NONE = "none"
    TRUSTED = "trusted"
    DISTRUSTED = "distrusted"


@dataclass(frozen=True, slots=True)
class Said:
    """All of it. ``pending``: it was learned, and serves for nothing until somebody says so."""

    origin: Origin
    trust: Trust
    pending: bool = False

    @property
    def is_learned(self) -> bool:
        """Whether mail brought it, and no administrator has said anything of it."""
        return self.origin is Origin.LEARNED and self.trust is Trust.NONE

    @property
    def is_trusted(self) -> bool:
        """Whether it serves: by an administrator's word, or learned where such ones may."""
        return self.trust is Trust.TRUSTED or (self.is_learned and not self.pending)

    def spoken(self, trust: Trust) -> "Said":
        """Return what is said once an administrator has spoken. What he takes back, serves for nothing meanwhile."""
        taken_back = trust is Trust.NONE and self.origin is Origin.LEARNED
        return replace(self, trust=trust, pending=self.pending or taken_back)
