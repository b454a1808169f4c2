"""The plumbing of an SMTP session on top of aiosmtpd: command lines in, replies out, and the way it ends.

aiosmtpd 1.4.6 gives the protocol object, its task and the table of ``smtp_*`` methods. Replaced, because there it
loses mail or time: reading (one wake-up per line, bare LF accepted), DATA (a wake-up per line, long lines refused with
a permanent error), exceptions (``500`` with the exception's text), end of file (kills a delivery under way), timeouts
(silent, restarted by every command) and STARTTLS. Replies to pipelined commands leave in one segment (RFC 2920).
"""

import asyncio
import logging
import re
import ssl
from typing import Any, cast

from aiosmtpd.smtp import SMTP

from gateway.reply import TROUBLE_TEXT, EnhancedCode, Reply, reply
from gateway.smtp.command import Rejection
from gateway.smtp.content import Content, Room
from gateway.smtp.deadline import Deadline
from gateway.smtp.door import Timeouts

COMMAND_LIMIT = 4096
LINE_LIMIT = 12288
"""Longest line at all: an AUTH response (RFC 4954 §4)."""
BACKLOG = 65536
CLOSING_TIME = 10.0
CLOSING = reply(421, EnhancedCode.NOT_ACCEPTING, "Service is closing down")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_logger = logging.getLogger(__name__)


class Goodbye(Exception):
    """Ends the session, after ``reply`` where there is one."""

    def __init__(self, answer: Reply | None = None) -> None:
        super().__init__(str(answer))
        self.reply = answer


