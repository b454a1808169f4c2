"""The next hop: a pool of kept connections, and one mail transaction on one of them (RFC 5321 §3.3).

A kept connection may have died unseen, so the first group of commands on it is repeated on a fresh one if need be;
nothing was accepted yet. The content can be sent up to, and without, the final dot (``prepare``); only the dot
commits. A prepared transaction cannot be reset, only broken off.
"""

import asyncio
from collections.abc import Callable, Sequence

from gateway.errors import Fault
from gateway.reply import Reply
from gateway.smtp.capability import Capabilities
from gateway.smtp.connection import Connection, HopFault, connect
from gateway.smtp.content import Octets, stuffed
from gateway.smtp.deadline import Deadline
from gateway.smtp.door import Credentials, NextHop, Timeouts
from gateway.smtp.tls import client_context

KEPT = 20
FRESH_FOR = 60.0
BREAK = 5.0
RESET_TIME = 10.0
Dot = Callable[[], bytes]
"""Gives the final dot at the moment it is sent. Raises ``Fault`` where it must not be."""


class Pool:
    """The connections to one next hop under one login. Not bounded itself: sessions and copies are.

    ``up`` says whether the last attempt to reach the next hop succeeded; None before the first.
    """

    def __init__(
        self, hop: NextHop, timeouts: Timeouts, hostname: str, instance: str, credentials: Credentials | None = None
    ) -> None:
        self.hop = hop
        self.up: bool | None = None
        self._timeouts = timeouts
        self._hostname = hostname
        self._instance = instance
        self._credentials = credentials or hop.credentials
        self._context = client_context(hop)
        self._loop = asyncio.get_running_loop()
        self._expiry = Deadline(self._loop, self._expire)
        self._idle: list[tuple[Connection, float]] = []
        self._latest: tuple[Capabilities, float] | None = None
        self._broken_until = 0.0
        self._closed = False

    async def capabilities(self) -> Capabilities:
        """Return what the next hop offered lately; connects where that is not known. Raises ``Fault``."""
        now = self._loop.time()
        if self._latest is not None and (now - self._latest[1] < FRESH_FOR or self._any_idle()):
            return self._latest[0]
        connection = await self.acquire()
        self.release(connection)
        return connection.capabilities

    async def acquire(self) -> Connection:
        """Return a connection on which MAIL may be said: a kept one if there is any. Raises ``Fault``."""
        while self._idle:
            connection, _ = self._idle.pop()
            if not connection.broken:
                return connection
            connection.close()
        return await self.open()

    async def open(self) -> Connection:
        """Return a fresh connection. After a silent failure the next attempts fail at once for a while."""
        started = self._loop.time()
        if started < self._broken_until:
            raise HopFault(f"{self.hop} did not answer a moment ago")
        try:
            connection = await connect(
                self.hop, self._timeouts, self._hostname, self._instance, self._context, self._credentials
            )
        except Fault:
            self.up = False
            if self._loop.time() - started >= self._timeouts.connect:
                self._broken_until = self._loop.time() + BREAK
            raise
        self.up = True
        self._latest = (connection.capabilities, self._loop.time())
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back whose transaction is over."""
        connection.used = True
        if self._closed or connection.broken or len(self._idle) >= KEPT:
            connection.quit()
            return
        if not self._idle:
            self._expiry.set(self._timeouts.idle)
        self._idle.append((connection, self._loop.time()))

    def close(self) -> None:
        """Let all kept connections go; those in use go when they are released."""
        self._closed = True
        self._expiry.close()
        while self._idle:
            self._idle.pop()[0].quit()

    def _any_idle(self) -> bool:
        return any(not connection.broken for connection, _ in self._idle)

    def _expire(self) -> None:
        limit = self._loop.time() - self._timeouts.idle
        for connection, since in self._idle:
            if since <= limit or connection.broken:
                connection.quit()
        self._idle = [kept for kept in self._idle if not kept[0].broken]
        if self._idle:
            self._expiry.set(self._idle[0][1] - limit)


class HopTransaction:
    """One transaction on a connection of its own; ends with a final reply, ``reset`` or ``abandon``."""

    def __init__(self, pool: Pool, connection: Connection) -> None:
        self._pool = pool
        self._connection: Connection | None = connection
        self._in_data = False

    @property
    def over(self) -> bool:
        """Whether nothing more can be said in it."""
        return self._connection is None or self._connection.broken

    @property
    def in_data(self) -> bool:
        """Whether content was sent in it."""
        return self._in_data

    @property
    def capabilities(self) -> Capabilities:
        """What this connection's server offers."""
        return self._current.capabilities

    async def begin(self, xforward: Sequence[bytes], lines: Sequence[bytes]) -> list[Reply]:
        """Send MAIL (and RCPT commands with it) behind the XFORWARD commands; return the replies to ``lines``."""
        group = [*xforward, *lines]
        try:
            replies = await self.say(group)
            stale = self._current.used and replies[0].code == 421
        except HopFault:
            stale = self._current.used
            if not stale:
                raise
        if stale:
            self.abandon()
            self._connection = await self._pool.open()
            replies = await self.say(group)
        return replies[len(xforward) :]

    async def say(self, lines: Sequence[bytes]) -> list[Reply]:
        """Send commands, all at once where the next hop takes that; return one reply for each. Raises ``HopFault``."""
        connection = self._current
        if len(lines) > 1 and "PIPELINING" in connection.capabilities:
            connection.send(b"".join(lines))
            return [await connection.reply() for _ in lines]
        return [await connection.command(line) for line in lines]

    async def prepare(self, content: Octets) -> Reply | None:
        """Send DATA and the content, but not the final dot; return the reply that refused it, if one did."""
        return await self._data(content, bytes)

    async def commit(self, dot: Dot) -> Reply:
        """Send the final dot of a prepared transaction; return the final reply."""
        self._current.send(dot())
        return await self._final()

    async def deliver(self, content: Octets, dot: Dot) -> Reply:
        """Send DATA, content and final dot; return the reply that ended it."""
        return await self._data(content, dot) or await self._final()

    async def reset(self) -> None:
        """Give the transaction up and the connection back; breaks it off inside DATA or where that fails."""
        if self._connection is None or self._in_data:
            self.abandon()
            return
        try:
            answer = await self._connection.command(b"RSET\r\n", RESET_TIME)
        except HopFault:
            self.abandon()
            return
        except asyncio.CancelledError:
            # The session is over, and with it whoever would let the connection go.
            self.abandon()
            raise
        self._end(reusable=answer.code == 250)

    def give_back(self) -> None:
        """Give the connection back before anything was said on it."""
        self._end(reusable=True)

    def abandon(self) -> None:
        """Break the transaction off at once, connection and all. Doing so twice does nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _current(self) -> Connection:
        if self._connection is None:
            raise HopFault(f"the transaction with {self._pool.hop} is over")
        return self._connection

    async def _data(self, content: Octets, end: Callable[[], bytes]) -> Reply | None:
        connection = self._current
        answer = await connection.command(b"DATA\r\n")
        if answer.code != 354:
            await self.reset()
            return answer
        self._in_data = True
        try:
            await connection.send_all(stuffed(content), end)
        except HopFault:
            # A server that breaks off inside the content may say why first.
            last = connection.said()
            if last is None or last.positive:
                raise
            self.abandon()
            return last
        return None

    async def _final(self) -> Reply:
        answer = await self._current.reply(self._current.timeouts.final)
        # Postfix keeps a transaction open that its smtpd_end_of_data_restrictions refused: the next MAIL would be 503.
        self._end(reusable=200 <= answer.code < 300)
        return answer

    def _end(self, *, reusable: bool) -> None:
        connection, self._connection = self._current, None
        if reusable:
            self._pool.release(connection)
        else:
            connection.close()


async def begin(pool: Pool) -> HopTransaction:
    """Return a transaction on a connection of the pool, before its MAIL. Raises ``Fault``."""
    return HopTransaction(pool, await pool.acquire())
