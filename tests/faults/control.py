"""What the failing library does, set from outside while the daemon runs (``failing.c`` has the other side)."""

import mmap
import struct
from enum import IntEnum, IntFlag
from pathlib import Path


class Mode(IntEnum):
    """How often a call fails."""

    NEVER = 0
    ONCE = 1
    FOREVER = 2


class Kind(IntFlag):
    """Which calls may fail."""

    FILES = 1
    SOCKETS = 2
    DESCRIPTORS = 4


_LAYOUT = struct.Struct("=7i")
_AHEAD = slice(24, 28)


class Control:
    """The memory that test and processes share."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_LAYOUT.size))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _LAYOUT.size)

    def arm(self, mode: Mode, kinds: Kind, error: int, after: int) -> None:
        """Have the call number ``after`` (from 1) of these kinds fail with ``error``, and the later ones as told."""
        # The mode last: until then nothing fails.
        self.disarm()
        self._shared[4:24] = struct.pack("=5i", kinds, error, after, 0, 0)
        self._shared[:4] = struct.pack("=i", mode)

    def disarm(self) -> None:
        """Let everything succeed again."""
        self._shared[:4] = struct.pack("=i", Mode.NEVER)

    def set_clock(self, seconds: int) -> None:
        """Put the wall clock so far ahead of the right time (or, below zero, behind it)."""
        self._shared[_AHEAD] = struct.pack("=i", seconds)

    @property
    def calls(self) -> int:
        """How many calls could have failed since it was armed."""
        return int(_LAYOUT.unpack(self._shared[:])[4])

    @property
    def faults(self) -> int:
        """How many calls did fail since it was armed."""
        return int(_LAYOUT.unpack(self._shared[:])[5])
