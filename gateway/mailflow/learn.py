"""Takes down what signatures that hold teach, as ``learn`` says: after the delivery, and never to its harm."""

from threading import Lock

from gateway.cms.algorithm import CIPHERS
from gateway.config import Options
from gateway.engine.transaction import Lesson, Transaction
from gateway.log import logger
from gateway.policy.choose import contradicts
from gateway.store import Store
from gateway.store.certificates.learned import FULL, Learning

REMEMBERED = 10_000
"""Lessons of this day that need not be asked of the store again, the latest."""


class Learner:
    """The settings, the store, and what it was told today."""

    def __init__(self, options: Options, store: Store) -> None:
        self._enabled = options.learn != "off"
        self._trusted = options.learn == "trusted"
        self._store = store
        self._lock = Lock()
        self._told: dict[tuple[str, str, int], None] = {}

    def has_news(self, transaction: Transaction, lesson: Lesson | None) -> bool:
        """Whether the store has to be asked: a certificate is looked at once a day by each process."""
        return self._enabled and lesson is not None and _key(transaction, lesson) not in self._told

    def learn(self, transaction: Transaction, lesson: Lesson) -> None:
        """Store what is new in a lesson. Raises ``Fault``."""
        capabilities = [name for name in lesson.capabilities if name in CIPHERS]
        at, address = transaction.received_at, lesson.address
        known = self._store.certificates.find([address], at)[address]
        changes_key = contradicts(lesson.certificate, known, at)
        learning = self._store.learned.learn(
            address,
            lesson.certificate,
            capabilities,
            at,
            trusted=self._trusted,
            changes_key=changes_key,
            intermediates=lesson.intermediates,
        )
        self._remember(_key(transaction, lesson))
        name = lesson.certificate.fingerprint[:16]
        if learning is Learning.NEW:
            waits = f"used for nothing until `cert approve {name}`"
            use = "another key holds its place, so it is " + waits if changes_key else waits
            use = "encrypted to from now on" if self._trusted and not changes_key else use
            logger.info("%s: learned certificate %s of <%s>: %s", transaction.id, name, address, use)
        elif learning in FULL:
            logger.warning("%s: certificate %s not learned: %s", transaction.id, name, learning)

    def _remember(self, key: tuple[str, str, int]) -> None:
        with self._lock:
            self._told[key] = None
            while len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]


def _key(transaction: Transaction, lesson: Lesson) -> tuple[str, str, int]:
    return lesson.certificate.fingerprint, lesson.address, transaction.received_at.toordinal()
