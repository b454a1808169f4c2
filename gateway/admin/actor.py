"""Who does something."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """How somebody is known to us."""

    SYSTEM_USER = "system user"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who wants a change. ``name``: under which the system knows him."""

    name: str
    kind: ActorKind

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
