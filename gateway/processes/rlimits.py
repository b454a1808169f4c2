"""What the kernel lets a process have: open descriptors, and no core files, in which keys and mail would lie."""

import errno
import os
import resource
import time
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from typing import Any

from gateway.config import Options, Problem
from gateway.log import logger

ITSELF = 100
"""Descriptors of a process without clients: store, log, channels, idle connections to the next hop."""
EACH_CLIENT = 2
"""The client's connection and the one to the next hop."""
SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
TELL_EVERY = 10.0


def worker_count(options: Options) -> int:
    """Return how many workers share the ports."""
    return os.cpu_count() or 1 if options.workers == "auto" else options.workers


def bound_process() -> None:
    """Raise the limit of open descriptors as far as is allowed, and switch core files off; children inherit both."""
    for kind, wanted in ((resource.RLIMIT_NOFILE, None), (resource.RLIMIT_CORE, 0)):
        soft, hard = resource.getrlimit(kind)
        target = hard if wanted is None else wanted
        if soft != target:
            resource.setrlimit(kind, (target, hard))


def too_few_descriptors(options: Options) -> Iterator[Problem]:
    """Yield a problem where the clients that ``limits`` lets in would leave a worker without descriptors."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    share = max(1, options.limits.connections // worker_count(options))
    needed = ITSELF + len(options.listeners) * share * EACH_CLIENT + options.limits.copies
    if allowed != resource.RLIM_INFINITY and needed > allowed:
        text = f"needs {needed} open files in each worker, and {allowed} are allowed; lower it or raise LimitNOFILE"
        yield Problem(("limits", "connections"), text)


class Shortage:
    """Logs that a client could not be let in; an event loop itself would say so a thousand times a second."""

    def __init__(self) -> None:
        self._silent_until = float("-inf")

    def __call__(self, _loop: AbstractEventLoop, complaint: dict[str, Any]) -> None:
        """Be an event loop's exception handler."""
        error = complaint.get("exception")
        if isinstance(error, OSError) and error.errno in SHORT and time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + TELL_EVERY
            logger.error("clients have to wait: %s; raise LimitNOFILE or lower limits.connections", error.strerror)
