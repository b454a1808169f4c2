"""The exception tree.

A *finding* about a message is a value, not an exception. Exceptions are for what could not be done:

- ``Fault``: our surroundings failed (store, next hop, descriptors); the message is deferred, never lost.
- ``Malformed``: bytes that do not parse; raised by ``mail``, ``pki`` and ``cms``, caught where a finding is made of it.
- ``LimitExceeded``: bytes that would cost more than a fixed limit to parse; a kind of ``Malformed``.
- ``Refused``: an administrator's request that cannot be granted; the text says why and what to do. ``Absent``: what it
  names is not there; ``Conflict``: it does not go with what is there; ``Forbidden``: it is not for whoever asks.

Messages never contain key material, passphrases, content or subjects.
"""


class GatewayError(Exception):
    """Root of everything raised on purpose."""


class Fault(GatewayError):
    """The surroundings failed; trying again later may help."""


class Malformed(GatewayError):
    """Bytes that are not what they should be."""


class LimitExceeded(Malformed):
    """Bytes that are over a fixed limit of size, depth or number."""


class Refused(GatewayError):
    """A request that cannot be granted; ``reason`` is a reason code where one applies."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class Absent(Refused):
    """What is asked for by name is not there."""


class Conflict(Refused):
    """What is asked for does not go with what is there already."""


class Forbidden(Refused):
    """What is asked for may not be done by whoever asks."""
