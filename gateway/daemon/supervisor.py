"""The supervisor: starts the workers, replaces one that dies, passes a stop on to all, tells systemd.

It holds no mail, no keys and no connection to the store, so that it has nothing to fail on. TERM drains, a second
TERM stops at once. Workers share the ports (SO_REUSEPORT); the kernel spreads the connections.
"""

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

from gateway.config import Options
from gateway.daemon.worker import work
from gateway.errors import Fault
from gateway.house import store_options
from gateway.log import logger
from gateway.store import open_store

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}
RESPAWN_DELAY = 1.0
"""Seconds between the death of a worker and its successor."""
DRAIN_MARGIN = 5.0
"""Seconds a worker may take beyond the drain before it is killed."""


def serve(options: Options) -> None:
    """Run the service until it is told to stop. Raises what keeps it from starting: store, ports, files."""
    _check_ports(options)
    store = open_store(store_options(options), durable=False)
    store.check()
    store.close()
    count = os.cpu_count() or 1 if options.workers == "auto" else options.workers
    instance = secrets.token_hex(8)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    drain = options.drain.total_seconds()
    Supervisor(count, drain, lambda ready, lifeline: work(options, count, instance, ready, lifeline)).run()


def _check_ports(options: Options) -> None:
    """Find out now, and not in each worker, that a port is taken: another instance would silently share it."""
    with ExitStack() as held:
        for listener in options.listeners:
            family = socket.AF_INET6 if ":" in listener.listen.host else socket.AF_INET
            probe = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listener.listen.host, listener.listen.port))
            except OSError as error:
                text = f"listener {listener.name}: cannot listen on {listener.listen}: {error.strerror}"
                raise Fault(text) from error


class Supervisor:
    """Keeps ``count`` children alive until a stop. Children that lose it (end of file on the lifeline) drain and go."""

    def __init__(self, count: int, drain: float, work: Callable[[int, int], None]) -> None:
        self._count = count
        self._drain = drain
        self._work = work
        self._children: set[int] = set()
        self._lifeline, self._life = os.pipe()

    def run(self) -> None:
        """Start the children, serve, and return when the last has gone. Raises ``Fault`` when none can start."""
        pipes = [self._start() for _ in range(self._count)]
        self._await_ready(pipes)
        notify("READY=1")
        logger.info("ready: %d workers", self._count)
        respawn_at: float | None = None
        while True:
            received = signal.sigtimedwait(SIGNALS, 1.0)
            number = received.si_signo if received else None
            if number in (signal.SIGTERM, signal.SIGINT):
                break
            if number == signal.SIGHUP:
                logger.warning("reload: not in this version; restart to read the configuration again")
            if self._reap() and respawn_at is None:
                respawn_at = time.monotonic() + RESPAWN_DELAY
            if respawn_at is not None and time.monotonic() >= respawn_at:
                respawn_at = None
                while len(self._children) < self._count:
                    os.close(self._start())
        self._stop()

    def _start(self) -> int:
        """Fork one worker and return the reading end of its ready pipe."""
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os.close(self._life)
            code = 70
            try:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                self._work(writing, self._lifeline)
                code = 0
            except Exception as error:  # noqa: BLE001 - the last frame of a child
                logger.error("worker: %s: %s", type(error).__name__, error)
            finally:
                os._exit(code)
        os.close(writing)
        self._children.add(pid)
        return reading

    def _await_ready(self, pipes: list[int]) -> None:
        failed = [pipe for pipe in pipes if not os.read(pipe, 1)]
        for pipe in pipes:
            os.close(pipe)
        if failed:
            self._stop()
            raise Fault("the workers could not start; the lines above say why")

    def _reap(self) -> int:
        """Collect the children that have ended; return how many."""
        ended = 0
        for pid in list(self._children):
            gone, status = os.waitpid(pid, os.WNOHANG)
            if gone:
                self._children.discard(pid)
                ended += 1
                logger.error("worker %d ended with %s; it is replaced", pid, os.waitstatus_to_exitcode(status))
        return ended

    def _stop(self) -> None:
        notify("STOPPING=1")
        logger.info("stopping: draining for at most %d s", self._drain)
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + self._drain + DRAIN_MARGIN
        while self._children and time.monotonic() < deadline:
            received = signal.sigtimedwait(SIGNALS, 0.2)
            if received and received.si_signo in (signal.SIGTERM, signal.SIGINT):
                break
            for pid in list(self._children):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    self._children.discard(pid)
        self._signal(signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)
        logger.info("stopped")

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._children:
            os.kill(pid, number)


def notify(state: str) -> None:
    """Tell systemd (sd_notify protocol), where it listens; that it does not is no reason to fail."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect("\0" + path[1:] if path.startswith("@") else path)
            channel.sendall(state.encode())
    except OSError as error:
        logger.warning("the service manager cannot be told %s: %s", state, error.strerror)
