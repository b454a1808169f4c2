"""The far end: an SMTP server in a thread of its own that keeps every message with its envelope.

A message is kept (committed) the moment its final dot has come; the reply follows when ``release`` is called after
``hold``, or after the seconds ``delays`` names for ".": the window in which a crash of the client makes it send again.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from gateway.mail.header import read_header

KEYWORDS = ("PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
END = b"\r\n.\r\n"
PATIENCE = 30.0


@dataclass(frozen=True)
class Mail:
    """A message taken: the arguments of MAIL and RCPT verbatim, the content without dot-stuffing."""

    mail: str
    rcpt: tuple[str, ...]
    content: bytes

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses alone."""
        return tuple(argument[argument.index("<") + 1 : argument.rindex(">")] for argument in self.rcpt)

    def field(self, name: str) -> bytes | None:
        """The value of the first header field of that name."""
        header = read_header(self.content)
        return next((header.value(field) for field in header.named(name)), None)


class Sink:
    """The server.

    ``dots`` maps a recipient to the reply that the final dot of its mail gets, ``rcpts`` one to the reply its RCPT
    gets, ``delays`` a command to the seconds before its reply; ``heard`` counts the commands.
    """

    def __init__(self, port: int = 0, keywords: tuple[str, ...] = KEYWORDS) -> None:
        self.port = port
        self.keywords = keywords
        self.delays: dict[str, float] = {}
        self.dots: dict[str, str] = {}
        self.rcpts: dict[str, str] = {}
        self.heard: Counter[str] = Counter()
        self.mails: list[Mail] = []
        self._gate = threading.Event()
        self._gate.set()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._sessions: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> "Sink":
        """Listen; returns itself."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(PATIENCE)
        return self

    def stop(self) -> None:
        """Break off everything."""
        self.release()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def hold(self) -> None:
        """Commit, but answer no final dot until ``release``."""
        self._gate.clear()

    def release(self) -> None:
        """Answer again."""
        self._gate.set()

    def wait(self, wanted: Callable[[Mail], bool], count: int = 1, seconds: float = PATIENCE) -> list[Mail]:
        """Return the messages that are wanted once there are ``count`` of them, or fail."""
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.found(wanted)) >= count, seconds)
            found = self.found(wanted)
        assert enough, f"{len(found)} of {count} messages arrived in {seconds} s"
        return found

    def by_id(self, message_id: str, count: int = 1) -> list[Mail]:
        """Wait for the copies of one message, in the order of their recipients."""
        copies = self.wait(lambda mail: mail.field("message-id") == message_id.encode(), count)
        return sorted(copies, key=lambda mail: mail.recipients)

    def found(self, wanted: Callable[[Mail], bool]) -> list[Mail]:
        """The messages here now that are wanted."""
        return [mail for mail in list(self.mails) if wanted(mail)]

    # -- inside the thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=500)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._sessions.add(task)
        try:
            await Session(self, reader, writer).run()
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._sessions.discard(task)
            writer.close()

    async def take(self, mail: Mail) -> str:
        """Commit, wait as told, and return the reply to the final dot."""
        answer = next((self.dots[to] for to in mail.recipients if to in self.dots), None)
        if answer is not None:
            return answer
        with self._changed:
            self.mails.append(mail)
            number = len(self.mails)
            self._changed.notify_all()
        await asyncio.sleep(self.delays.get(".", 0))
        if not self._gate.is_set():
            await asyncio.to_thread(self._gate.wait, PATIENCE)
        return f"250 2.0.0 Ok: queued as SINK{number}"


class Session:
    """One connection."""

    def __init__(self, sink: Sink, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sink, self.reader, self.writer = sink, reader, writer
        self.buffer = bytearray()
        self.mail = ""
        self.rcpt: list[str] = []

    async def run(self) -> None:
        """Greet, and answer commands until QUIT."""
        self.writer.write(b"220 sink.example.com ESMTP\r\n")
        while True:
            line = (await self._until(b"\r\n"))[:-2].decode("utf-8", "surrogateescape")
            verb, _, argument = line.partition(" ")
            self.sink.heard[verb.upper()] += 1
            answer = await self._answer(verb.upper(), argument)
            await asyncio.sleep(self.sink.delays.get(verb.upper(), 0))
            self.writer.write(answer.encode() + b"\r\n")
            await self.writer.drain()
            if answer.startswith("221"):
                return

    async def _answer(self, verb: str, argument: str) -> str:
        match verb:
            case "EHLO":
                return "\r\n".join(f"250-{word}" for word in ("sink.example.com", *self.sink.keywords)) + "\r\n250 HELP"
            case "MAIL":
                self.mail, self.rcpt = argument, []
            case "RCPT":
                refusals = list(self.sink.rcpts.items())
                refusal = next((answer for to, answer in refusals if f"<{to}>" in argument), None)
                if refusal is not None:
                    return refusal
                self.rcpt.append(argument)
            case "RSET":
                self.mail, self.rcpt = "", []
            case "DATA":
                return await self._data()
            case "QUIT":
                return "221 2.0.0 Bye"
        return "250 2.0.0 Ok"

    async def _data(self) -> str:
        if not self.rcpt:
            return "554 5.5.1 No valid recipients"
        self.writer.write(b"354 Go on\r\n")
        # The CRLF of the DATA command counts as the one before the first line.
        self.buffer[:0] = b"\r\n"
        raw = await self._until(END)
        content = bytes(raw[:-3].replace(b"\r\n.", b"\r\n"))[2:]
        mail, self.mail, rcpt, self.rcpt = self.mail, "", self.rcpt, []
        return await self.sink.take(Mail(mail, tuple(rcpt), content))

    async def _until(self, end: bytes) -> bytes:
        looked = 0
        while (at := self.buffer.find(end, max(0, looked - len(end)))) < 0:
            looked = len(self.buffer)
            piece = await self.reader.read(1 << 18)
            if not piece:
                raise ConnectionResetError
            self.buffer += piece
        taken = bytes(self.buffer[: at + len(end)])
        del self.buffer[: at + len(end)]
        return taken
