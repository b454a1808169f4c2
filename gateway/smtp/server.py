"""A door's SMTP session: what each command does (RFC 5321, 1870, 2920, 3207, 3461, 4954, 6152, 6531, XFORWARD).

The session is a mirror of the next hop: its transaction there is opened at MAIL and RCPT, and the next hop's replies
are the client's, verbatim and per recipient. MAIL and RCPT commands that are at hand together go on together. After
the final dot the message is processed, handed over and reported, and only then answered.
"""

import asyncio
import logging
import re
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from gateway.engine.transaction import Client, FrontEnd, Outcome, Receipt, Transaction, Verdict
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import Reply, reply, trouble
from gateway.smtp.capability import accepted_size, offered
from gateway.smtp.command import (
    Path,
    Rejection,
    check_characters,
    declared_size,
    forwarded,
    path_line,
    read_mail,
    read_rcpt,
    read_xforward,
    xforward_lines,
)
from gateway.smtp.connection import HopFault, HopLoginRefused
from gateway.smtp.content import Content, looping
from gateway.smtp.credentials import MECHANISMS, Logins, read_credentials
from gateway.smtp.dialogue import Dialogue, Goodbye
from gateway.smtp.door import Auth, Credentials, Door, Limits, TlsMode, client_address
from gateway.smtp.next_hop import HopTransaction, Pool, begin
from gateway.smtp.page import Books, Page
from gateway.smtp.relay import Handover, Relay, accepted, passed_on, unavailable

Process = Callable[[Transaction], Awaitable[Outcome]]
"""The engine: what is to become of a message."""
Report = Callable[[Transaction, Outcome, tuple[Receipt, ...], Reply, float], Awaitable[None]]
"""The record: called before the client's reply leaves, with that reply and the seconds since the final dot."""

OK = reply(250, "2.0.0", "Ok")
NO_MAIL = reply(503, "5.5.1", "MAIL first")
BARE = reply(550, "5.6.11", "Bare CR or LF in the message; lines end in CR LF")
LOOP = reply(554, "5.4.6", "Mail loop: too many Received fields")
FREE = frozenset(("MAIL", "RCPT", "DATA"))
"""Commands that do not count against ``Limits.commands`` when they succeed."""
_RCPT_LINE = re.compile(rb"RCPT [^\x00-\x1f\x7f]{1,4000}\r\n", re.IGNORECASE)
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """What all sessions of one door share."""

    door: Door
    limits: Limits
    hostname: str
    instance: str
    pool: Pool
    books: Books
    process: Process
    report: Report
    new_id: Callable[[], str]
    now: Callable[[], datetime]
    tls: ssl.SSLContext | None
    logins: Logins
    sessions: set["Session"] = field(default_factory=set)
    clients: Counter[str] = field(default_factory=Counter)


