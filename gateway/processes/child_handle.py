"""Who holds a post: one child as its supervisor sees it."""

import os
import signal
import socket
import time
from contextlib import suppress

from gateway.log import logger
from gateway.mailflow.poison import Working
from gateway.processes.child import ADOPTED, ALIVE, Post

SILENCE = 60.0
"""Seconds without a sign of life after which a child is taken for stuck.

Far above what work needs: the engine runs in threads. Six messages of 25 MB at once on two busy processors made a
worker silent for 1.5 s at most.
"""
HANG = 120.0
"""Seconds on one message after which the engine is taken for stuck; 50 MB take some seconds."""
LAST_WORDS = 5.0
"""Seconds in which an aborted child writes down where it hung, before it is killed."""
SENDING = 5.0
"""Seconds a configuration may take on its way into a child."""


class ChildHandle:
    """A child with its post, its channel and what was last heard of it. Times are monotonic seconds."""

    def __init__(self, post: Post, pid: int, channel: socket.socket, working: Working) -> None:
        self.post = post
        self.pid = pid
        self.working = working
        self.channel = channel
        self.since = self._heard = time.monotonic()
        self.ready = False
        self.owes = 0
        """Configurations sent and not yet answered."""
        self.refused = False
        """Whether it keeps an older configuration than it was sent last."""
        self._aborted: float | None = None
        channel.settimeout(SENDING)

    def __str__(self) -> str:
        return f"{self.post.name} {self.pid}"

    def hear(self) -> bool:
        """Take in what it said; False: it will say no more."""
        try:
            said = self.channel.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if said:
            self.ready, self._heard = True, time.monotonic()
            answers = said.replace(ALIVE, b"")
            self.owes -= len(answers)
            self.refused = not answers.endswith(ADOPTED) if answers else self.refused
        return bool(said)

    def send(self, configuration: bytes) -> None:
        """Send it a configuration; one that cannot take it has no use for it any more."""
        self.owes += 1
        try:
            self.channel.sendall(configuration)
        except OSError as error:
            logger.error("%s does not take a new configuration: %s; it is replaced", self, error)
            self.signal(signal.SIGKILL)

    @property
    def answers(self) -> bool:
        """Whether it gave a sign of life lately."""
        return time.monotonic() - self._heard < SILENCE

    @property
    def stuck(self) -> bool:
        """Whether it was found to hang, and is being ended for it."""
        return self._aborted is not None

    def end_if_stuck(self) -> None:
        """Abort a child that does not move: it writes down where it hung; then kill it."""
        complaint = self._complaint()
        if complaint is None:
            return
        if self._aborted is None:
            logger.error("%s %s; it is replaced", self, complaint)
            self._aborted = time.monotonic()
            self.signal(signal.SIGABRT)
        elif time.monotonic() - self._aborted > LAST_WORDS:
            self.signal(signal.SIGKILL)

    def _complaint(self) -> str | None:
        if not self.answers:
            return f"gave no sign of life for {SILENCE:g} s"
        if self.working.longest() > HANG:
            return f"has worked on one message for {HANG:g} s"
        return None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)
