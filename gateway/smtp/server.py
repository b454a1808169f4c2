"""The mail commands of a session: MAIL, RCPT, DATA (RFC 5321 §3.3, RFC 2920).

The session is a mirror of the next hop: its transaction there is opened at MAIL and RCPT, and the next hop's replies
are the client's, verbatim and per recipient. MAIL and RCPT commands that are at hand together go on together.
"""
# ruff: noqa: N802 - aiosmtpd finds a command by its method's name

import re
from collections.abc import Iterator

from gateway.engine.transaction import Direction
from gateway.errors import Fault
from gateway.mail.envelope import FAILURE, Envelope, Recipient
from gateway.reply import EnhancedCode, Reply, reply
from gateway.smtp.capability import accepted_size
from gateway.smtp.command import (
    Rejection,
    SmtpPath,
    check_characters,
    declared_size,
    forwarded,
    path_line,
    rcpt_line,
    read_mail,
    read_rcpt,
    xforward_lines,
)
from gateway.smtp.connection import HopFault
from gateway.smtp.content import Content
from gateway.smtp.dialogue import Goodbye
from gateway.smtp.door import Auth
from gateway.smtp.next_hop import HopTransaction, begin
from gateway.smtp.service import Service
from gateway.smtp.session import Session

NO_MAIL = reply(503, EnhancedCode.INVALID_COMMAND, "MAIL first")
TOO_MANY = reply(452, EnhancedCode.TOO_MANY_RECIPIENTS, "Too many recipients")
GROUP = 50
"""RCPT commands that go to the next hop in one piece."""
_RCPT_LINE = re.compile(rb"RCPT [^\x00-\x1f\x7f]{1,4000}\r\n", re.IGNORECASE)


