"""A post is one process to keep alive; its child talks with the supervisor over a socket pair.

The child says one byte at a time: that it lives (the first time: that it serves), and whether it took over the
configuration it was sent. The supervisor says one thing only: a new configuration, as checked options, so that all
children adopt the very same. End of file means that the other is gone: a child then drains and ends.
"""

import pickle
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway.config import Options
from gateway.log import logger
from gateway.mailflow.poison import PoisonWatch

ALIVE, ADOPTED, REFUSED = b".", b"+", b"-"
BEAT = 1.0
"""Seconds between two signs of life."""
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Post:
    """One process to keep alive: ``work`` is called in it, says ``ready`` when it serves, and returns after the drain.

    TERM asks it to drain; a second TERM ends it at once.
    """

    name: str
    work: Callable[["Child"], None]
    takes_mail: bool = True
    """False: the others start without it, too."""
    last: bool = False
    """It is asked to drain when all others have ended."""


class Child:
    """The child's end."""

    def __init__(self, channel: socket.socket, options: Options, poison: PoisonWatch) -> None:
        self._channel = channel
        self.poison = poison
        self.options = options
        """The newest accepted configuration."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when there is something to ``hear``."""
        return self._channel.fileno()

    def ready(self) -> None:
        """Tell the supervisor that this child serves."""
        self.alive()

    def alive(self) -> None:
        """Give a sign of life; due every ``BEAT`` seconds from the part of the process that must not get stuck."""
        with suppress(OSError):  # a supervisor that is gone is noticed by ``hear``; one that is slow needs no more
            self._channel.send(ALIVE, socket.MSG_DONTWAIT)

    def hear(self, adopt: Callable[[Options], None]) -> bool:
        """Adopt the configuration that has come; False: the supervisor is gone. Blocks where nothing has come.

        ``adopt`` builds the new beside the old and swaps; where it raises, the old stands and the supervisor knows.
        """
        try:
            options = self.receive()
        except EOFError:
            return False
        try:
            adopt(options)
        except Exception as error:  # noqa: BLE001 - whatever it is, mail goes on under the old configuration
            logger.error("reload: this process keeps the old configuration", exc_info=error)
            self.adopted(False)
        else:
            self.adopted(True)
        return True

    # what a supervisor needs that is itself a child

    def receive(self) -> Options:
        """Return the configuration that has come. Raises ``EOFError`` when the supervisor is gone."""
        try:
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
            self.options = pickle.loads(self._read(length))  # noqa: S301 - from the process that forked this one
        except OSError as error:
            raise EOFError from error
        return self.options

    def adopted(self, well: bool) -> None:
        """Say whether the configuration received last was taken over."""
        with suppress(OSError):
            self._channel.send(ADOPTED if well else REFUSED)

    def stopping(self) -> None:
        """Nothing to say: the supervisor sees this process end."""

    def _read(self, length: int) -> bytes:
        read = bytearray()
        while len(read) < length:
            piece = self._channel.recv(length - len(read))
            if not piece:
                raise EOFError
            read += piece
        return bytes(read)


def framed(options: Options) -> bytes:
    """Return a configuration as it is sent to a child."""
    content = pickle.dumps(options)
    return _LENGTH.pack(len(content)) + content
