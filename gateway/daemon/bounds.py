"""What the kernel lets a process have: open descriptors, and no core files, in which keys and mail would lie."""

import os
import resource
from collections.abc import Iterator

from gateway.config import Options, Problem

ITSELF = 100
"""Descriptors of a process without clients: store, log, channels, idle connections to the next hop."""
EACH_CLIENT = 2
"""The client's connection and the one to the next hop."""


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
