"""This start of ``serve``: what its processes know of it, made before they are forked, and how others see it.

Once a gateway has been silent for a while (``store.gateways``), others take over what it held. So it stops first: what
its processes hold in the store counts for ``HELD_FOR`` after a beat, by a clock that nobody sets, in memory that all of
them see (``Pulse``). It begins with the moment before the beat was sent: the database saw it later.
"""

import json
import mmap
import secrets
import struct
import time
from dataclasses import dataclass, field
from hashlib import sha256

import gateway
from gateway.config import Options
from gateway.store.gateways.presence import Presence
from gateway.store.ledger.owner import this_owner
from gateway.wiring import door_names

HELD_FOR = 20.0
"""Seconds without a beat after which no final dot is sent of what is held in the store; less than ``GONE``."""
POLICY = {"groups", "defaults", "partners", "internal", "algorithms"}
"""The keys that should say the same on all gateways of a store."""


class Pulse:
    """The last beat, since when none was late, and until when this gateway is elected: monotonic seconds, which all
    processes of a host share."""

    _TIMES = struct.Struct("=dd")
    _ELECTED = struct.Struct("=d")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def beat(self, at: float) -> None:
        """Note a beat that was sent at that time, or later."""
        since, last = self._TIMES.unpack_from(self._memory)
        self._TIMES.pack_into(self._memory, 0, at if at - last >= HELD_FOR else since, at)

    def elect(self, until: float) -> None:
        """Note until when this gateway does what only one of a store may; a time that has gone: it does not."""
        self._ELECTED.pack_into(self._memory, self._TIMES.size, until)

    def elected(self) -> bool:
        """Whether this gateway does what only one may."""
        (until,) = self._ELECTED.unpack_from(self._memory, self._TIMES.size)
        return bool(time.monotonic() < until)

    def holds(self, since: float) -> bool:
        """Whether what was taken in the store at that time is still ours, for no other could take it over."""
        steady, last = self._TIMES.unpack_from(self._memory)
        return bool(steady <= since and time.monotonic() - last < HELD_FOR)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One start of ``serve``. ``id`` is also in our greetings: a next hop that has it is ourselves."""

    processes: int
    shares: bool
    """Whether others may have the same store: a file has one host, whose processes see each other end."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    process: str = field(default_factory=this_owner)
    pulse: Pulse = field(default_factory=Pulse)

    def holds(self, since: float) -> bool:
        """Whether what one of its processes took in the store at that monotonic time is still its."""
        return not self.shares or self.pulse.holds(since)

    def presence(self, options: Options) -> Presence:
        """Return what it says of itself while it runs under ``options``."""
        return Presence(
            id=self.id,
            process=self.process,
            version=gateway.__version__,
            processes=self.processes,
            doors=door_names(options),
            policy=policy_digest(options),
        )


def policy_digest(options: Options) -> str:
    """Return a digest of the rules that should be the same on all gateways of a store."""
    rules = options.model_dump(mode="json", include=POLICY)
    return sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()
