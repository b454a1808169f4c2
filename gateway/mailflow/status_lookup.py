"""Evidence of revocation is fetched while mail goes on: what messages found unknown is looked up for the next ones.

One thread of each process, which no message waits for. It fetches one thing at a time, with a pause between; the store
says what is due and gives each source to one process only. What is wanted is noted by all gateways of a store, and
fetched by the one that is elected. Nothing is asked of a certificate whose path does not hold
(row NET-01), nor of one whose status has become known meanwhile. Not here: what is fetched, and how (``lookup``).
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from threading import Event, Lock, Thread

from gateway.clock import now
from gateway.config import Options
from gateway.errors import Fault, Malformed
from gateway.log import logger
from gateway.lookup import Fetch, NotFetched, look_up
from gateway.pki.path import CertificatePath
from gateway.pki.sources import Source
from gateway.pki.status import is_unknown
from gateway.pki.validation import leads_to_anchor
from gateway.store import Store

MAX_WANTS = 1000
"""Certificates of unknown status that a process keeps in mind until they are looked at, which is a second later."""
LOOK_EVERY = 1.0
"""Seconds between two looks for work where there is none."""
BETWEEN = 0.25
"""Seconds between two fetches."""
AFTER_A_FAULT = 30.0
"""Seconds before the next look where the store fails."""
LEASE = timedelta(seconds=30)
"""How long one fetch may take, with everything around it."""


class WantedStatuses:
    """What messages found unknown, each once; Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._paths: set[CertificatePath] = set()

    def add(self, paths: Iterable[CertificatePath]) -> None:
        """Keep certificates of unknown status in mind; where there are too many, leave it to the next message."""
        with self._lock:
            for path in paths:
                if len(self._paths) < MAX_WANTS:
                    self._paths.add(path)

    def take(self) -> set[CertificatePath]:
        """Return what was kept, and keep it no longer."""
        with self._lock:
            taken, self._paths = self._paths, set()
        return taken


def fetches(options: Options) -> bool:
    """Whether anything is to be fetched."""
    return options.enabled and options.inbound.revocation != "off"


class StatusLookup:
    """One process's thread; it exists while something is to be fetched."""

    def __init__(
        self,
        store: Store,
        fetch: Fetch,
        clock: Callable[[], datetime] = now,
        elected: Callable[[], bool] = lambda: True,
    ) -> None:
        """``elected``: whether it is this gateway's to fetch."""
        self._elected = elected
        self.wants = WantedStatuses()
        self._store = store
        self._fetch = fetch
        self._now = clock
        self._stopped: Event | None = None

    def renew(self, options: Options) -> None:
        """Begin, go on or end, as ``inbound.revocation`` says."""
        if not fetches(options):
            self.close()
        elif self._stopped is None:
            self._stopped = Event()
            Thread(target=self._run, args=(self._stopped,), name="fetching", daemon=True).start()

    def close(self) -> None:
        """Begin nothing more. A fetch under way is not waited for; what it was for is due again in half a minute."""
        if self._stopped is not None:
            self._stopped.set()
            self._stopped = None

    def _run(self, stopped: Event) -> None:
        while not stopped.wait(self._pause(stopped)):
            pass

    def _pause(self, stopped: Event) -> float:
        """Do one thing if there is one to do; return the seconds until the next."""
        try:
            return BETWEEN if self.once() else LOOK_EVERY
        except Fault as error:
            if not stopped.is_set():
                logger.warning("revocation: %s; tried again in %d s", error, AFTER_A_FAULT)
        except Exception:  # noqa: BLE001 - a bug must not end the thread
            logger.exception("revocation: fetching failed")
        return AFTER_A_FAULT

    def once(self) -> bool:
        """Fetch what is due next; return whether there was anything. Raises ``Fault``."""
        for path in self.wants.take():
            self._want(path)
        source = self._store.revocation_sources.claim(self._now(), LEASE) if self._elected() else None
        if source is None:
            return False
        if self._holds(source):
            self._fetch_from(source)
        else:
            logger.info("revocation: %s: not fetched any more: the path to its issuer does not hold", source.url)
            self._store.revocation_sources.forget(source)
        return True

    def _want(self, path: CertificatePath) -> None:
        if not is_unknown(path, self._store.evidence.revocation(path[0]), self._now()):
            return
        if not self._store.revocation_sources.want(path, self._now()):
            logger.warning("revocation: too many addresses of CRLs and OCSP responders; a further one is not asked")

    def _holds(self, source: Source) -> bool:
        """Whether the path leads to an anchor as trust is now; it may have changed since the message came."""
        path = source.speaking_for
        self._store.generation.expire()
        return leads_to_anchor(path, self._store.evidence.trust(path[0]), self._now())

    def _fetch_from(self, source: Source) -> None:
        try:
            found = look_up(source, self._fetch, self._now())
        except (NotFetched, Malformed) as error:
            self._failed(source, str(error))
        except Exception as error:  # noqa: BLE001 - what came is not ours: it must not be fetched again every minute
            logger.exception("revocation: what came from %s is too much for us", source.url)
            self._failed(source, type(error).__name__)
        else:
            self._store.revocation_sources.fetched(source, found, self._now())
            logger.info("revocation: %s: fetched", source.url)

    def _failed(self, source: Source, why: str) -> None:
        """The certificate may name another source: that one is wanted now."""
        logger.warning("revocation: %s: %s", source.url, why)
        self._store.revocation_sources.failed(source, self._now())
        self.wants.add((source.path,))
