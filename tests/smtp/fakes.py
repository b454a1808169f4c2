"""The world around a door, in process: a scripted next hop, a raw client, a ledger in a dictionary, a door."""

import asyncio
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from gateway.engine.transaction import Delivery, Direction, Outcome, Receipt, Transaction, Verdict
from gateway.mail.envelope import Recipient
from gateway.reply import Reply
from gateway.smtp.door import Door, Limits, NextHop, Timeouts
from gateway.smtp.ledger_session import Holds
from gateway.smtp.listener import OpenDoor, open_door

INSTANCE = "instance-0123456789abcdef"
KEYWORDS = (
    "PIPELINING",
    "SIZE 10000000",
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
)
QUICK = Timeouts(command=5, block=5, content=10, connect=1, reply=2, final=2, idle=5)


def run(story: Coroutine[Any, Any, None], seconds: float = 30) -> None:
    """Run one story to its end."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds):
            await story

    asyncio.run(bounded())


@dataclass
class Rule:
    """Answers a stage with ``reply`` as often as ``times``; ``match`` must stand in the line or among the recipients.

    Replies: an SMTP reply, or ``close``, ``hang``, ``reset`` (RST), ``half-close`` (no more is said, all is read); at
    stage ``dot`` also ``commit+`` one of these. Stage ``content`` is when a first part of the content has come; a reply
    there ends the connection.
    """

    stage: str
    reply: str
    match: str = ""
    times: int = 1_000_000


@dataclass
class Message:
    """A message the next hop took."""

    mail: str
    recipients: list[str]
    content: bytes
    xforward: list[str]


@dataclass
class Hop:
    """A scripted next hop.

    ``log`` is the transcript of command lines, ``messages`` what it committed, ``dots`` what came to its final dot.
    """

    keywords: Sequence[str] = KEYWORDS
    rules: list[Rule] = field(default_factory=list)
    greeting: str = "220 hop.example.org ESMTP"
    delay: float = 0.0
    tls: ssl.SSLContext | None = None
    logins: dict[str, str] = field(default_factory=dict)
    behind_starttls: bytes = b""
    log: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    dots: list[Message] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    data_begun: int = 0
    pipelined: int = 0
    port: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def rule(self, stage: str, text: str) -> str | None:
        for rule in self.rules:
            if rule.stage == stage and rule.match in text and rule.times > 0:
                rule.times -= 1
                return rule.reply
        return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.writers.add(writer)
        try:
            await HopSession(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            return
        finally:
            self.open -= 1
            self.writers.discard(writer)
            writer.transport.abort()

    def taken(self) -> list[str]:
        """Every recipient of every committed copy, in order."""
        return [recipient for message in self.messages for recipient in message.recipients]


class Closed(ConnectionError):
    """The script says: close."""


class HopSession:
    def __init__(self, hop: Hop, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hop, self.reader, self.writer = hop, reader, writer
        self.mail, self.recipients, self.xforward = "", list[str](), list[str]()

    async def say(self, text: str) -> None:
        self.writer.write(text.encode() + b"\r\n")
        await self.writer.drain()

    async def act(self, stage: str, text: str, default: str) -> bool:
        """Answer a stage; whether it was answered positively."""
        answer = self.hop.rule(stage, text) or default
        await self.fail(answer)
        await self.say(answer)
        return answer[0] in "23"

    async def fail(self, answer: str) -> None:
        """Do what is no reply."""
        how = answer.removeprefix("commit+")
        if how == "reset":
            own: socket.socket = self.writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == "half-close":
            self.writer.write_eof()
        if how in ("hang", "half-close"):
            while await self.reader.read(1 << 16):
                pass
        if how in ("close", "reset", "hang", "half-close"):
            raise Closed

    async def run(self) -> None:
        if not await self.act("connect", "", self.hop.greeting):
            return
        while True:
            raw = await self.reader.readuntil(b"\r\n")
            line = raw[:-2].decode("utf-8", "surrogateescape")
            self.hop.log.append(line)
            self.hop.pipelined += bool(self.reader._buffer)  # type: ignore[attr-defined]
            if line.upper() == "QUIT":
                return
            await getattr(self, "do_" + line.split()[0].upper(), self.other)(line)

    async def other(self, line: str) -> None:
        await self.act(line.split()[0].upper(), line, "250 2.0.0 Ok")

    async def do_EHLO(self, line: str) -> None:
        words = [word for word in self.hop.keywords if not (word == "STARTTLS" and self.secure)]
        lines = ["hop.example.org", *words]
        texts = [f"250{' ' if n == len(lines) - 1 else '-'}{text}" for n, text in enumerate(lines)]
        await self.act("EHLO", line, "\r\n".join(texts))

    @property
    def secure(self) -> bool:
        return self.writer.get_extra_info("ssl_object") is not None

    async def do_STARTTLS(self, line: str) -> None:
        if await self.act("STARTTLS", line, "220 2.0.0 Ready" + self.hop.behind_starttls.decode()):
            assert self.hop.tls is not None
            await self.writer.start_tls(self.hop.tls)

    async def do_AUTH(self, line: str) -> None:
        from base64 import b64decode

        words = line.split()
        if words[1] == "PLAIN":
            _, user, password = b64decode(words[2]).decode().split("\0")
        else:
            answers = []
            for question in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                await self.say(f"334 {question}")
                answers.append(b64decode(await self.reader.readuntil(b"\r\n")).decode())
            user, password = answers
        good = self.hop.logins.get(user) == password
        await self.say("235 2.7.0 Welcome" if good else "535 5.7.8 Not with this hop")

    async def do_XFORWARD(self, line: str) -> None:
        if await self.act("XFORWARD", line, "250 2.0.0 Ok"):
            self.xforward.append(line)

    async def do_MAIL(self, line: str) -> None:
        if await self.act("MAIL", line, "250 2.1.0 Sender fine"):
            self.mail, self.recipients = line, []

    async def do_RCPT(self, line: str) -> None:
        address = line[line.index("<") + 1 : line.index(">")]
        default = f"250 2.1.5 <{address}> fine" if self.mail else "503 5.5.1 hop wants MAIL"
        if await self.act("RCPT", line, default):
            self.recipients.append(address)

    async def do_RSET(self, line: str) -> None:
        self.mail, self.recipients, self.xforward = "", [], []
        await self.act("RSET", line, "250 2.0.0 Reset")

    async def do_DATA(self, line: str) -> None:
        names = " ".join(self.recipients)
        if not await self.act("DATA", names, "354 Go"):
            return
        self.hop.data_begun += 1
        content, stream = b"", b"\r\n"
        while b"\r\n.\r\n" not in stream:
            if not (piece := await self.reader.read(65536)):
                raise Closed
            stream += piece
            answer = self.hop.rule("content", names) or ""
            await self.fail(answer)
            if answer:
                await self.say(answer)
                raise Closed
        assert stream.endswith(b"\r\n.\r\n"), "something follows the final dot"
        content = stream[2:-3].replace(b"\r\n.", b"\r\n")
        content = content[1:] if content.startswith(b".") else content
        answer = self.hop.rule("dot", names) or f"250 2.0.0 Ok: queued as Q{len(self.hop.messages) + 1}"
        message = Message(self.mail, self.recipients, content, self.xforward)
        self.hop.dots.append(message)
        if answer[0] == "2" or answer.startswith("commit+"):
            self.hop.messages.append(message)
            await asyncio.sleep(self.hop.delay)
        self.mail, self.recipients, self.xforward = "", [], []
        await self.fail(answer)
        await self.say(answer)


class Client:
    """A raw SMTP client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def reply(self) -> str:
        """One reply, all lines; empty at the end of the connection."""
        lines = []
        while line := (await self.reader.readline()).decode():
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def say(self, line: str) -> str:
        await self.send(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return await self.reply()

    async def ehlo(self) -> list[str]:
        return (await self.say("EHLO client.example.org")).split("\n")

    async def envelope(self, *recipients: str, sender: str = "a@example.org", mail: str = "") -> list[str]:
        replies = [await self.say(f"MAIL FROM:<{sender}>{mail}")]
        replies += [await self.say(f"RCPT TO:<{recipient}>") for recipient in recipients]
        return replies

    async def data(self, content: bytes) -> str:
        """DATA, content (dot-stuffed by the caller) and final dot."""
        answer = await self.say("DATA")
        if not answer.startswith("354"):
            return answer
        await self.send(content + b".\r\n")
        return await self.reply()

    async def mail(self, content: bytes, *recipients: str, sender: str = "a@example.org") -> str:
        """A whole transaction; the reply to its end, or to what refused it."""
        for answer in await self.envelope(*(recipients or ("b@example.net",)), sender=sender):
            if not answer.startswith("2"):
                return answer
        return await self.data(content)

    async def rest(self) -> bytes:
        return await self.reader.read()

    def close(self) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        """Close with RST: the other side learns that nobody reads."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


class DictLedger:
    """``engine.ports.Ledger`` in a dictionary; rows are (released, recipient) by mail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[bytes, str, str], dict[str, bool]] = {}
        self.calls: list[str] = []

    def claim(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> frozenset[str]:
        self.calls.append("claim")
        rows = self.rows.get((digest, door, sender), {})
        served = frozenset(name for name in recipients if rows.get(name))
        rows.update(dict.fromkeys(served, False))
        return served

    def taken(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> None:
        self.calls.append("taken")
        self.rows.setdefault((digest, door, sender), {}).update(dict.fromkeys(recipients, False))

    def release(self, digest: bytes, door: str, sender: str) -> None:
        self.calls.append("release")
        rows = self.rows.get((digest, door, sender), {})
        rows.update(dict.fromkeys(rows, True))

    def forget(self, digest: bytes, door: str, sender: str) -> None:
        self.calls.append("forget")
        self.rows.pop((digest, door, sender), None)

    def waiting(self) -> bool:
        return bool(self.rows)


@dataclass(frozen=True)
class Reported:
    transaction: Transaction
    outcome: Outcome
    receipts: tuple[Receipt, ...]
    reply: Reply


async def relay(transaction: Transaction) -> Outcome:
    """The engine that does nothing."""
    return Outcome(Verdict.RELAY, deliveries=(Delivery(transaction.envelope.recipients, transaction.content),))


async def split(transaction: Transaction) -> Outcome:
    """The engine that gives every recipient a copy of its own, which says so in its first line."""
    return Outcome(
        Verdict.RELAY, deliveries=tuple(_own_copy(to, transaction) for to in transaction.envelope.recipients)
    )


def _own_copy(to: Recipient, transaction: Transaction) -> Delivery:
    return Delivery((to,), b"X-Copy: " + to.address.encode() + b"\r\n" + transaction.content)


@dataclass
class World:
    hop: Hop
    door: OpenDoor
    ledger: DictLedger
    reports: list[Reported]
    turned_away: list[Reported]
    """Of clients that brought no message."""
    clients: list[Client] = field(default_factory=list)

    async def client(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", greet: bool = True) -> Client:
        client = Client(*await asyncio.open_connection(host, self.door.port, ssl=tls))
        self.clients.append(client)
        if greet:
            await client.reply()
            await client.ehlo()
        return client


Process = Callable[[Transaction], Awaitable[Outcome]]


@asynccontextmanager
async def listening(hop: Hop) -> AsyncIterator[Hop]:
    server = await asyncio.start_server(hop.serve, "127.0.0.1", hop.port, limit=1 << 20)
    hop.port = server.sockets[0].getsockname()[1]
    try:
        yield hop
    finally:
        server.close()
        for writer in list(hop.writers):
            writer.transport.abort()


@asynccontextmanager
async def world(
    hop: Hop | None = None,
    *,
    process: Process = relay,
    direction: Direction = Direction.OUTBOUND,
    limits: Limits | None = None,
    clients: Iterable[str] = ("127.0.0.0/8",),
    next_hop: dict[str, Any] | None = None,
    ledger: DictLedger | None = None,
    holds: Holds = lambda _: True,
    port: int = 0,
    **door: Any,
) -> AsyncIterator[World]:
    """A door before a scripted next hop."""
    ids = itertools.count(1)
    reports: list[Reported] = []
    turned_away: list[Reported] = []
    ledger = ledger or DictLedger()

    async def report(
        transaction: Transaction, outcome: Outcome, receipts: tuple[Receipt, ...], reply: Reply, seconds: float
    ) -> None:
        kind = reports if transaction.envelope.recipients else turned_away
        kind.append(Reported(transaction, outcome, receipts, reply))

    async with listening(hop or Hop()) as listener:
        opened = await open_door(
            Door(
                "test",
                direction,
                "127.0.0.1",
                port,
                NextHop(**{"host": "127.0.0.1", "port": listener.port} | (next_hop or {})),
                tuple(map(ip_network, clients)),
                **door,
            ),
            limits or Limits(timeouts=QUICK),
            hostname="gw.example.org",
            instance=INSTANCE,
            process=process,
            report=report,
            ledger=ledger,
            waiting=ledger.waiting,
            holds=holds,
            new_id=lambda: f"id{next(ids)}",
            now=lambda: datetime.now(UTC),
        )
        made = World(listener, opened, ledger, reports, turned_away)
        try:
            yield made
        finally:
            for client in made.clients:
                client.close()
            await opened.close()
