"""A post that serves HTTP: a server and the talk with the supervisor, in one event loop."""

import asyncio
import signal
from collections.abc import Callable

from gateway.config import Options
from gateway.config.values import Endpoint
from gateway.processes.child import BEAT, Child
from gateway.web.server import Server


async def attend(child: Child, server: Server, address: Endpoint, adopt: Callable[[Options], None]) -> None:
    """Serve until SIGTERM or the end of the supervisor, then end what is under way, at most for the drain.

    The supervisor hears that this serves, also where the address cannot be had yet: no mail waits for it. Raises what
    the server fails by.
    """
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_reader(child, _hear, child, adopt, stopped)
    serving = asyncio.create_task(server.serve_at(address))
    await asyncio.sleep(0)  # in this turn the address is tried; whoever hears that we serve can connect, if anybody can
    stopping = asyncio.create_task(stopped.wait())
    while not (serving.done() or stopping.done()):
        child.alive()
        await asyncio.wait((serving, stopping), timeout=BEAT, return_when=asyncio.FIRST_COMPLETED)
    loop.remove_signal_handler(signal.SIGTERM)  # the next one ends this process at once
    loop.remove_reader(child)
    await _end(server, serving, child.options.drain.total_seconds())


def _hear(child: Child, adopt: Callable[[Options], None], stopped: asyncio.Event) -> None:
    """Hear that there is a new configuration, or that the supervisor is gone."""
    if not child.hear(adopt):
        stopped.set()


async def _end(server: Server, serving: asyncio.Task[None], patience: float) -> None:
    if server.started:
        server.should_exit = True
        _, late = await asyncio.wait((serving,), timeout=patience)
        if not late:
            return serving.result()
    serving.cancel()
    return None
