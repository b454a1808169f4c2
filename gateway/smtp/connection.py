"""One connection to the next hop: bytes out, replies in (RFC 5321, RFC 2920, RFC 3207, RFC 4954).

Everything is awaited with a time limit; what goes wrong is a ``HopFault``. A connection that spoke out of turn, sent
an over-long or malformed reply, or was closed is ``broken`` and never used again. It does not decide anything: who
uses it when is the pool's business, what is said on it the transaction's.
"""

import asyncio
import re
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import cast

from gateway.errors import Fault
from gateway.reply import Reply
from gateway.smtp.capability import Capabilities, read_capabilities
from gateway.smtp.content import Octets
from gateway.smtp.deadline import Deadline
from gateway.smtp.door import Credentials, HopTls, NextHop, Timeouts

REPLY_LIMIT = 65536
DOT = b".\r\n"
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\r\n]*+))?\r?\n")


class HopFault(Fault):
    """The next hop could not be reached, hung, broke off, or did not keep to the protocol."""


class HopLoop(Fault):
    """The next hop is this gateway itself."""


class HopLoginRefused(Fault):
    """The next hop did not take the credentials; ``reply`` is what it said."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(f"the next hop refused the login: {answer}")
        self.reply = answer


class Connection(asyncio.Protocol):
    """A connected next hop; made by ``connect``. ``used``: it has carried a transaction before."""

    def __init__(self, name: str, timeouts: Timeouts) -> None:
        self.name = name
        self.timeouts = timeouts
        self.capabilities = Capabilities()
        self.used = False
        self._loop = asyncio.get_running_loop()
        self._deadline = Deadline(self._loop, self._timed_out)
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._paused = False
        self._fault: str | None = None

    # -- what the event loop calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("closed the connection")
        self._deadline.close()

    def eof_received(self) -> bool:
        self._fail("closed the connection")
        return False

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while match := _LINE.match(self._buffer, start):
            start = match.end()
            self._lines.append((match[3] or b"").decode("utf-8", "surrogateescape"))
            if match[2] != b"-":
                self._replies.append(Reply(int(match[1]), tuple(self._lines)))
                self._lines = []
        del self._buffer[:start]
        if b"\n" in self._buffer or len(self._buffer) + sum(map(len, self._lines)) > REPLY_LIMIT:
            self._fail("sent something that is no SMTP reply")
            self.close()
        elif self._replies:
            self._wake()

    # -- what a transaction calls -------------------------------------------------------------------------------

    @property
    def broken(self) -> bool:
        """Whether the connection can carry no further command; an idle one that said something counts too."""
        return self._fault is not None or bool(self._replies or self._buffer or self._lines)

    def send(self, data: Octets) -> None:
        """Write at once; never blocks."""
        if self._fault is not None or self._transport is None:
            raise HopFault(f"{self.name} {self._fault or 'is not connected'}")
        self._transport.write(data)

    async def send_all(self, pieces: Iterable[Octets], end: Callable[[], bytes] = bytes) -> None:
        """Write piece by piece, as fast as the next hop reads, and what ``end`` gives together with the last piece."""
        held: Octets = b""
        for piece in pieces:
            if held:
                self.send(held)
                await self._writable()
            held = piece
        tail = end()
        if held or tail:
            self.send(held + tail if tail else held)
        await self._writable()

    async def reply(self, seconds: float | None = None) -> Reply:
        """Return the next reply; raises ``HopFault`` when none comes in time."""
        while not self._replies:
            await self._wait(self.timeouts.reply if seconds is None else seconds)
        return self._replies.popleft()

    def said(self) -> Reply | None:
        """Return a reply that came without being waited for, as before breaking off."""
        return self._replies.popleft() if self._replies else None

    async def command(self, line: bytes, seconds: float | None = None) -> Reply:
        """Send one command and return its reply."""
        self.send(line)
        return await self.reply(seconds)

    def close(self) -> None:
        """Break off at once; an open transaction is dropped by the next hop."""
        self._fail("was let go")
        if self._transport is not None:
            self._transport.abort()

    def quit(self) -> None:
        """Part in good order, without waiting for the answer."""
        if not self.broken and self._transport is not None:
            self._transport.write(b"QUIT\r\n")
            self._fault = "was let go"
            self._transport.close()
        else:
            self.close()

    # -- waiting ------------------------------------------------------------------------------------------------

    async def _writable(self) -> None:
        while self._paused:
            await self._wait(self.timeouts.reply)

    async def _wait(self, seconds: float) -> None:
        if self._fault is not None:
            raise HopFault(f"{self.name} {self._fault}")
        self._waiter = self._loop.create_future()
        self._deadline.set(seconds)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._deadline.clear()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _timed_out(self) -> None:
        self._fail("did not answer in time")
        self.close()

    def _fail(self, fault: str) -> None:
        if self._fault is None:
            self._fault = fault
        self._wake()

    # -- the beginning of a session -----------------------------------------------------------------------------

    async def greet(self, instance: str) -> None:
        """Read the greeting; raises ``HopLoop`` where it carries our own instance id."""
        greeting = await self.reply()
        if any(instance in line for line in greeting.lines):
            raise HopLoop(f"{self.name} is this gateway: its greeting carries our instance id")
        if greeting.code != 220:
            raise HopFault(f"{self.name} greeted with {greeting}")

    async def hello(self, hostname: str) -> None:
        """Say EHLO, or HELO to a server that knows no better, and note what it can do."""
        answer = await self.command(f"EHLO {hostname}\r\n".encode())
        self.capabilities = read_capabilities(answer) if answer.code == 250 else Capabilities()
        if answer.permanent:
            answer = await self.command(f"HELO {hostname}\r\n".encode())
        if answer.code != 250:
            raise HopFault(f"{self.name} answered EHLO with {answer}")

    async def start_tls(self, hop: NextHop, context: ssl.SSLContext, hostname: str) -> None:
        """Go on under TLS, forgetting all that was said before (RFC 3207 §4.2)."""
        answer = await self.command(b"STARTTLS\r\n")
        if answer.code != 220 or self.broken or self._transport is None:
            # Bytes behind the 220 were not protected: whoever put them there wants them read as if they were.
            self.close()
            raise HopFault(f"{self.name} did not start TLS: {answer}")
        try:
            self._transport = await self._loop.start_tls(
                self._transport, self, context, server_hostname=hop.host, ssl_handshake_timeout=self.timeouts.connect
            )
        except (OSError, ssl.SSLError) as error:
            raise HopFault(f"TLS with {self.name} failed: {error}") from error
        await self.hello(hostname)

    @property
    def private(self) -> bool:
        """Whether nobody else reads along: TLS, or a peer on this machine."""
        if self._transport is None:
            return False
        peer = self._transport.get_extra_info("peername")
        return self._transport.get_extra_info("ssl_object") is not None or (
            isinstance(peer, tuple) and ip_address(peer[0].partition("%")[0]).is_loopback
        )

    async def login(self, credentials: Credentials) -> None:
        """Authenticate with PLAIN or LOGIN; raises ``HopLoginRefused``, or ``HopFault`` where it cannot be tried."""
        if not self.private:
            raise HopFault(f"{self.name} must speak TLS before it is given a password")
        mechanisms = self.capabilities.mechanisms
        user, password = credentials.user.encode(), credentials.password.encode()
        if "PLAIN" in mechanisms:
            steps = [b"AUTH PLAIN " + b64encode(b"\0" + user + b"\0" + password)]
        elif "LOGIN" in mechanisms:
            steps = [b"AUTH LOGIN", b64encode(user), b64encode(password)]
        else:
            raise HopFault(f"{self.name} offers neither AUTH PLAIN nor AUTH LOGIN")
        for step in steps:
            answer = await self.command(step + b"\r\n")
            if answer.code not in (334, 235):
                raise HopLoginRefused(answer)
        if answer.code != 235:
            raise HopFault(f"{self.name} did not finish AUTH: {answer.code}")


async def connect(
    hop: NextHop,
    timeouts: Timeouts,
    hostname: str,
    instance: str,
    context: ssl.SSLContext | None,
    credentials: Credentials | None,
) -> Connection:
    """Open a connection and bring it to where MAIL may be said; raises ``HopFault``, ``HopLoop``, ``HopLoginRefused``.

    ``context`` is None exactly where ``hop.tls`` is ``none``.
    """
    connection = Connection(str(hop), timeouts)
    try:
        async with asyncio.timeout(timeouts.connect):
            await asyncio.get_running_loop().create_connection(lambda: connection, hop.host, hop.port)
    except OSError as error:
        raise HopFault(f"{hop} cannot be reached: {error.strerror or 'no answer'}") from error
    try:
        await connection.greet(instance)
        await connection.hello(hostname)
        if context is not None and ("STARTTLS" in connection.capabilities or hop.tls is HopTls.VERIFY):
            await connection.start_tls(hop, context, hostname)
        if credentials is not None:
            await connection.login(credentials)
    except BaseException:
        connection.close()
        raise
    return connection
