"""Limits, time-outs, the allow-list and the way a door closes (rows SMT-05, SMT-07, SMT-08, LIM-05, REL-06)."""

import asyncio
import tracemalloc

import pytest

from gateway.engine.transaction import Outcome, Transaction, Verdict
from gateway.smtp.door import Limits, Timeouts
from tests.smtp.fakes import QUICK, Client, Hop, World, relay, run, world

MAIL = b"Subject: x\r\n\r\nText\r\n"


def hasty(**more: float) -> Limits:
    return Limits(timeouts=Timeouts(**{"connect": 1, "reply": 1, "final": 1, **more}))


@pytest.mark.parametrize("clients", [(), ("192.0.2.0/24",), ("::1/128", "127.0.0.2/32")])
def test_smt_05_clients_not_on_the_list(clients: tuple[str, ...]) -> None:
    """SMT-05: 554 5.7.1 and the end, before a word was said."""

    async def story() -> None:
        async with world(clients=clients) as w:
            client = await w.client(greet=False)
            assert (await client.reply()).startswith("554 5.7.1")
            assert await client.rest() == b""
            assert w.hop.connections == 0
            assert w.door.sessions == 0

    run(story())


def test_smt_05_a_door_goes_to_its_next_hop_only() -> None:
    """SMT-05: whatever the recipient's address says, mail goes where the door leads."""

    async def story() -> None:
        async with world(clients=("127.0.0.1/32",)) as w:
            client = await w.client()
            for name in ("a%b@example.net", "[127.0.0.1]!c@example.net", "u@[192.0.2.1]"):
                await client.mail(MAIL, name)
            assert w.hop.connections == 1

    run(story())


def test_smt_07_connections_in_all_and_per_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """SMT-07: 421 over the limit; loopback counts in all, but not per client."""

    async def story() -> None:
        async with world(limits=Limits(connections=3, connections_per_client=1, timeouts=QUICK)) as w:
            held = [await w.client() for _ in range(3)]
            client = await w.client(greet=False)
            assert (await client.reply()).startswith("421 4.7.0")
            await held[0].say("QUIT")
            while w.door.sessions == 3:
                await asyncio.sleep(0.01)
            assert (await (await w.client()).say("NOOP")).startswith("250")
        monkeypatch.setattr("ipaddress.IPv4Address.is_loopback", False)
        async with world(limits=Limits(connections=3, connections_per_client=1, timeouts=QUICK)) as w:
            first = await w.client()
            client = await w.client(greet=False)
            assert (await client.reply()).startswith("421 4.7.0 Too many connections from your address")
            await first.say("QUIT")
            while w.door.sessions:
                await asyncio.sleep(0.01)
            assert (await (await w.client()).say("NOOP")).startswith("250")

    run(story())


def test_smt_07_a_crowd_of_connections() -> None:
    """SMT-07: hundreds at once are turned away, and those inside go on."""

    async def story() -> None:
        async with world(limits=Limits(connections=5, timeouts=QUICK)) as w:
            inside = [await w.client() for _ in range(5)]
            crowd = await asyncio.gather(*(w.client(greet=False) for _ in range(300)))
            assert {(await client.reply())[:3] for client in crowd} == {"421"}
            assert [(await client.mail(MAIL))[:3] for client in inside] == ["250"] * 5

    run(story())


def test_smt_07_idle_client() -> None:
    """SMT-07: 421, not silence; the time is for a whole line, however slowly its bytes come."""

    async def story() -> None:
        async with world(limits=hasty(command=0.3)) as w:
            silent, slow = await w.client(), await w.client()

            async def drip() -> None:
                for byte in b"NOOP and so on for ever":
                    await slow.send(bytes([byte]))
                    await asyncio.sleep(0.05)

            dripping = asyncio.ensure_future(drip())
            assert (await silent.reply()).startswith("421 4.4.2")
            assert await silent.rest() == b""
            assert (await slow.reply()).startswith("421 4.4.2")
            dripping.cancel()

    run(story())


@pytest.mark.parametrize("limits", [hasty(block=0.2), hasty(content=0.3)])
def test_smt_07_slow_content(limits: Limits) -> None:
    """SMT-07: silence inside DATA, and dripping for ever, end in 421; the next hop's transaction is let go."""

    async def story() -> None:
        async with world(limits=limits) as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")

            async def drip() -> None:
                while limits.timeouts.content < 1:
                    await client.send(b"x\r\n")
                    await asyncio.sleep(0.05)

            dripping = asyncio.ensure_future(drip())
            assert (await client.reply()).startswith("421 4.4.2")
            dripping.cancel()
            while w.hop.open:
                await asyncio.sleep(0.01)
            assert w.hop.messages == []

    run(story())


