"""A milter door: a supervisor of its own, with one open socket, and the processes that share it.

libmilter has one listening socket in a process, and whoever shares it must be forked after it was opened; so every door
has its own supervisor. In each process libmilter answers in threads of its own, while the main thread hears signals
and new configurations. Only a few of libmilter's threads at a time are let through to engine and store: no crowd of
connections brings them to a crawl.
"""

import select
import signal
import socket
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import BoundedSemaphore
from typing import Any

from gateway.clock import new_id, now
from gateway.config import Endpoint, Milter, Options
from gateway.engine.transaction import FrontEnd, Outcome, Receipt, Transaction
from gateway.errors import Fault
from gateway.log import start_logging
from gateway.mailflow.pipeline import Pipeline
from gateway.metrics import PROCESSES, SESSIONS, Role
from gateway.milter.endpoint import unix_socket
from gateway.milter.server import Server
from gateway.milter.service import Service
from gateway.policy.wants import Search
from gateway.processes.child import BEAT, Child, Post
from gateway.processes.gateway import Gateway
from gateway.processes.rlimits import worker_count
from gateway.processes.supervisor import MARGIN, Supervisor
from gateway.processes.worker import ENGINE_THREADS, return_large_blocks
from gateway.reply import Reply
from gateway.story import Wanted


def attend_door(name: str, gateway: Gateway, child: Child) -> None:
    """Be the supervisor of the milter door ``name``; return after the drain. Raises ``Fault``."""
    server, count = Server(), worker_count(child.options)
    with _listening(_door(name, child.options), server):
        posts = [Post(f"milter {name} {n}", partial(_work, name, gateway, server)) for n in range(1, count + 1)]
        Supervisor(posts, child.options, child, child.poison.suspects, MARGIN / 2).run()


def _door(name: str, options: Options) -> Milter:
    return next(door for door in options.milters if door.name == name)


def _listening(door: Milter, server: Server) -> AbstractContextManager[None]:
    address = door.listen
    if isinstance(address, Endpoint):
        server.listen(f"inet{'6' if ':' in address.host else ''}:{address.port}@{address.host}")
        return nullcontext()
    return unix_socket(address, int(door.mode, 8), server.listen)


def _work(name: str, gateway: Gateway, server: Server, child: Child) -> None:
    """Be one process at a milter door; return after the drain."""
    return_large_blocks()
    MilterWorker(name, gateway, server, child).run()


class MilterWorker:
    """One process's share of a milter door."""

    def __init__(self, name: str, gateway: Gateway, server: Server, child: Child) -> None:
        self._name = name
        self._server = server
        self._child = child
        self._pipeline = Pipeline(child.options, child.poison, gateway.id, gateway.pulse.elected)
        self._turns = BoundedSemaphore(ENGINE_THREADS)

    def run(self) -> None:
        """Serve until SIGTERM or the end of the supervisor, drain, and return."""
        stopped, stop = socket.socketpair()
        signal.signal(signal.SIGTERM, lambda *_: stop.send(b"."))
        self._server.start(self._service(self._child.options))
        while not self._told_to_stop(stopped):
            pass
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the next one ends this process at once
        PROCESSES[Role.MILTER].set(0)
        self._server.drain(self._child.options.drain.total_seconds())
        self._pipeline.close()

    def _told_to_stop(self, stopped: socket.socket) -> bool:
        """Give a sign of life and hear what comes within a beat. Raises ``Fault`` where nothing is served any more."""
        if not self._server.serves:
            raise Fault("libmilter gave up; the system's mail log says why")
        self._child.alive()
        PROCESSES[Role.MILTER].set(1)
        SESSIONS[FrontEnd.MILTER].set(self._server.sessions)
        told, channel = stopped.fileno(), self._child.fileno()
        heard, _, _ = select.select([told, channel], [], [], BEAT)
        return told in heard or (channel in heard and not self._child.hear(self._adopt))

    def _adopt(self, options: Options) -> None:
        """Go on under other options; a message at its end keeps those it began with."""
        service = self._service(options)
        self._pipeline.renew(options)
        self._server.renew(service)
        start_logging(options.log.format == "json")

    def _service(self, options: Options) -> Service:
        return Service(
            name=self._name,
            direction=_door(self._name, options).direction,
            message_size=options.limits.message_size,
            process=self._process,
            report=self._report,
            new_id=new_id,
            now=now,
        )

    def _process(self, transaction: Transaction) -> Outcome:
        with self._turns:
            return self._pipeline.process(transaction, self._answer)

    def _answer(self, want: Wanted) -> Any:
        """Answer; a message that waits for directories lets others have its turn."""
        if not isinstance(want, Search):
            return self._pipeline.gather(want)
        self._turns.release()
        try:
            return self._pipeline.gather(want)
        finally:
            self._turns.acquire()

    def _report(
        self, transaction: Transaction, outcome: Outcome, receipts: Sequence[Receipt], reply: Reply, seconds: float
    ) -> None:
        with self._turns:
            self._pipeline.report(transaction, outcome, receipts, reply, seconds)