class Dialogue(SMTP):
    """One client's connection. Subclasses define the ``smtp_*`` commands, ``welcome``, ``busy`` and ``farewell``."""

    _names: tuple[str, ...] = ()

    def __init__(self, hostname: str, timeouts: Timeouts) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(None, hostname=hostname, loop=loop, enable_SMTPUTF8=True)
        self.timeouts = timeouts
        self.gone = False
        self.finishing = False
        self._deadline = Deadline(loop, self._expired)
        self._buffer = bytearray()
        self._out = bytearray()
        self._content: Content | None = None
        self._content_until = 0.0
        self._waiter: asyncio.Future[None] | None = None
        self._eof = False
        self._draining = False

    def __init_subclass__(cls) -> None:
        cls._names = tuple(name for name in dir(cls) if name.startswith("smtp_"))

    def __dir__(self) -> tuple[str, ...]:
        # aiosmtpd looks through all attributes of every new session for its commands; that took longest of all.
        return self._names

    # -- what a subclass says -----------------------------------------------------------------------------------

    def welcome(self) -> Reply:
        """Return the greeting; raises ``Goodbye`` to turn the client away."""
        raise NotImplementedError

    @property
    def busy(self) -> bool:
        """Whether a mail transaction is open."""
        raise NotImplementedError

    def farewell(self) -> None:
        """Let go of everything; called once, at the end."""
        raise NotImplementedError

    # -- what the event loop calls ------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._content is not None:
            self._take_content(data)
            return
        self._buffer += data
        if len(self._buffer) > BACKLOG:
            self._stream.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        # What was sent before the end is still answered: a client may close its half after the final dot.
        self._eof = True
        self._wake()
        return not self.private

    def connection_lost(self, error: Exception | None) -> None:
        self.gone = self._eof = True
        self._deadline.close()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self._wake()
        # After the final dot the message is ours to bring to its end, whether or not anybody waits for the reply.
        if self._handler_coroutine is not None and not self.finishing:
            self._handler_coroutine.cancel()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Keep aiosmtpd's timer out; ``Deadline`` replaces it."""

    # -- out ----------------------------------------------------------------------------------------------------

    def answer(self, answer: Reply) -> None:
        """Queue a reply; it leaves when no further command is at hand."""
        self._out += answer.encode()

    async def push(self, status: str | bytes) -> None:
        """Queue a reply line (for commands that aiosmtpd implements)."""
        self._out += (status.encode() if isinstance(status, str) else status) + b"\r\n"

    def flush(self) -> None:
        """Send the queued replies."""
        if self._out and not self.gone:
            self._stream.write(bytes(self._out))
        self._out.clear()

    # -- in -----------------------------------------------------------------------------------------------------

    async def line(self) -> bytes:
        """Return the next line, line end included; raises ``Goodbye`` when none comes."""
        self._deadline.set(self.timeouts.command)
        try:
            while True:
                if self._draining and not self.busy:
                    raise Goodbye(CLOSING)
                end = self._buffer.find(b"\n")
                if end >= 0:
                    return self._pop(end + 1)
                await self._more()
        finally:
            self._deadline.clear()

    def next_line(self) -> bytes | None:
        """Return the line that ``line`` would return without waiting, and leave it there."""
        end = self._buffer.find(b"\n")
        return bytes(self._buffer[: end + 1]) if end >= 0 else None

    def skip(self, line: bytes) -> None:
        """Take away a line that ``next_line`` showed."""
        self._pop(len(line))

    @property
    def unread(self) -> bool:
        """Whether the client has sent more than was taken."""
        return bool(self._buffer)

    async def content(self, limit: int, room: Room) -> Content:
        """Return the content that follows DATA's 354, up to the final dot; raises ``Goodbye`` when it breaks off."""
        self.flush()
        content = self._content = Content(limit, room)
        self._content_until = self.loop.time() + self.timeouts.content
        self._stream.resume_reading()
        self._take_content(self._pop(len(self._buffer)))
        try:
            while self._content is not None:
                if self._eof:
                    raise Goodbye
                await self._wait()
        except BaseException:
            content.release()
            raise
        finally:
            self._content = None
            self._deadline.clear()
        return content

    def _take_content(self, data: bytes) -> None:
        assert self._content is not None
        rest = self._content.feed(data)
        if rest is None:
            self._deadline.set(min(self.timeouts.block, self._content_until - self.loop.time()))
        else:
            self._content = None
            self._buffer += rest
            self._wake()

    def _pop(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        if len(self._buffer) <= BACKLOG and not self.gone:
            self._stream.resume_reading()
        return data

    async def _more(self) -> None:
        if self._eof:
            raise Goodbye
        if len(self._buffer) > LINE_LIMIT:
            raise Goodbye(reply(500, EnhancedCode.SYNTAX_ERROR, "Line too long"))
        self.flush()
        await self._wait()

    async def _wait(self) -> None:
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _expired(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(Goodbye(reply(421, EnhancedCode.BAD_CONNECTION, "Timeout")))

    # -- the session --------------------------------------------------------------------------------------------

    async def _handle_client(self) -> None:
        try:
            self.answer(self.welcome())
            while True:
                await self._serve(await self.line())
        except Goodbye as goodbye:
            if goodbye.reply is not None:
                self.answer(goodbye.reply)
        finally:
            self._deadline.close()
            self.farewell()
            self._close()

    async def _serve(self, line: bytes) -> None:
        try:
            await self._execute(line)
        except Rejection as rejection:
            self.answer(rejection.reply)
        except Goodbye:
            raise
        except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a reply
            await self.push(await self.handle_exception(error))

    async def _execute(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") or _CONTROL.search(line, 0, len(line) - 2):
            raise Rejection(
                reply(500, EnhancedCode.SYNTAX_ERROR, "Commands end in CR LF and hold no control characters")
            )
        if len(line) > COMMAND_LIMIT and not line[:5].upper() == b"AUTH ":
            raise Rejection(reply(500, EnhancedCode.SYNTAX_ERROR, "Line too long"))
        try:
            verb, _, argument = line[:-2].decode().partition(" ")
        except UnicodeDecodeError as error:
            raise Rejection(reply(500, EnhancedCode.SYNTAX_ERROR, "Commands are ASCII or UTF-8")) from error
        method = self._smtp_methods.get(verb.upper())
        self.count(verb.upper())
        if method is None:
            raise Rejection(reply(500, EnhancedCode.SYNTAX_ERROR, "Command not recognised"))
        await method(argument.strip() or None)

    def count(self, verb: str) -> None:
        """Note a command before it is carried out; raises ``Goodbye`` when there were too many."""

    async def handle_exception(self, error: Exception) -> str:
        """Log a bug with its traceback and say nothing of it to the client."""
        _logger.error("bug in an SMTP session", exc_info=error)
        return str(reply(451, EnhancedCode.OTHER_SYSTEM, TROUBLE_TEXT))

    def drain(self) -> None:
        """End the session as soon as no mail transaction is open in it."""
        self._draining = True
        self._wake()

    def stop(self) -> None:
        """End the session now."""
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()

    async def ended(self) -> None:
        """Return when the session is over."""
        if self._handler_coroutine is not None:
            await asyncio.wait({self._handler_coroutine})

    def _close(self) -> None:
        if self.gone:
            return
        self.flush()
        self._stream.close()
        if self._stream.get_write_buffer_size():
            # A client that does not read its replies does not keep us.
            self.loop.call_later(CLOSING_TIME, self._stream.abort)

    # -- TLS ----------------------------------------------------------------------------------------------------

    @property
    def _stream(self) -> asyncio.Transport:
        return cast(asyncio.Transport, self.transport)

    @property
    def private(self) -> bool:
        """Whether the connection is under TLS."""
        return self.transport is not None and self._stream.get_extra_info("ssl_object") is not None

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS; raises ``Goodbye`` where that fails."""
        self.flush()
        try:
            self.transport: Any = await self.loop.start_tls(
                self._stream, self, context, server_side=True, ssl_handshake_timeout=self.timeouts.block
            )
        except OSError as error:
            raise Goodbye from error
