"""An open-loop load generator: mail comes when it comes, whether or not the last one has its reply.

Only so do waiting times show (a generator that waits for replies sends less the slower they come). Arrivals are a
Poisson process from a fixed seed. A message takes a connection that is free, or a new one; its time begins when it
arrives, and so includes that connection, and ends with the reply to its final dot.
"""

import asyncio
import gc
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from benchmarks.ratio import NotMeasured

PATIENCE = 30.0


class Mail(NamedTuple):
    """What is sent; ``content`` has CRLF line ends and no line that begins with a dot."""

    sender: str
    recipient: str
    content: bytes


class Answer(NamedTuple):
    """The code of the last reply, and the seconds from the message's arrival to it."""

    code: int
    seconds: float


class Client:
    """One client that speaks to one port over as many connections as it needs; kept until ``close``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, mail: Mail) -> Answer:
        """Send one message and return what became of it. Raises ``OSError``, ``EOFError``."""
        arrived = asyncio.get_running_loop().time()
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        writer.write(f"MAIL FROM:<{mail.sender}>\r\nRCPT TO:<{mail.recipient}>\r\nDATA\r\n".encode())
        codes = [await _code(reader) for _ in range(3)]
        if codes[2] == 354:
            writer.write(mail.content + b".\r\n")
            codes.append(await _code(reader))
        seconds = asyncio.get_running_loop().time() - arrived
        self._idle.append((reader, writer))
        return Answer(codes[-1], seconds)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await _code(reader)
        writer.write(b"EHLO helpdesk.example.org\r\n")
        await _code(reader)
        return reader, writer

    def close(self) -> None:
        """Leave."""
        for _, writer in self._idle:
            writer.write(b"QUIT\r\n")
            writer.close()


def arrivals(rate: float, seconds: float, seed: int = 1) -> Iterator[float]:
    """Yield when messages arrive: ``rate`` a second on average, from 0 to ``seconds``."""
    random, at = Random(seed), 0.0
    while (at := at + random.expovariate(rate)) < seconds:
        yield at


def latencies(port: int, mail: Mail, rate: float, seconds: float) -> list[float]:
    """Return every message's seconds in order. Raises ``NotMeasured`` where one is not taken."""
    gc.collect()
    gc.disable()  # the generator's own pauses are none of the gateway's
    try:
        answers = asyncio.run(_answers(port, mail, rate, seconds))
    except (OSError, EOFError) as error:
        raise NotMeasured(f"the gateway broke off: {error}") from error
    finally:
        gc.enable()
    if refused := {answer.code for answer in answers} - {250}:
        raise NotMeasured(f"the gateway answered {refused}")
    return sorted(answer.seconds for answer in answers)


async def _answers(port: int, mail: Mail, rate: float, seconds: float) -> list[Answer]:
    loop, client, jobs = asyncio.get_running_loop(), Client(port), []
    began = loop.time()
    for at in arrivals(rate, seconds):
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        jobs.append(asyncio.create_task(client.send(mail)))
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*jobs)
    client.close()
    return answers


async def _code(reader: asyncio.StreamReader) -> int:
    """Return the code of the next reply, which may have several lines."""
    while True:
        line = await reader.readuntil(b"\n")
        if line[3:4] != b"-":
            return int(line[:3])
