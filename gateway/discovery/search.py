"""Asks the sources of an address and stores what they have.

A question that nobody has answered in time goes on, and what comes of it is stored all the same: the client that is
told to try again finds it. What a source said is kept as long as the configuration says, ``none`` too; that it could
not be asked is never kept for an answer.
"""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from gateway.clock import now
from gateway.config import Options
from gateway.discovery.believing import Asked, Settings, believed
from gateway.discovery.sources import Source, build_sources
from gateway.errors import Fault
from gateway.log import logger
from gateway.lookup.answer import Answer, NotAnswered, Result
from gateway.mail.address import index_key
from gateway.pki.holding import Holding
from gateway.policy.choose import for_encryption
from gateway.policy.wants import Lookup
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.certificates.found import Filed, Find
from gateway.store.certificates.said import Waits
from gateway.store.lookups import Saying

PATIENCE = 15.0
"""Seconds for which somebody waits who has time: longer than any source is given to answer."""
_SERVES = frozenset({Filed.NEW, Filed.KNOWN, Filed.CHANGED})


@dataclass(frozen=True, slots=True)
class Searched:
    """What was asked, and the addresses of which some source could not be asked."""

    lookups: tuple[Lookup, ...]
    unasked: frozenset[str]


class Search:
    """The sources of one configuration, and a store for what they have. Safe for threads."""

    def __init__(self, options: Options, store: Store, count: Callable[[Lookup], None] | None = None) -> None:
        """``count`` hears how each question ended. Raises ``OSError`` for files of the sources."""
        self._count = count
        self._sources: Sequence[Source] = build_sources(options)
        self._store = store
        self._timeout = options.discovery.timeout.total_seconds()
        self._negative, self._refresh = options.discovery.negative, options.discovery.refresh
        addresses = options.addresses
        self._settings = Settings(addresses.subject_email, fold=addresses.local_part_case == "fold")

    def close(self) -> None:
        """Ask nobody any more."""
        for source in self._sources:
            source.directory.close()

    def search(self, addresses: Collection[str], at: datetime, seconds: float | None = None) -> Searched:
        """Ask whoever is due, and wait for ``seconds`` (None: ``discovery.timeout``) at most. Raises ``Fault``."""
        said = {(each.source, each.address): each for each in self._store.lookups.of(addresses)}
        due = [
            (source, address)
            for address in sorted(addresses)
            for source in self._sources
            if source.holds(address) and not self._is_fresh(said.get((source.name, index_key(address))), at)
        ]
        return self._asked(due, self._timeout if seconds is None else seconds)

    def find(self, address: str) -> Searched:
        """Ask all sources of an address, whatever they said before. Raises ``Fault``."""
        return self._asked([(source, address) for source in self._sources if source.holds(address)], PATIENCE)

    @staticmethod
    def _is_fresh(said: Saying | None, at: datetime) -> bool:
        return said is not None and said.is_fresh(at)

    def _asked(self, due: Iterable[tuple[Source, str]], seconds: float) -> Searched:
        began = time.monotonic()
        asked: dict[tuple[str, str], Future[Lookup]] = {}
        lookups: list[Lookup] = []
        for source, address in due:
            try:
                asked[source.name, address] = source.directory.ask(address, partial(self._ask, source))
            except NotAnswered as error:
                logger.info("discovery: %s: not asked: %s", source.name, error)
                lookups.append(self._counted(Lookup(address=address, source=source.name, result=Result.FAILED, ms=0.0)))
        wait(asked.values(), seconds)
        spent = round((time.monotonic() - began) * 1000, 1)
        for (name, address), future in asked.items():
            done = future.done() and not future.cancelled()
            late = Lookup(address=address, source=name, result=Result.FAILED, ms=spent)
            lookups.append(future.result() if done else late)
        return Searched(tuple(lookups), frozenset(each.address for each in lookups if each.result == Result.FAILED))

    def _ask(self, source: Source, address: str) -> Lookup:
        """Ask one source, in a thread of its own; nothing is raised."""
        began, at = time.monotonic(), now()
        try:
            answer = source.ask(address)
            self._note(source, well=True)
            ms = _milliseconds(began)
            result, due = self._filed(source, address, answer, at)
        except NotAnswered as error:
            self._note(source, well=error.lives, why=str(error))
            result, due, ms = Result.FAILED, at, _milliseconds(began)
        except Fault as error:
            logger.error("discovery: %s: what it said is not stored: %s", source.name, error)
            return self._counted(
                Lookup(address=address, source=source.name, result=Result.FAILED, ms=_milliseconds(began))
            )
        except Exception:  # noqa: BLE001 - what came is foreign: it must cost no more than this answer
            logger.exception("discovery: %s: what it said is too much for us", source.name)
            result, due, ms = Result.UNUSABLE, at + self._negative, _milliseconds(began)
        self._take_down(Saying(source.name, address, at, result, due))
        return self._counted(Lookup(address=address, source=source.name, result=result, ms=ms))

    def _counted(self, lookup: Lookup) -> Lookup:
        if self._count is not None:
            self._count(lookup)
        return lookup

    def _note(self, source: Source, *, well: bool, why: str = "") -> None:
        turned = source.directory.breaker.tell(well=well)
        if why:
            logger.warning("discovery: %s: %s", source.name, why)
        if turned:
            state = "asked again" if well else "failed too often: nobody asks it for a while"
            logger.warning("discovery: %s: %s", source.name, state)

    def _take_down(self, said: Saying) -> None:
        try:
            self._store.lookups.note(said)
        except Fault as error:
            logger.error("discovery: %s: that it was asked is not noted: %s", said.source, error)

    def _filed(self, source: Source, address: str, answer: Answer, at: datetime) -> tuple[Result, datetime]:
        """Store what a source has; return how the look-up ended and when it may be asked again."""
        store, asked = self._store, Asked(address, at, source.minimum)
        known = store.certificates.find([address], at)[address]
        finds = believed(answer, asked, known, store, self._settings)
        if source.minimum == "dnssec":
            vouched = [find.certificate.fingerprint for find in finds if find.dnssec]
            store.found.take_back(address, source.name, vouched)
        if not answer.certificates:
            return Result.NONE, at + self._negative
        if not finds:
            return Result.UNUSABLE, at + self._negative
        filed = store.found.file(address, source.name, source.origin, finds)
        taken = [find for find, became in zip(finds, filed, strict=True) if became in _SERVES]
        if not taken:
            return Result.UNUSABLE, at + self._negative
        served = [find for find in taken if find.waits is None]
        for find, became in zip(finds, filed, strict=True):
            _tell(source, address, find, became)
        if not served:
            return Result.PENDING, at + self._negative
        changed = _has_new_issuer(known, served[0], at)
        return Result.NEW_ISSUER if changed else Result.FOUND, self._due(served[0], at)

    def _due(self, find: Find, at: datetime) -> datetime:
        """When to ask again: before the certificate expires, too."""
        before_its_end = find.certificate.not_after - self._refresh
        return max(at + self._negative, min(at + self._refresh, before_its_end))


def _has_new_issuer(known: Sequence[Holding], find: Find, at: datetime) -> bool:
    used = for_encryption(known, at)
    return not isinstance(used, Reason) and used.learned and used.certificate.issuer_der != find.certificate.issuer_der


def _tell(source: Source, address: str, find: Find, became: Filed) -> None:
    if became in (Filed.NEW, Filed.CHANGED):
        reasons = {
            Waits.CHANGE: "another key holds its place",
            Waits.MINIMUM: "its source's never serve by themselves",
            Waits.PATH: "its path ends in no anchor",
        }
        use = "used" if find.waits is None else f"pending: {reasons[find.waits]}"
        name = find.certificate.fingerprint[:16]
        logger.info("discovery: %s: certificate %s of <%s>: %s", source.name, name, address, use)


def _milliseconds(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 1)
