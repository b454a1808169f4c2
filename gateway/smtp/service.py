"""What all sessions of one door share: who is let in, and what a message needs from its final dot to its reply.

That way itself is every front end's (``engine.finish``).
"""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from gateway.engine.finish import Steps, finish
from gateway.engine.transaction import Client, FrontEnd, Outcome, Receipt, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.arrival import refusal
from gateway.mail.envelope import Envelope
from gateway.reply import EnhancedCode, Reply, reply, trouble
from gateway.smtp.budget import Budget
from gateway.smtp.content import Content, Room
from gateway.smtp.copy import unavailable
from gateway.smtp.credentials import Logins
from gateway.smtp.dialogue import CLOSING, Dialogue
from gateway.smtp.door import Address, Door, Limits
from gateway.smtp.ledger_session import LedgerAccess, LedgerSession
from gateway.smtp.next_hop import HopTransaction, Pool
from gateway.smtp.relay import Handover, Relay
from gateway.smtp.turned_away import TurnedAway, at_the_door

Process = Callable[[Transaction], Awaitable[Outcome]]
"""The engine: what is to become of a message."""
Report = Callable[[Transaction, Outcome, Sequence[Receipt], Reply, float], Awaitable[None]]
"""The record: called before the client's reply leaves, with that reply and the seconds since the final dot."""

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """One door's options, its connections to the next hop and to the engine, and who is in."""

    door: Door
    limits: Limits
    hostname: str
    instance: str
    pool: Pool
    books: LedgerAccess
    copies: Budget
    room: Room
    process: Process
    report: Report
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    tls: ssl.SSLContext | None
    logins: Logins
    sessions: set[Dialogue] = field(default_factory=set)
    clients: Counter[Address] = field(default_factory=Counter)
    closing: bool = False
    turns: TurnedAway = field(default_factory=TurnedAway)
    _telling: set[asyncio.Task[Handover]] = field(default_factory=set)

    def admit(self, session: Dialogue, address: Address) -> Reply | None:
        """Let a client in, or return the reply that turns it away (rows SMT-05, SMT-07)."""
        client = Client(str(address))
        if not self.door.serves(address):
            return self.turned_away(
                client, address, "clients", reply(554, EnhancedCode.NOT_AUTHORIZED, "Client not welcome")
            )
        if self.closing:
            return CLOSING
        if len(self.sessions) >= self.limits.connections:
            full = reply(421, EnhancedCode.OTHER_SECURITY, "Too many connections")
            return self.turned_away(client, address, "limits.connections", full)
        if not address.is_loopback and self.clients[address] >= self.limits.connections_per_client:
            full = reply(421, EnhancedCode.OTHER_SECURITY, "Too many connections from your address")
            return self.turned_away(client, address, "limits.connections_per_client", full)
        self.sessions.add(session)
        self.clients[address] += 1
        return None

    def turned_away(self, client: Client, address: Address, key: str, answer: Reply) -> Reply:
        """Have a record made of a client that is turned away, unless there were enough; return ``answer``.

        ``key``: of the configuration, of the door unless it has a dot, that would have to be another.
        """
        at = self.now()
        silent = self.turns.tell((address, key, answer.code), at)
        if silent is None:
            return answer
        if silent:
            _logger.warning("door %s: %d more clients were turned away, without a record each", self.door.name, silent)
        transaction = Transaction(
            id=self.new_id(),
            direction=self.door.direction,
            front_end=FrontEnd.SMTP,
            door=self.door.name,
            client=client,
            envelope=Envelope("", ()),
            content=b"",
            received_at=at,
            size=0,
        )
        rule = key if "." in key else f"listeners {self.door.name}: {key}"
        outcome = at_the_door(self.door.direction, answer, rule)
        told = asyncio.create_task(finish(transaction, outcome, self._steps, self._answer))
        self._telling.add(told)
        told.add_done_callback(self._telling.discard)
        return answer

    def leave(self, session: Dialogue, address: Address) -> None:
        """Take a client off the list."""
        if session in self.sessions:
            self.sessions.discard(session)
            self.clients[address] -= 1
            if not self.clients[address]:
                del self.clients[address]

    def unavailable(self, fault: Fault) -> Reply:
        """Log why the next hop could not be used and return the client's reply, which has the id of that line."""
        record_id = self.new_id()
        _logger.warning("%s: door %s: %s", record_id, self.door.name, fault)
        return unavailable(fault, record_id)

    async def finish(
        self, client: Client, envelope: Envelope, content: Content, pool: Pool, hop: HopTransaction
    ) -> Handover:
        """Bring a received message to its end; the reply is to be sent and the handover settled.

        ``hop``: the transaction opened for the envelope, over afterwards.
        """
        kept = content.take()
        refused = refusal(kept, bare=content.bare, size=content.size, limit=content.limit)
        transaction = Transaction(
            id=self.new_id(),
            direction=self.door.direction,
            front_end=FrontEnd.SMTP,
            door=self.door.name,
            client=client,
            envelope=envelope,
            content=b"" if refused else kept,
            received_at=self.now(),
            size=content.size if refused or content.crowded else None,
        )
        decided = Outcome(Verdict.REJECT, refused) if refused else self._crowded(transaction, content)
        return await finish(transaction, decided, self._steps, partial(self._hand_over, pool, hop))

    @property
    def _steps(self) -> Steps:
        return Steps(self.process, self.report, asyncio.sleep)

    def _crowded(self, transaction: Transaction, content: Content) -> Outcome | None:
        """Defer a message for which there was no room."""
        if not content.crowded:
            return None
        _logger.warning("%s: not taken now: messages of %d bytes are under way", transaction.id, self.room.size)
        return Outcome(Verdict.DEFER, trouble(transaction.id))

    async def _hand_over(self, pool: Pool, hop: HopTransaction, transaction: Transaction, outcome: Outcome) -> Handover:
        if outcome.verdict is Verdict.RELAY and not outcome.withheld:
            try:
                return await Relay(pool, self.books, self.copies).hand_over(transaction, outcome, hop)
            except Exception:
                _logger.exception("%s: handing over failed", transaction.id)
                outcome = Outcome(Verdict.DEFER)
        await hop.reset()
        return await self._answer(transaction, outcome)

    async def _answer(self, transaction: Transaction, outcome: Outcome) -> Handover:
        return Handover((), outcome.reply or trouble(transaction.id), LedgerSession(self.books, transaction))
