"""The service: what is checked before it starts, the posts of its supervisor, and the world above it.

Workers share the ports (SO_REUSEPORT); the kernel spreads the connections.
"""

import faulthandler
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
from gateway.processes.child import Child, Post
from gateway.processes.gateway import Gateway
from gateway.processes.notify import notify, reloading, watchdog_seconds
from gateway.processes.reload import reread
from gateway.processes.rlimits import bound_process, too_few_descriptors, worker_count
from gateway.processes.steward import attend
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
    this = Gateway(_processes(options), shares=options.database != "sqlite")
    _begin(this, options)
    posts = _posts(this, options)
    outside, suspects = Outside(read, options, this.processes), Suspects(folder / "suspects")
    Supervisor(posts, options, outside, suspects).run()
    logger.info("stopped")


def _begin(this: Gateway, options: Options) -> None:
    """Have the store know this gateway before one of its processes uses it."""
    at = time.monotonic()
    store = open_store(store_options(options, this.id), durable=False)
    try:
        store.check()
        replaced = store.identity.take_up(this.presence(options), options.authserv_id)
    finally:
        store.close()
    this.pulse.beat(at)
    if replaced is not None:
        logger.warning("authserv_id: %s took the place of %s", options.authserv_id, replaced)


def _processes(options: Options) -> int:
    """Return how many processes take mail."""
    return worker_count(options) * (1 + len(options.milters))


def _posts(this: Gateway, options: Options) -> list[Post]:
    count = worker_count(options)
    workers = [Post(f"worker {number}", partial(work, count, this)) for number in range(1, count + 1)]
    pages = {"metrics": _serve_metrics} | ({} if options.admin.listen is None else {"admin": _serve_admin})
    posts = [Post(name, partial(serve, this.id), takes_mail=False) for name, serve in pages.items()]
    return [*workers, *_milter_posts(this, options), *posts, Post("steward", partial(attend, this), last=True)]


def _milter_posts(this: Gateway, options: Options) -> list[Post]:
    if not options.milters:
        return []
    from gateway.processes.milter_worker import attend_door  # pymilter is an extra

    return [Post(f"milter {door.name}", partial(attend_door, door.name, this)) for door in options.milters]


# What HTTP needs is imported in the process that serves it: no worker carries it, and mail starts without it.


def _serve_metrics(instance: str, child: Child) -> None:
    from gateway.processes.metrics_server import serve_metrics

    serve_metrics(instance, child)


def _serve_admin(instance: str, child: Child) -> None:
    child.ready()  # nobody waits for what follows, which takes a second
    from gateway.processes.admin_server import serve_admin

    serve_admin(instance, child)


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
