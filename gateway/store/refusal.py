"""What the store or the service refuses at its door: both are an administrator's to mend, so the texts say how."""

from gateway.errors import Refused


class Misconfigured(Refused):
    """The store cannot be used as it is configured or as it lies on disk (exit 78)."""


class NotPermitted(Refused):
    """This user may not do it (exit 77)."""
