"""Who gives a command: the system user."""

import os

from gateway.admin.actor import Actor, ActorKind
from gateway.store.installation import user_name


def this_user() -> Actor:
    """Return the user whose shell it is, also where the command became the owner of STATE."""
    return Actor(user_name(os.getuid()), ActorKind.SYSTEM_USER)
