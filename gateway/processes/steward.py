"""The process that says that its gateway lives, and does what only one gateway of a store may, while that is this one.

It beats (``store.gateways.presence``) from before the first process serves until after the last has ended: what they
hold in the store counts no longer without. Elected, it removes what is past its retention. It tells the audit log which
configuration runs. All of that is done in threads of their own: the one that hears the supervisor never waits for the
store.
"""

import select
import signal
import socket
import time
from queue import SimpleQueue
from threading import Event, Lock, Thread

from gateway.admin.changes import Verb
from gateway.admin.configuration import note_running
from gateway.clock import Watch
from gateway.config import Options
from gateway.errors import GatewayError
from gateway.log import logger, start_logging
from gateway.mailflow.pruning import prune
from gateway.processes.child import BEAT, Child
from gateway.processes.gateway import Gateway
from gateway.store import Store, open_store
from gateway.store.gateways.presence import BEAT_EVERY, ELECTED_FOR
from gateway.wiring import Wiring, store_options

PRUNE_EVERY = 3600.0
"""Seconds between two removals of what is past its retention."""
CLOCK_SET = 3600.0
"""Seconds by which the clock must have been set for ages to be doubted."""


class Steward:
    """One gateway's."""

    def __init__(self, gateway: Gateway, options: Options) -> None:
        self._gateway = gateway
        self._options = options
        self._stopped = Event()
        self._silent = False
        self._store: Store | None = None
        self._opening = Lock()
        self._begun = SimpleQueue[Options]()
        self._begun.put(options)

    def start(self) -> None:
        """Begin to beat."""
        for work in (self._beat_on, self._keep_house, self._tell_what_runs):
            Thread(target=work, name=work.__name__.strip("_"), daemon=True).start()

    def renew(self, options: Options) -> None:
        """Go on under other options; the next beat tells of them."""
        self._options = options
        start_logging(options.log.format == "json")
        self._begun.put(options)

    def leave(self) -> None:
        """Say that the gateway has ended: nobody has to wait until it is taken for silent."""
        self._stopped.set()
        try:
            self._opened().gateways.leave(self._gateway.id)
        except GatewayError as error:
            logger.warning("gateways: %s; the others take this one for ended in half a minute", error)

    def beat(self) -> None:
        """Beat once; where that fails it is told once, and whatever is held in the store counts for a while only."""
        at = time.monotonic()
        try:
            store = self._opened()
            elected = store.gateways.beat(self._gateway.presence(self._options))
            store.ledger.release_ended()
        except GatewayError as error:
            if not self._silent:
                waits = "; held mail and mail in several copies wait soon" if self._gateway.shares else ""
                logger.error("gateways: no beat: %s%s", error, waits)
            self._silent = True
            return
        pulse = self._gateway.pulse
        pulse.beat(at)
        if self._silent:
            logger.warning("gateways: this one beats again")
        self._silent = False
        if elected and not pulse.elected():
            logger.info("gateways: this one was elected for housekeeping")
        pulse.elect(at + ELECTED_FOR.total_seconds() if elected else 0)

    def _beat_on(self) -> None:
        while not self._stopped.is_set():
            self.beat()
            self._stopped.wait(BEAT_EVERY)

    def _keep_house(self) -> None:
        """Remove what is past its retention, unless the clock was just set: it may be wrong, and nothing comes back."""
        watch = Watch()
        while not self._stopped.wait(PRUNE_EVERY):
            if abs(moved := watch.moved()) > CLOCK_SET:
                logger.warning("retention: the clock was set by %+d s; nothing is removed for an hour", moved)
            elif self._gateway.pulse.elected():
                self._prune()

    def _prune(self) -> None:
        try:
            prune(self._opened(), self._options)
        except GatewayError as error:
            logger.warning("retention: %s; tried again in an hour", error)

    def _tell_what_runs(self) -> None:
        """Have the audit log know of the start and of each reload."""
        self._tell(self._begun.get(), Verb.START)
        while not self._stopped.is_set():
            self._tell(self._begun.get(), Verb.RELOAD)

    def _tell(self, options: Options, verb: Verb) -> None:
        """Do so until it is there: what runs, runs, whether that can be written or not."""
        failed = False
        while not self._stopped.is_set():
            try:
                wiring = Wiring(options=options)
                wiring.store = self._opened()
                note_running(wiring, verb)
                return
            except GatewayError as error:
                if not failed:
                    logger.error("audit: the %s is not in the log yet: %s", verb, error)
                failed = True
                self._stopped.wait(BEAT_EVERY)

    def _opened(self) -> Store:
        with self._opening:
            if self._store is None:
                self._store = open_store(store_options(self._options, self._gateway.id), durable=False)
            return self._store


def attend(gateway: Gateway, child: Child) -> None:
    """Be the process: beat until SIGTERM, which comes last, or until the supervisor is gone."""
    told, tell = socket.socketpair()
    signal.signal(signal.SIGTERM, lambda *_: tell.send(b"."))
    steward = Steward(gateway, child.options)
    steward.start()
    child.ready()
    while True:
        heard, _, _ = select.select([told.fileno(), child.fileno()], [], [], BEAT)
        child.alive()
        if told.fileno() in heard:
            break
        if child.fileno() in heard and not child.hear(steward.renew):
            time.sleep(child.options.drain.total_seconds())  # the others drain, and hold what they hold
            break
    steward.leave()
