"""The service: what is checked before it starts, the posts of its supervisor, and the world above it.

Workers share the ports (SO_REUSEPORT); the kernel spreads the connections.
"""

import faulthandler
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import gateway
from gateway.config import ConfigError, Listener, Milter, Options
from gateway.errors import Fault
from gateway.log import logger, start_logging
from gateway.mailflow.poison import Suspects
from gateway.metrics import RELOAD
from gateway.processes.admin_server import serve_admin
from gateway.processes.child import Post
from gateway.processes.metrics_server import serve_metrics
from gateway.processes.notify import notify, reloading, watchdog_seconds
from gateway.processes.reload import reread
from gateway.processes.rlimits import bound_process, too_few_descriptors, worker_count
from gateway.processes.supervisor import Supervisor
from gateway.processes.worker import work
from gateway.store import NotPermitted, open_store
from gateway.wiring import store_options

LOW_PORT = "a port below 1024 needs CAP_NET_BIND_SERVICE; see systemd/smime-gateway.service"


def serve(read: Callable[[], Options], folder: Path) -> None:
    """Run the service until it is told to stop; ``read`` reads the configuration, now and at every reload.

    ``folder`` is this run's alone: what its processes tell each other.
    Raises what keeps it from starting: configuration, store, ports, files.
    """
    options = read()
    start_logging(options.log.format == "json")
    faulthandler.enable()
    bound_process()
    if problems := list(too_few_descriptors(options)):
        raise ConfigError(problems)
    _check_ports(options)
    store = open_store(store_options(options), durable=False)
    store.check()
    store.close()
    posts = _posts(options)
    outside, suspects = Outside(read, options, len(posts)), Suspects(folder / "suspects")
    Supervisor(posts, options, outside, suspects).run()
    logger.info("stopped")


def _posts(options: Options) -> list[Post]:
    count = worker_count(options)
    instance = secrets.token_hex(8)
    workers = [Post(f"worker {number}", partial(work, count, instance)) for number in range(1, count + 1)]
    metrics = Post("metrics", partial(serve_metrics, instance), takes_mail=False)
    return [*workers, *_milter_posts(options), metrics, *_admin_posts(options, instance)]


def _milter_posts(options: Options) -> list[Post]:
    if not options.milters:
        return []
    from gateway.processes.milter_worker import attend_door  # pymilter is an extra

    return [Post(f"milter {door.name}", partial(attend_door, door.name)) for door in options.milters]


def _admin_posts(options: Options, instance: str) -> list[Post]:
    if options.admin.listen is None:
        return []
    return [Post("admin", partial(serve_admin, instance), takes_mail=False)]


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
                if isinstance(error, PermissionError):
                    raise NotPermitted(f"{text}; {LOW_PORT}" if listener.listen.port < 1024 else text) from error
                raise Fault(text) from error


class Outside:
    """The world above the first supervisor: systemd, the configuration file, the log."""

    def __init__(self, read: Callable[[], Options], options: Options, processes: int) -> None:
        self._read = read
        RELOAD.set(1)
        self._running = options
        self._processes = processes
        self._watchdog = watchdog_seconds()
        self._told_at = float("-inf")

    def fileno(self) -> int:
        """HUP says that there is a new configuration."""
        return -1

    def receive(self) -> Options | None:
        """Read the configuration again; None: it is not to be used."""
        reloading()
        logger.info("reload: reading the configuration")
        options = reread(self._read, self._running)
        if options is None:
            self._reloaded(False)
            return None
        start_logging(options.log.format == "json")
        self._running = options
        return options

    def ready(self) -> None:
        """Tell systemd and the log."""
        notify("READY=1")
        doors: tuple[Listener | Milter, ...] = (*self._running.listeners, *self._running.milters)
        names = ", ".join(door.name for door in doors) or "none"
        logger.info("ready: version %s, %d processes, doors: %s", gateway.__version__, self._processes, names)

    def alive(self) -> None:
        """Tell systemd, as often as it wants to hear it."""
        if self._watchdog is not None and time.monotonic() - self._told_at >= self._watchdog:
            self._told_at = time.monotonic()
            notify("WATCHDOG=1")

    def adopted(self, well: bool) -> None:
        """Say how the reload ended."""
        if well:
            logger.info("reload: done; all processes have taken the configuration over")
        self._reloaded(well)

    def stopping(self) -> None:
        """Tell systemd and the log."""
        notify("STOPPING=1")
        logger.info("stopping: draining for at most %d s", self._running.drain.total_seconds())

    def _reloaded(self, well: bool) -> None:
        RELOAD.set(well)
        notify("READY=1")