class MailSession(Session):
    """One client's session at one door, with all its commands."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self._sender = SmtpPath("", ())
        self._recipients: list[Recipient] = []

    async def reset(self) -> None:
        """Go back to where MAIL may be said."""
        self._recipients = []
        await super().reset()

    # -- MAIL and RCPT ------------------------------------------------------------------------------------------

    async def smtp_MAIL(self, argument: str | None) -> None:
        self.needs_login()
        if self.hop is not None:
            raise Rejection(reply(503, EnhancedCode.INVALID_COMMAND, "A transaction is open; RSET first"))
        try:
            hop = self.hop = await begin(self.pool)
        except Fault as fault:
            raise Rejection(self.service.unavailable(fault)) from fault
        try:
            self._sender = self._read_mail(argument, hop)
        except Rejection:
            hop.give_back()
            self.hop = None
            raise
        await self._open(hop)

    def _read_mail(self, argument: str | None, hop: HopTransaction) -> SmtpPath:
        service, offers = self.service, hop.capabilities
        path = read_mail(argument, offers, extended=self.extended, auth=service.door.auth is not Auth.NONE)
        limit = accepted_size(service.door.direction, service.limits, offers)
        if declared_size(path) > limit:
            raise Rejection(reply(552, EnhancedCode.TOO_BIG, f"Message too large; the limit is {limit} bytes"))
        check_characters(path.address, utf8=path.value("SMTPUTF8") is not None)
        return path

    async def _open(self, hop: HopTransaction) -> None:
        offers, path = hop.capabilities, self._sender
        size = self.service.door.direction is Direction.INBOUND
        mail = path_line("MAIL FROM", path.address, forwarded(path.parameters, offers, size=size))
        wanted = [self._read_rcpt(argument) for argument in self._rcpts_at_hand()]
        lines = [mail, *self._lines(wanted)]
        try:
            first, *rest = await hop.begin(xforward_lines(self.client, offers.xforward), lines)
        except HopFault as fault:
            first, rest = self.service.unavailable(fault), []
        self.answer(first.for_client)
        if first.taken:
            self._take(wanted, rest)
            return
        for _ in wanted:
            self.answer(NO_MAIL)
        await self.reset()

    async def smtp_RCPT(self, argument: str | None) -> None:
        self.needs_login()
        if self.hop is None:
            raise Rejection(NO_MAIL)
        wanted = [self._read_rcpt(each) for each in (argument, *self._rcpts_at_hand())]
        lines = self._lines(wanted)
        try:
            answers = await self.hop.say(lines) if lines else []
        except HopFault as fault:
            self.hop.abandon()
            answers = [self.service.unavailable(fault)] * len(lines)
        self._take(wanted, answers)

    def _rcpts_at_hand(self) -> Iterator[str]:
        """Take the RCPT commands that the client has already sent behind this command."""
        for _ in range(min(GROUP, self.service.limits.commands - self.spent)):
            line = self.next_line()
            if line is None or not _RCPT_LINE.fullmatch(line):
                return
            try:
                argument = line[5:-2].decode().strip()
            except UnicodeDecodeError:
                return
            self.skip(line)
            self.count("RCPT")
            yield argument

    def _read_rcpt(self, argument: str | None) -> SmtpPath | Reply:
        assert self.hop is not None
        if len(self._recipients) >= self.service.limits.recipients:
            return TOO_MANY
        try:
            path = read_rcpt(argument, self.hop.capabilities, extended=self.extended)
            check_characters(path.address, utf8=self._sender.value("SMTPUTF8") is not None)
        except Rejection as rejection:
            return rejection.reply
        return path

    def _lines(self, wanted: list[SmtpPath | Reply]) -> list[bytes]:
        """Return the RCPT commands for the next hop; of what comes in nobody is told that it arrived, or is late."""
        assert self.hop is not None
        recipients = [Recipient(path.address, path.parameters) for path in wanted if isinstance(path, SmtpPath)]
        if self.service.door.direction is Direction.INBOUND:
            recipients = [recipient.limited_to((FAILURE,)) for recipient in recipients]
        return [rcpt_line(recipient, self.hop.capabilities) for recipient in recipients]

    def _take(self, wanted: list[SmtpPath | Reply], answers: list[Reply]) -> None:
        """Answer RCPT commands in order: our own refusals as they are, the others as the next hop answered them."""
        replies = iter(answers)
        for path in wanted:
            answer = path if isinstance(path, Reply) else next(replies)
            if isinstance(path, SmtpPath) and answer.taken:
                self._recipients.append(Recipient(path.address, path.parameters))
                self.spent = max(0, self.spent - 1)
            self.answer(answer.for_client)

    # -- DATA ---------------------------------------------------------------------------------------------------

    async def smtp_DATA(self, argument: str | None) -> None:
        self.needs_login()
        hop = self.hop
        if argument:
            raise Rejection(reply(501, EnhancedCode.INVALID_ARGUMENTS, "DATA takes no argument"))
        if hop is None:
            raise Rejection(NO_MAIL)
        if not self._recipients:
            raise Rejection(reply(554, EnhancedCode.INVALID_COMMAND, "No valid recipients"))
        if hop.over:
            await self.reset()
            raise Rejection(self.service.unavailable(HopFault("the next hop broke off before DATA")))
        limit = accepted_size(self.service.door.direction, self.service.limits, hop.capabilities)
        self.answer(Reply(354, ("End data with <CR><LF>.<CR><LF>",)))
        content = await self.content(limit, self.service.room)
        self.finishing = True
        try:
            await self._finish(content, hop)
        finally:
            content.release()
            self.finishing = False
            await self.reset()
        self.spent = 0
        if content.bare:
            # Client and gateway may disagree about where this message ended (row SMT-01).
            raise Goodbye

    async def _finish(self, content: Content, hop: HopTransaction) -> None:
        """Bring the message to its end, whatever becomes of the client."""
        envelope = Envelope(self._sender.address, tuple(self._recipients), self._sender.parameters)
        handover = await self.service.finish(self.client, envelope, content, self.pool, hop)
        delivered = handover.reply.taken
        if not delivered:
            # Before the reply: the client's next attempt, perhaps at once, must find what this one left.
            await handover.settle(acknowledged=False)
        self.answer(handover.reply)
        told = not self.gone
        self.flush()
        if delivered:
            await handover.settle(acknowledged=told)