class Session(Dialogue):
    """One client's session at one door."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.hostname, service.limits.timeouts)
        self._service = service
        self._pool = service.pool
        self._address = client_address("::")
        self._helo: str | None = None
        self._extended = False
        self._login: str | None = None
        self._xforward: dict[str, str] = {}
        self._hop: HopTransaction | None = None
        self._sender = Path("", ())
        self._recipients: list[Recipient] = []
        self._spent = 0

    # -- coming and going ---------------------------------------------------------------------------------------

    def welcome(self) -> Reply:
        """Admit the client or turn it away (rows SMT-05, SMT-07); the greeting carries the instance id."""
        service, limits = self._service, self._service.limits
        self._address = client_address(self._stream.get_extra_info("peername")[0])
        service.sessions.add(self)
        service.clients[str(self._address)] += 1
        if not service.door.serves(self._address):
            raise Goodbye(reply(554, "5.7.1", "Client not welcome"))
        if len(service.sessions) > limits.connections:
            raise Goodbye(reply(421, "4.7.0", "Too many connections"))
        if not self._address.is_loopback and service.clients[str(self._address)] > limits.connections_per_client:
            raise Goodbye(reply(421, "4.7.0", "Too many connections from your address"))
        return Reply(220, (f"{service.hostname} ESMTP smime-gateway {service.instance}",))

    def farewell(self) -> None:
        """Leave the door's books and break off what is open at the next hop."""
        service = self._service
        if self in service.sessions:
            service.sessions.discard(self)
            service.clients[str(self._address)] -= 1
            service.clients += Counter()  # drops the zeros
        self._abandon()
        if self._pool is not service.pool:
            self._pool.close()

    @property
    def busy(self) -> bool:
        """Whether a mail transaction is open."""
        return self._hop is not None

    def count(self, verb: str) -> None:
        """End a session that spends commands without bringing mail (row SMT-07)."""
        self._spent += 1
        if self._spent > self._service.limits.commands:
            raise Goodbye(reply(421, "4.7.0", "Too many commands without mail"))

    # -- commands without a transaction -------------------------------------------------------------------------

    async def smtp_HELO(self, argument: str | None) -> None:
        self._greeted(argument, extended=False)
        await self._reset()
        self.answer(Reply(250, (self._service.hostname,)))

    async def smtp_EHLO(self, argument: str | None) -> None:
        self._greeted(argument, extended=True)
        await self._reset()
        service = self._service
        try:
            next_hop = await self._pool.capabilities()
        except Fault as fault:
            answer = self._unavailable(fault)
            raise Goodbye(Reply(421, answer.lines) if answer.temporary else answer) from fault
        lines = [service.hostname, *offered(service.door.direction, service.limits, next_hop)]
        if service.door.tls is TlsMode.STARTTLS and not self.private:
            lines.append("STARTTLS")
        if self._may_log_in and (service.door.auth is Auth.FILE or next_hop.mechanisms):
            lines.append(" ".join(("AUTH", *MECHANISMS)))
        self.answer(Reply(250, tuple(lines)))

    def _greeted(self, argument: str | None, *, extended: bool) -> None:
        if not argument or len(argument) > 255:
            raise Rejection(reply(501, "5.5.4", "A host name is needed"))
        self._helo, self._extended = argument, extended

    async def smtp_NOOP(self, argument: str | None) -> None:
        self.answer(OK)

    async def smtp_VRFY(self, argument: str | None) -> None:
        self.answer(reply(252, "2.5.0", "Cannot verify, but will take mail for it"))

    async def smtp_EXPN(self, argument: str | None) -> None:
        raise Rejection(reply(502, "5.5.1", "Not implemented"))

    async def smtp_HELP(self, argument: str | None) -> None:
        self.answer(reply(214, "2.0.0", "RFC 5321"))

    async def smtp_QUIT(self, argument: str | None) -> None:
        raise Goodbye(reply(221, "2.0.0", "Bye"))

    async def smtp_RSET(self, argument: str | None) -> None:
        await self._reset()
        self.answer(OK)

    async def smtp_XFORWARD(self, argument: str | None) -> None:
        """Note whom the client speaks for. It is passed on and recorded; it grants nothing."""
        self._needs_login()
        if self._hop is not None:
            raise Rejection(reply(503, "5.5.1", "Not within a mail transaction"))
        self._xforward |= dict(read_xforward(argument))
        self.answer(OK)

    async def smtp_STARTTLS(self, argument: str | None) -> None:
        """Start TLS; what was sent ahead of it in the clear ends the session (row SMT-03)."""
        if self._service.tls is None or self._service.door.tls is not TlsMode.STARTTLS or self.private:
            raise Rejection(reply(502, "5.5.1", "STARTTLS is not available"))
        if argument:
            raise Rejection(reply(501, "5.5.4", "STARTTLS takes no argument"))
        if self.unread:
            raise Goodbye(reply(554, "5.5.1", "Nothing may be sent ahead of TLS"))
        self.answer(reply(220, "2.0.0", "Ready to start TLS"))
        self._abandon()
        self._helo, self._login, self._xforward = None, None, {}
        await self.start_tls(self._service.tls)

    # -- AUTH ---------------------------------------------------------------------------------------------------

    @property
    def _may_log_in(self) -> bool:
        """Passwords are taken under TLS and from this machine only."""
        return self._service.door.auth is not Auth.NONE and (self.private or self._address.is_loopback)

    async def smtp_AUTH(self, argument: str | None) -> None:
        if self._service.door.auth is Auth.NONE:
            raise Rejection(reply(502, "5.5.1", "AUTH is not available"))
        if self._helo is None or self._login is not None or self._hop is not None:
            raise Rejection(reply(503, "5.5.1", "AUTH is not possible now"))
        if not self._may_log_in:
            raise Rejection(reply(538, "5.7.11", "AUTH needs TLS"))
        credentials = await read_credentials(argument, self._challenge)
        if self._service.door.auth is Auth.NEXT_HOP:
            await self._log_in_at_next_hop(credentials)
        elif not await self._service.logins.holds(credentials):
            raise Rejection(reply(535, "5.7.8", "Authentication failed"))
        self._login = credentials.user
        self.answer(reply(235, "2.7.0", "Authentication successful"))

    async def _challenge(self, text: bytes) -> bytes:
        self.answer(Reply(334, (text.decode(),)))
        return await self.line()

    async def _log_in_at_next_hop(self, credentials: Credentials) -> None:
        """Try the client's credentials on a connection of its own, and keep that for its mail."""
        service = self._service
        pool = Pool(service.door.next_hop, self.timeouts, service.hostname, service.instance, credentials)
        try:
            await pool.capabilities()
        except HopLoginRefused as refusal:
            raise Rejection(passed_on(refusal.reply)) from refusal
        except Fault as fault:
            raise Rejection(Reply(454, self._unavailable(fault).lines)) from fault
        self._pool = pool

    def _needs_login(self) -> None:
        if self._helo is None:
            raise Rejection(reply(503, "5.5.1", "EHLO first"))
        if self._service.door.auth is not Auth.NONE and self._login is None:
            raise Rejection(reply(530, "5.7.0", "Authentication required"))

    # -- MAIL and RCPT ------------------------------------------------------------------------------------------

    async def smtp_MAIL(self, argument: str | None) -> None:
        self._needs_login()
        if self._hop is not None:
            raise Rejection(reply(503, "5.5.1", "A transaction is open; RSET first"))
        try:
            hop = self._hop = await begin(self._pool)
        except Fault as fault:
            raise Rejection(self._unavailable(fault)) from fault
        try:
            self._sender = self._read_mail(argument, hop)
        except Rejection:
            hop.give_back()
            self._hop = None
            raise
        await self._open(hop)

    def _read_mail(self, argument: str | None, hop: HopTransaction) -> Path:
        service, offers = self._service, hop.capabilities
        path = read_mail(argument, offers, extended=self._extended, auth=service.door.auth is not Auth.NONE)
        limit = accepted_size(service.door.direction, service.limits, offers)
        if declared_size(path) > limit:
            raise Rejection(reply(552, "5.3.4", f"Message too large; the limit is {limit} bytes"))
        check_characters(path.address, utf8=path.value("SMTPUTF8") is not None)
        return path

    async def _open(self, hop: HopTransaction) -> None:
        offers, path = hop.capabilities, self._sender
        size = self._service.door.direction.value == "inbound"
        mail = path_line("MAIL FROM", path.address, forwarded(path.parameters, offers, size=size))
        wanted = [self._read_rcpt(argument) for argument in self._rcpts_at_hand()]
        lines = [mail, *(_line(path) for path in wanted if isinstance(path, Path))]
        try:
            first, *rest = await hop.begin(xforward_lines(self._client, offers.xforward), lines)
        except HopFault as fault:
            first, rest = self._unavailable(fault), []
        self.answer(passed_on(first))
        if accepted(first):
            self._take(wanted, rest)
            return
        for _ in wanted:
            self.answer(NO_MAIL)
        await self._reset()

    async def smtp_RCPT(self, argument: str | None) -> None:
        self._needs_login()
        if self._hop is None:
            raise Rejection(NO_MAIL)
        wanted = [self._read_rcpt(each) for each in (argument, *self._rcpts_at_hand())]
        lines = [_line(path) for path in wanted if isinstance(path, Path)]
        try:
            answers = await self._hop.say(lines) if lines else []
        except HopFault as fault:
            self._hop.abandon()
            answers = [self._unavailable(fault)] * len(lines)
        self._take(wanted, answers)

    def _rcpts_at_hand(self) -> Iterator[str]:
        """Take the RCPT commands that the client has already sent behind this command."""
        while (line := self.next_line()) is not None and _RCPT_LINE.fullmatch(line):
            try:
                argument = line[5:-2].decode().strip()
            except UnicodeDecodeError:
                return
            self.skip(line)
            self.count("RCPT")
            yield argument

    def _read_rcpt(self, argument: str | None) -> Path | Reply:
        assert self._hop is not None
        try:
            path = read_rcpt(argument, self._hop.capabilities, extended=self._extended)
            check_characters(path.address, utf8=self._sender.value("SMTPUTF8") is not None)
        except Rejection as rejection:
            return rejection.reply
        return path

    def _take(self, wanted: list[Path | Reply], answers: list[Reply]) -> None:
        """Answer RCPT commands in order: our own refusals as they are, the others as the next hop answered them."""
        replies = iter(answers)
        for path in wanted:
            answer = path if isinstance(path, Reply) else next(replies)
            if isinstance(path, Path) and accepted(answer):
                self._recipients.append(Recipient(path.address, path.parameters))
                self._spent = max(0, self._spent - 1)
            self.answer(passed_on(answer))

    # -- DATA ---------------------------------------------------------------------------------------------------

    async def smtp_DATA(self, argument: str | None) -> None:
        self._needs_login()
        hop = self._hop
        if argument:
            raise Rejection(reply(501, "5.5.4", "DATA takes no argument"))
        if hop is None:
            raise Rejection(NO_MAIL)
        if not self._recipients:
            raise Rejection(reply(554, "5.5.1", "No valid recipients"))
        if hop.over:
            await self._reset()
            raise Rejection(self._unavailable(HopFault("the next hop broke off before DATA")))
        limit = accepted_size(self._service.door.direction, self._service.limits, hop.capabilities)
        self.answer(reply(354, "2.0.0", "End data with <CR><LF>.<CR><LF>"))
        content = await self.content(limit)
        self.finishing = True
        try:
            await self._finish(content, limit, hop)
        finally:
            self.finishing = False
            await self._reset()
        self._spent = 0
        if content.bare:
            # Client and gateway may disagree about where this message ended (row SMT-01).
            raise Goodbye

    async def _finish(self, content: Content, limit: int, hop: HopTransaction) -> None:
        """Bring a message to its end, whatever becomes of the client."""
        started = self.loop.time()
        refusal = _refusal(content, limit)
        transaction = self._transaction(b"" if refusal else content.take())
        if refusal is None and looping(transaction.content):
            refusal = LOOP
        outcome = Outcome(Verdict.REJECT, refusal) if refusal else await self._process(transaction)
        outcome, handover = await self._hand_over(transaction, outcome, hop)
        try:
            await self._service.report(
                transaction, outcome, handover.receipts, handover.reply, self.loop.time() - started
            )
        except Exception:  # what the next hop took is delivered, with or without a record
            _logger.exception("%s: the record could not be written", transaction.id)
        self.answer(handover.reply)
        acknowledged = accepted(handover.reply) and not self.gone
        self.flush()
        await handover.settle(acknowledged=acknowledged)

    async def _process(self, transaction: Transaction) -> Outcome:
        try:
            return await self._service.process(transaction)
        except Exception:
            _logger.exception("%s: processing failed", transaction.id)
            return Outcome(Verdict.DEFER, trouble(transaction.id))

    async def _hand_over(
        self, transaction: Transaction, outcome: Outcome, hop: HopTransaction
    ) -> tuple[Outcome, Handover]:
        page = Page(self._service.books, transaction)
        if outcome.verdict is Verdict.RELAY and outcome.deliveries:
            relay = Relay(self._pool, self._service.books, self._service.limits.copies)
            try:
                return outcome, await relay.hand_over(transaction, outcome, hop)
            except Exception:
                _logger.exception("%s: handing over failed", transaction.id)
                outcome = Outcome(Verdict.DEFER, trouble(transaction.id), facts=outcome.facts)
        await hop.reset()
        return outcome, Handover((), outcome.reply or trouble(transaction.id), page)

    def _transaction(self, content: bytes) -> Transaction:
        service = self._service
        return Transaction(
            id=service.new_id(),
            direction=service.door.direction,
            front_end=FrontEnd.SMTP,
            door=service.door.name,
            client=self._client,
            envelope=Envelope(self._sender.address, tuple(self._recipients), self._sender.parameters),
            content=content,
            received_at=service.now(),
        )

    @property
    def _client(self) -> Client:
        protocol = ("ESMTP" if self._extended else "SMTP") + "S" * self.private + "A" * (self._login is not None)
        return Client(str(self._address), self._login, self._helo, protocol, tuple(self._xforward.items()))

    # -- the end of a transaction -------------------------------------------------------------------------------

    async def _reset(self) -> None:
        """Back to where MAIL may be said; a transaction still open at the next hop is reset."""
        hop, self._hop = self._hop, None
        self._recipients = []
        if hop is not None:
            self._xforward = {}
            await hop.reset()

    def _abandon(self) -> None:
        if self._hop is not None:
            self._hop.abandon()
            self._hop = None

    def _unavailable(self, fault: Fault) -> Reply:
        record_id = self._service.new_id()
        _logger.warning("%s: door %s: %s", record_id, self._service.door.name, fault)
        return unavailable(fault, record_id)


def _line(path: Path) -> bytes:
    return path_line("RCPT TO", path.address, path.parameters)


def _refusal(content: Content, limit: int) -> Reply | None:
    if content.bare:
        return BARE
    if content.too_large:
        return reply(552, "5.3.4", f"Message too large: {content.size} bytes; the limit is {limit}")
    return None
