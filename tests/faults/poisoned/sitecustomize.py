"""Loaded by every Python that has this folder in its path: certain words in a message end the process, or hang it.

It stands for a fault in a C library below the engine; the gateway knows nothing of it.
"""

import os
import time
from typing import Any

from gateway.engine.inbound import Inbound
from gateway.engine.outbound import Outbound
from gateway.mailflow import sandbox
from gateway.processes import child_handle

child_handle.HANG = 1.0
sandbox.SECONDS = int(os.environ["POISON_SECONDS"])


def poisoned(way: type[Inbound] | type[Outbound]) -> None:
    story = way.story

    def swallow(self: Any, transaction: Any, at: Any) -> Any:
        if b"poison: slow" in transaction.content:
            time.sleep(0.5)
        if b"poison: abort" in transaction.content:
            time.sleep(0.2)
            os.abort()
        if b"poison: hang" in transaction.content:
            time.sleep(3600)
        if b"poison: once" in transaction.content and not os.path.exists(os.environ["POISON_TAKEN"]):
            open(os.environ["POISON_TAKEN"], "x").close()
            os.abort()
        return (yield from story(self, transaction, at))

    way.story = swallow  # type: ignore[method-assign]


poisoned(Inbound)
poisoned(Outbound)
