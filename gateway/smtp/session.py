"""An SMTP session up to its mail: greeting, EHLO, STARTTLS, AUTH and XFORWARD (RFC 5321, 3207, 4954).

What is offered is what the next hop offers and the gateway carries, so EHLO may have to connect to it first.
"""
# ruff: noqa: N802 - aiosmtpd finds a command by its method's name

from gateway.engine.transaction import Client
from gateway.errors import Fault
from gateway.reply import EnhancedCode, Reply, reply
from gateway.smtp.capability import offered
from gateway.smtp.command import Rejection, read_xforward
from gateway.smtp.connection import HopLoginRefused
from gateway.smtp.credentials import MECHANISMS, read_credentials
from gateway.smtp.dialogue import Dialogue, Goodbye
from gateway.smtp.door import Auth, Credentials, TlsMode, client_address
from gateway.smtp.next_hop import HopTransaction, Pool
from gateway.smtp.service import Service

OK = reply(250, EnhancedCode.OTHER, "Ok")


class Session(Dialogue):
    """One client's session at one door; ``MailSession`` adds the mail."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.hostname, service.limits.timeouts)
        self.service = service
        self.pool = service.pool
        self.hop: HopTransaction | None = None
        self.extended = False
        self._address = client_address("::")
        self._helo: str | None = None
        self._login: str | None = None
        self._xforward: dict[str, str] = {}
        self.spent = 0

    # -- coming and going ---------------------------------------------------------------------------------------

    def welcome(self) -> Reply:
        """Admit the client or turn it away; the greeting carries the instance id."""
        self._address = client_address(self._stream.get_extra_info("peername")[0])
        refusal = self.service.admit(self, self._address)
        if refusal is not None:
            raise Goodbye(refusal)
        return Reply(220, (f"{self.service.hostname} ESMTP smime-gateway {self.service.instance}",))

    def farewell(self) -> None:
        """Leave the door's list and break off what is open at the next hop."""
        self.service.leave(self, self._address)
        self._abandon()
        if self.pool is not self.service.pool:
            self.pool.close()

    @property
    def busy(self) -> bool:
        """Whether a mail transaction is open."""
        return self.hop is not None

    def count(self, verb: str) -> None:
        """End a session that spends commands without bringing mail (row SMT-07)."""
        self.spent += 1
        if self.spent > self.service.limits.commands:
            raise Goodbye(reply(421, EnhancedCode.OTHER_SECURITY, "Too many commands without mail"))

    @property
    def client(self) -> Client:
        """The client as the engine and the next hop are told of it."""
        protocol = ("ESMTP" if self.extended else "SMTP") + "S" * self.private + "A" * (self._login is not None)
        return Client(str(self._address), self._login, self._helo, protocol, tuple(self._xforward.items()))

    async def reset(self) -> None:
        """Go back to where MAIL may be said; a transaction still open at the next hop is reset."""
        hop, self.hop = self.hop, None
        if hop is not None:
            self._xforward = {}
            await hop.reset()

    def _abandon(self) -> None:
        if self.hop is not None:
            self.hop.abandon()
            self.hop = None

    # -- commands without a transaction -------------------------------------------------------------------------

    async def smtp_HELO(self, argument: str | None) -> None:
        self._greeted(argument, extended=False)
        await self.reset()
        self.answer(Reply(250, (self.service.hostname,)))

    async def smtp_EHLO(self, argument: str | None) -> None:
        self._greeted(argument, extended=True)
        await self.reset()
        service = self.service
        try:
            next_hop = await self.pool.capabilities()
        except Fault as fault:
            answer = self.service.unavailable(fault)
            raise Goodbye(Reply(421, answer.lines) if answer.temporary else answer) from fault
        lines = [service.hostname, *offered(service.door.direction, service.limits, next_hop)]
        if service.door.tls is TlsMode.STARTTLS and not self.private:
            lines.append("STARTTLS")
        if self._may_log_in and (service.door.auth is Auth.FILE or next_hop.mechanisms):
            lines.append(" ".join(("AUTH", *MECHANISMS)))
        self.answer(Reply(250, tuple(lines)))

    def _greeted(self, argument: str | None, *, extended: bool) -> None:
        if not argument or len(argument) > 255:
            raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, "A host name is needed"))
        self._helo, self.extended = argument, extended

    async def smtp_NOOP(self, argument: str | None) -> None:
        self.answer(OK)

    async def smtp_VRFY(self, argument: str | None) -> None:
        self.answer(reply(252, EnhancedCode.OTHER_PROTOCOL, "Cannot verify, but will take mail for it"))

    async def smtp_EXPN(self, argument: str | None) -> None:
        raise Rejection(reply(502, EnhancedCode.INVALID_COMMAND, "Not implemented"))

    async def smtp_HELP(self, argument: str | None) -> None:
        self.answer(reply(214, EnhancedCode.OTHER, "RFC 5321"))

    async def smtp_QUIT(self, argument: str | None) -> None:
        raise Goodbye(reply(221, EnhancedCode.OTHER, "Bye"))

    async def smtp_RSET(self, argument: str | None) -> None:
        await self.reset()
        self.answer(OK)

    async def smtp_XFORWARD(self, argument: str | None) -> None:
        """Note whom the client speaks for. It is passed on and recorded; it grants nothing."""
        self.needs_login()
        if self.hop is not None:
            raise Rejection(reply(503, EnhancedCode.INVALID_COMMAND, "Not within a mail transaction"))
        self._xforward |= dict(read_xforward(argument))
        self.answer(OK)

    async def smtp_STARTTLS(self, argument: str | None) -> None:
        """Start TLS; what was sent ahead of it in the clear ends the session (row SMT-03)."""
        if self.service.tls is None or self.service.door.tls is not TlsMode.STARTTLS or self.private:
            raise Rejection(reply(502, EnhancedCode.INVALID_COMMAND, "STARTTLS is not available"))
        if argument:
            raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, "STARTTLS takes no argument"))
        if self.unread:
            raise Goodbye(reply(554, EnhancedCode.INVALID_COMMAND, "Nothing may be sent ahead of TLS"))
        self.answer(reply(220, EnhancedCode.OTHER, "Ready to start TLS"))
        self._abandon()
        self._helo, self._login, self._xforward = None, None, {}
        await self.start_tls(self.service.tls)

    # -- AUTH ---------------------------------------------------------------------------------------------------

    @property
    def _may_log_in(self) -> bool:
        """Passwords are taken under TLS and from this machine only."""
        return self.service.door.auth is not Auth.NONE and (self.private or self._address.is_loopback)

    async def smtp_AUTH(self, argument: str | None) -> None:
        if self.service.door.auth is Auth.NONE:
            raise Rejection(reply(502, EnhancedCode.INVALID_COMMAND, "AUTH is not available"))
        if self._helo is None or self._login is not None or self.hop is not None:
            raise Rejection(reply(503, EnhancedCode.INVALID_COMMAND, "AUTH is not possible now"))
        if not self._may_log_in:
            raise Rejection(self._turned_away("tls", reply(538, EnhancedCode.ENCRYPTION_NEEDED, "AUTH needs TLS")))
        credentials = await read_credentials(argument, self._challenge)
        if self.service.door.auth is Auth.NEXT_HOP:
            await self._log_in_at_next_hop(credentials)
        elif not await self.service.logins.holds(credentials):
            failed = reply(535, EnhancedCode.BAD_CREDENTIALS, "Authentication failed")
            raise Rejection(self._turned_away("auth, the file of logins", failed))
        self._login = credentials.user
        self.answer(reply(235, EnhancedCode.OTHER_SECURITY, "Authentication successful"))

    async def _challenge(self, text: bytes) -> bytes:
        self.answer(Reply(334, (text.decode(),)))
        return await self.line()

    async def _log_in_at_next_hop(self, credentials: Credentials) -> None:
        """Try the client's credentials on a connection of its own, and keep that for its mail."""
        service = self.service
        pool = Pool(service.door.next_hop, self.timeouts, service.hostname, service.instance, credentials)
        try:
            await pool.capabilities()
        except HopLoginRefused as refusal:
            answer = self._turned_away("auth, the logins of the next hop", refusal.reply.for_client)
            raise Rejection(answer) from refusal
        except Fault as fault:
            raise Rejection(Reply(454, self.service.unavailable(fault).lines)) from fault
        self.pool = pool

    def needs_login(self) -> None:
        """Raise ``Rejection`` for a client that has not said EHLO, or must log in first."""
        if self._helo is None:
            raise Rejection(reply(503, EnhancedCode.INVALID_COMMAND, "EHLO first"))
        if self.service.door.auth is not Auth.NONE and self._login is None:
            required = reply(530, EnhancedCode.OTHER_SECURITY, "Authentication required")
            raise Rejection(self._turned_away("auth", required))

    def _turned_away(self, key: str, answer: Reply) -> Reply:
        return self.service.turned_away(self.client, self._address, key, answer)
