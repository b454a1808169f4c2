"""One message's page in the ledger of copies (``engine.ports.Ledger``): which recipients need no second copy.

A client that got no 250 comes again with the same bytes below fresh trace fields, perhaps for fewer recipients; the
digest therefore leaves leading trace fields out. Most messages leave as one copy and touch the store not at all: they
are looked up only while some failed transaction is known to wait for its retry. Ledger calls run in a thread.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from gateway.engine.ports import Ledger
from gateway.engine.transaction import Transaction
from gateway.errors import Fault
from gateway.mail.arrival import digest
from gateway.smtp.connection import DOT

ASK_AGAIN = 1.0
Holds = Callable[[float], bool]
"""Whether what was claimed at that monotonic time is still ours: no other gateway can have taken it over."""
_logger = logging.getLogger(__name__)


def dot_of(holds: Holds, since: float) -> bytes:
    """Return the final dot of what was claimed at that time. Raises ``Fault`` where another may have taken it over."""
    if not holds(since):
        raise Fault("this gateway did not beat in time: another may have taken this mail over")
    return DOT


class LedgerAccess:
    """The ledger as the doors of this process see it.

    ``waiting`` says, cheaply, whether the ledger holds any entry at all; it is asked at most once a second.
    """

    def __init__(self, ledger: Ledger, waiting: Callable[[], bool], holds: Holds) -> None:
        self.ledger = ledger
        self.holds = holds
        self._waiting = waiting
        self._answer = True
        self._asked_at = float("-inf")

    async def may_matter(self) -> bool:
        """Whether some message might be the retry of one that was delivered in part; False where nobody can say.

        Asked for mail that leaves as one copy. What needs nothing else of the store goes on without it: at most a copy
        comes again whose reply was lost.
        """
        now = asyncio.get_running_loop().time()
        if now - self._asked_at >= ASK_AGAIN:
            self._asked_at = now
            try:
                self._answer = await asyncio.to_thread(self._waiting)
            except Fault as error:
                self._answer = False
                _logger.warning("the ledger of copies cannot be asked: %s", error)
        return self._answer

    def left(self) -> None:
        """Note that an entry was left for a retry that may come at once."""
        self._answer = True
        self._asked_at = asyncio.get_running_loop().time()


class LedgerSession:
    """The entries of one transaction. ``served``: recipients with a copy from an earlier attempt."""

    def __init__(self, books: LedgerAccess, transaction: Transaction) -> None:
        self._books = books
        self._transaction = transaction
        self._digest: bytes | None = None
        self._since = 0.0
        self._entries = False
        self.served: frozenset[str] = frozenset()

    @property
    def claimed(self) -> bool:
        """Whether the ledger was asked."""
        return self._digest is not None

    async def claim(self) -> None:
        """Find out whom an earlier attempt served. Raises ``Fault``."""
        if not self.claimed:
            self._since = time.monotonic()
            self.served = await asyncio.to_thread(self._claim)
            self._entries = bool(self.served)

    def dot(self) -> bytes:
        """Return the final dot of a copy. Raises ``Fault`` where another gateway may make that copy by now.

        What is not in the ledger is nobody else's.
        """
        return dot_of(self._books.holds, self._since) if self.claimed else DOT

    async def taken(self, recipients: tuple[str, ...]) -> None:
        """Note a copy; a store that cannot is logged, for the copy is gone and its 250 stands."""
        try:
            await asyncio.to_thread(self._books.ledger.taken, *self._mail(), recipients)
            self._entries = True
        except Fault:
            _logger.exception("%s: a delivered copy could not be noted; a retry may repeat it", self._transaction.id)

    async def note(self, recipients: tuple[str, ...]) -> None:
        """Note a copy of a message that nobody looked up before."""
        try:
            await self.claim()
        except Fault:
            _logger.exception("%s: a delivered copy could not be noted; a retry may repeat it", self._transaction.id)
        else:
            await self.taken(recipients)

    async def settle(self, *, acknowledged: bool) -> None:
        """Close the page: drop the entries of a client that has its 250, leave those of one that has not."""
        if not self.claimed:
            return
        if self._entries and not acknowledged:
            self._books.left()
        close = self._books.ledger.forget if acknowledged else self._books.ledger.release
        try:
            await asyncio.to_thread(close, *self._mail())
        except Fault:
            _logger.exception("%s: the ledger of copies could not be closed", self._transaction.id)

    def _claim(self) -> frozenset[str]:
        self._digest = digest(self._transaction.content)
        return self._books.ledger.claim(*self._mail(), self._transaction.envelope.addresses)

    def _mail(self) -> tuple[bytes, str, str]:
        assert self._digest is not None
        return self._digest, self._transaction.door, self._transaction.envelope.sender