def test_a_slow_client_within_its_time_is_served() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            for byte in MAIL + b".\r\n":
                await client.send(bytes([byte]))
                await asyncio.sleep(0.001)
            assert (await client.reply()).startswith("250")
            assert w.hop.messages[0].content == MAIL

    run(story())


@pytest.mark.parametrize("line", ["NOOP", "RSET", "VRFY x", "BOGUS", "EHLO x", "RCPT TO:<a@b.c>"])
def test_smt_07_commands_without_mail(line: str) -> None:
    """SMT-07: a cap on commands that bring no mail."""

    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.send(f"{line}\r\n".encode() * 10_000)
            answers = 0
            while (answer := await client.reply()) and not answer.startswith("421"):
                answers += 1
            assert answer.startswith("421 4.7.0")
            assert answers <= 100

    run(story())


def test_commands_that_bring_mail_do_not_count() -> None:
    async def story() -> None:
        async with world(limits=Limits(commands=8, timeouts=QUICK)) as w:
            client = await w.client()
            for _ in range(20):
                assert (await client.mail(MAIL, *(f"u{n}@x.org" for n in range(20)))).startswith("250")

    run(story())


def test_too_many_recipients() -> None:
    async def story() -> None:
        async with world(limits=Limits(recipients=2, timeouts=QUICK)) as w:
            client = await w.client()
            answers = await client.envelope("a@x.org", "b@x.org", "c@x.org")
            assert [answer[:9] for answer in answers] == ["250 2.1.0", "250 2.1.5", "250 2.1.5", "452 4.5.3"]
            assert (await client.data(MAIL)).startswith("250")
            assert w.hop.taken() == ["a@x.org", "b@x.org"]

    run(story())


def test_smt_08_declared_size() -> None:
    """SMT-08: refused at MAIL."""

    async def story() -> None:
        async with world(Hop(keywords=("SIZE 1000",))) as w:
            client = await w.client()
            assert (await client.say("MAIL FROM:<a@b.c> SIZE=701")).startswith("552 5.3.4")
            assert (await client.say("MAIL FROM:<a@b.c> SIZE=99999999999999999999999")).startswith("501")
            assert (await client.say("MAIL FROM:<a@b.c> SIZE=700")).startswith("250")

    run(story())


def test_smt_08_too_much_content() -> None:
    """SMT-08: 552 at the end, never 250, recorded; ten times the limit costs no memory; the session goes on."""

    async def story() -> None:
        async with world(limits=Limits(message_size=100_000, timeouts=QUICK)) as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            tracemalloc.start()
            for _ in range(100):
                await client.send((b"x" * 98 + b"\r\n") * 100)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            await client.send(b".\r\n")
            assert (await client.reply()).startswith("552 5.3.4")
            assert peak < 2_000_000
            assert w.hop.messages == []
            assert w.reports[0].outcome.verdict is Verdict.REJECT
            assert w.reports[0].transaction.content == b""
            assert (await client.mail(MAIL)).startswith("250")

    run(story())


