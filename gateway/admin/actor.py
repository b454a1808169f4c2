"""Who does something."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    """How somebody is known to us."""

    SYSTEM_USER = "system user"
    ACCOUNT = "account"
    TOKEN = "token"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who wants a change. ``name``: under which he is known; of the system itself, that of the machine."""

    name: str
    kind: ActorKind

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
