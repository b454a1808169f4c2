"""Who may do what: roles of accounts and scopes of tokens come to permissions; a token may be limited to groups.

What holds for everybody (accounts, tokens, the audit log, authorities) is nobody's who is limited to groups:
``Grant.is_whole`` says that he is not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.admin.actor import Actor, ActorKind
from gateway.store.accounts.tokens import Token


class Permission(StrEnum):
    """What may be done; a token's scopes are called so, too.

    ``read``: lists, records, held mail, certificates. ``check``: the composer's question, explain. ``import``: imports
    that make no anchor, approve, pin, trust of leaves, held mail tried again. ``admin``: everything.
    """

    READ = "read"
    CHECK = "check"
    IMPORT = "import"
    ADMIN = "admin"


class Role(StrEnum):
    """What an account is."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_LOOKS = frozenset({Permission.READ, Permission.CHECK})
ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _LOOKS,
    Role.OPERATOR: _LOOKS | {Permission.IMPORT},
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do. ``groups``: names of those that it is limited to; None: to none."""

    actor: Actor
    permissions: frozenset[Permission]
    groups: frozenset[str] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether he may do that at all."""
        return permission in self.permissions

    @property
    def is_whole(self) -> bool:
        """Whether it goes for everything, not for some groups only."""
        return self.groups is None

    def reaches(self, groups: Iterable[str]) -> bool:
        """Whether it goes for what belongs to these groups; what belongs to none is out of a limited one's reach."""
        return self.groups is None or not self.groups.isdisjoint(groups)


def of_role(name: str, role: Role) -> Grant:
    """Return what an account of that name and role may do."""
    return Grant(Actor(name, ActorKind.ACCOUNT), ROLES[role])


def of_token(token: Token) -> Grant:
    """Return what a token allows; the scope ``admin`` holds all others."""
    scopes = frozenset(map(Permission, token.scopes))
    permissions = frozenset(Permission) if Permission.ADMIN in scopes else scopes
    return Grant(Actor(token.name, ActorKind.TOKEN), permissions, frozenset(token.groups) if token.groups else None)