def test_memory_of_a_large_message() -> None:
    """At most about twice a message's size while it is received and passed on."""
    size = 12_000_000
    block = (b"y" * 76 + b"\r\n") * 1000

    class Sink:
        """A next hop that keeps nothing."""

        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 x\r\n")
            try:
                while line := await reader.readline():
                    writer.write(b"354 go\r\n" if line == b"DATA\r\n" else b"250 ok\r\n")
                    if line == b"DATA\r\n":
                        tail = b""
                        while not tail.endswith(b"\r\n.\r\n"):
                            tail = tail[-5:] + await reader.read(65536)
                        writer.write(b"250 taken\r\n")
            finally:
                writer.transport.abort()

    async def story() -> None:
        sink = await asyncio.start_server(Sink().serve, "127.0.0.1", 0)
        async with world(next_hop={"port": sink.sockets[0].getsockname()[1]}) as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await client.say("DATA")
            tracemalloc.start()
            for _ in range(size // len(block)):
                await client.send(block)
            await client.send(b".\r\n")
            assert await client.reply() == "250 taken"
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 2.6 * size
            w.reports.clear()
        sink.close()

    run(story())


def test_lim_05_others_are_served_while_one_is_processed() -> None:
    """LIM-05: a message in the engine holds nobody up."""
    release = asyncio.Event()

    async def slow(transaction: Transaction) -> Outcome:
        if transaction.envelope.sender == "slow@example.org":
            await release.wait()
        return await relay(transaction)

    async def story() -> None:
        async with world(process=slow) as w:
            one, other = await w.client(), await w.client()
            waiting = asyncio.ensure_future(one.mail(MAIL, sender="slow@example.org"))
            assert (await other.mail(MAIL)).startswith("250")
            assert not waiting.done()
            release.set()
            assert (await waiting).startswith("250")

    run(story())


# -- closing ------------------------------------------------------------------------------------------------------


def test_rel_06_drain() -> None:
    """REL-06: no new client, idle sessions get 421, running transactions end with their own reply, then 421."""

    async def story() -> None:
        async with world(Hop(delay=0.3)) as w:
            idle, begun, busy = [await w.client() for _ in range(3)]
            await begun.envelope("b@example.net")
            sending = asyncio.ensure_future(busy.mail(MAIL))
            await asyncio.sleep(0.1)
            draining = asyncio.ensure_future(w.door.drain(5))
            assert (await idle.reply()).startswith("421 4.3.2")
            with pytest.raises(ConnectionRefusedError):
                await w.client()
            assert (await sending).startswith("250")
            assert (await busy.reply()).startswith("421 4.3.2")
            assert not draining.done()
            assert (await begun.data(MAIL)).startswith("250")
            assert (await begun.reply()).startswith("421 4.3.2")
            await draining
            assert len(w.hop.messages) == 2
            while w.hop.open:
                await asyncio.sleep(0.01)

    run(story())


def test_rel_06_drain_has_an_end() -> None:
    """REL-06: a client that dawdles does not keep us; it got no 250."""

    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.envelope("b@example.net")
            await w.door.drain(0.1)
            assert b"250" not in await client.rest()
            assert w.hop.messages == []

    run(story())


def test_rel_06_drain_under_load() -> None:
    """REL-06: acknowledged is delivered and delivered is acknowledged, whenever the stop comes."""

    async def one(w: World, client: Client, n: int, acknowledged: list[str]) -> None:
        for turn in range(1000):
            name = f"u{n}-{turn}@example.net"
            try:
                if not (await client.mail(MAIL, name)).startswith("250"):
                    return
            except ConnectionError:
                return
            acknowledged.append(name)

    async def story() -> None:
        for pause in (0.0, 0.05, 0.15):
            async with world(Hop(delay=0.002)) as w:
                acknowledged: list[str] = []
                clients = [await w.client() for _ in range(20)]
                load = [asyncio.ensure_future(one(w, client, n, acknowledged)) for n, client in enumerate(clients)]
                await asyncio.sleep(pause)
                await w.door.drain(10)
                await asyncio.gather(*load)
                assert sorted(w.hop.taken()) == sorted(acknowledged)

    run(story())


LARGE = b"Subject: large\r\n\r\n" + b"x" * 78 + b"\r\n"
LARGE = LARGE + (b"x" * 78 + b"\r\n") * 1000


def test_lim_05_messages_that_together_find_no_room_wait_at_the_client() -> None:
    """LIM-05: each is allowed and all are not: 451, and nothing of it is kept; room that is left is had again."""

    async def story() -> None:
        async with world(limits=Limits(room=len(LARGE) + 100, timeouts=QUICK)) as w:
            first, second = await w.client(), await w.client()
            await first.envelope("b@example.net")
            await first.say("DATA")
            await first.send(LARGE)
            await asyncio.sleep(0.1)
            answer = await second.mail(LARGE, "c@example.net")
            assert answer.startswith("451 4.3.0")
            assert (w.reports[-1].outcome.verdict, w.reports[-1].transaction.content) == (Verdict.DEFER, b"")
            assert w.reports[-1].transaction.size == len(LARGE)
            assert (await second.mail(b"Subject: small\r\n\r\n", "c@example.net")).startswith("250")
            await first.send(b".\r\n")
            assert (await first.reply()).startswith("250")
            assert (await second.mail(LARGE, "c@example.net")).startswith("250")
            assert w.hop.messages[-1].content == LARGE

    run(story())


@pytest.mark.parametrize("end", ["lost", "bare", "refused"])
def test_lim_05_room_is_given_back_however_a_message_ends(end: str) -> None:
    """LIM-05: where the client is lost in the middle, the content is refused, or the next hop refuses it."""

    async def refusing(transaction: Transaction) -> Outcome:
        raise RuntimeError("a bug")

    async def story() -> None:
        process = refusing if end == "refused" else relay
        async with world(process=process, limits=Limits(room=len(LARGE) + 100, timeouts=QUICK)) as w:
            for _ in range(3):
                client = await w.client()
                await client.envelope("b@example.net")
                await client.say("DATA")
                await client.send(LARGE)
                if end == "lost":
                    client.close()
                    while w.door.sessions:
                        await asyncio.sleep(0.01)
                    continue
                await client.send(b"bare\n\r\n.\r\n" if end == "bare" else b".\r\n")
                assert (await client.reply())[:3] in ("550", "451")
            room = w.door._service.room
            assert room.take(room.size)

    run(story())
