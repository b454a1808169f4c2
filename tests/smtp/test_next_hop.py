"""The next hop in trouble, kept connections, TLS and logins towards it (rows REL-04, SMT-03, SMT-06, SMT-09)."""

import asyncio
import socket
from itertools import product
from typing import Any

import pytest

from gateway.smtp.door import Credentials, HopTls, Limits, Timeouts
from tests.smtp.conftest import Files
from tests.smtp.fakes import INSTANCE, KEYWORDS, Hop, Rule, listening, run, split, world

MAIL = b"Subject: x\r\n\r\nText\r\n"
HASTY = Limits(timeouts=Timeouts(command=5, block=5, content=10, connect=0.3, reply=0.3, final=0.3, idle=5))


def test_connections_are_kept_and_shared() -> None:
    async def story() -> None:
        async with world() as w:
            for _ in range(3):
                client = await w.client()
                assert (await client.mail(MAIL)).startswith("250")
                assert (await client.mail(MAIL)).startswith("250")
            assert w.hop.connections == 1
            assert w.door.next_hop_up is True

    run(story())


@pytest.mark.parametrize("way", ["close", "421 4.4.2 idle", "hang up while idle", "421 while idle"])
def test_a_stale_connection_is_replaced(way: str) -> None:
    """Nothing was committed: the same commands go to a fresh connection, and the client sees nothing of it."""

    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.mail(MAIL)
            if way == "hang up while idle":
                for writer in w.hop.writers:
                    writer.transport.abort()
                await asyncio.sleep(0.01)
            elif way == "421 while idle":
                for writer in w.hop.writers:
                    writer.write(b"421 4.3.2 going\r\n")
                await asyncio.sleep(0.01)
            else:
                w.hop.rules += [Rule("XFORWARD", way, times=1)]
            await client.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nRCPT TO:<g@h.i>\r\n")
            assert [(await client.reply())[:3] for _ in range(3)] == ["250"] * 3
            assert (await client.data(MAIL)).startswith("250")
            assert w.hop.connections == 2
            assert w.hop.messages[1].recipients == ["d@e.f", "g@h.i"]

    run(story())


def test_idle_connections_are_let_go() -> None:
    async def story() -> None:
        limits = Limits(timeouts=Timeouts(connect=1, reply=1, final=1, idle=0.1))
        async with world(limits=limits) as w:
            await (await w.client()).mail(MAIL)
            assert w.hop.open == 1
            while w.hop.open:
                await asyncio.sleep(0.02)
            assert w.hop.log[-1] == "QUIT"

    run(story())


def test_rel_04_refused_connection() -> None:
    """REL-04: 421 at EHLO, 451 at MAIL, at once; mail flows again as soon as the next hop is back."""

    async def story() -> None:
        hop = Hop()
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            async with world(hop, next_hop={"port": port}) as w:
                client = await w.client(greet=False)
                await client.reply()
                assert (await client.say("EHLO x")).startswith("421 4.4.1")
                assert await client.rest() == b""
                client = await w.client(greet=False)
                await client.reply()
                await client.say("HELO x")
                assert (await client.say("MAIL FROM:<a@b.c>")).startswith("451 4.4.1")
                assert w.door.next_hop_up is False
                held.close()
                async with listening(Hop(port=port)) as back:
                    assert (await client.mail(MAIL)).startswith("250")
                    assert len(back.messages) == 1

    run(story())


def test_rel_04_a_silent_next_hop_is_asked_once() -> None:
    """REL-04: accept and hang; after one time-out the next clients are refused at once for a while."""

    async def story() -> None:
        async with world(Hop(rules=[Rule("connect", "hang")]), limits=HASTY) as w:
            for _ in range(3):
                client = await w.client(greet=False)
                await client.reply()
                assert (await client.say("EHLO x")).startswith("421 4.4.1")
            assert w.hop.connections == 1

    run(story())


def test_rel_04_nobody_answers_at_all() -> None:
    """REL-04: packets get lost on their way (a listener whose queue is full drops them): 421 after the time-out."""

    async def story() -> None:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            async with world(Hop(), next_hop={"port": full.getsockname()[1]}, limits=HASTY) as w:
                client = await w.client(greet=False)
                await client.reply()
                assert (await client.say("EHLO x")).startswith("421 4.4.1")
                assert w.door.next_hop_up is False

    run(story())


BREAKS = ["close", "reset", "half-close", "hang"]
REPLIES = ["421 4.3.2 no", "554 5.7.1 no", "450-endless", "nonsense"]
STAGES = ["connect", "EHLO", "MAIL", "RCPT", "DATA", "dot"]


@pytest.mark.parametrize(("stage", "how"), [*product(STAGES, [*BREAKS, *REPLIES]), *product(["content"], BREAKS)])
def test_rel_04_every_fault_at_every_stage(stage: str, how: str) -> None:
    """REL-04: no fault of the next hop loses mail, hangs a session or ends in 250; afterwards mail flows."""

    async def story() -> None:
        hop = Hop(rules=[Rule(stage, how), Rule("HELO", "502 5.5.1 what")])
        async with world(hop, limits=HASTY) as w:
            client = await w.client(greet=False)
            await client.reply()
            answers = [await client.say("EHLO x")]
            if answers[0].startswith("250"):
                answers += await client.envelope("b@example.net")
                answers.append(await client.data(MAIL))
            last = answers[-1]
            passed = how.startswith("554") and stage not in ("connect", "EHLO")
            assert last[:3] in (("554", "503") if passed else ("421", "451", "503", "554")), answers
            assert passed or not any(answer.startswith("55") and "valid rec" not in answer for answer in answers)
            assert hop.messages == []
            hop.rules.clear()
            w.door._service.pool._broken_until = 0.0
            assert (await (await w.client()).mail(MAIL)).startswith("250")
            assert len(hop.messages) == 1

    run(story())


def test_next_hop_lost_between_rcpt_and_data() -> None:
    async def story() -> None:
        async with world() as w:
            client = await w.client()
            await client.envelope("b@example.net")
            for writer in w.hop.writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)
            assert (await client.say("RCPT TO:<c@example.net>")).startswith("451 4.4.1")
            assert (await client.say("DATA")).startswith("451 4.4.1")
            assert (await client.mail(MAIL)).startswith("250")

    run(story())


def test_an_endless_reply_is_cut() -> None:
    async def story() -> None:
        async with world(Hop(greeting="220-" + "x" * 70_000)) as w:
            client = await w.client(greet=False)
            await client.reply()
            assert (await client.say("EHLO x")).startswith("421")

    run(story())


def test_smt_09_our_own_greeting_is_a_loop() -> None:
    """SMT-09: a next hop that greets with our instance id is ourselves."""

    async def story() -> None:
        async with world(Hop(greeting=f"220 gw ESMTP smime-gateway {INSTANCE}")) as w:
            client = await w.client(greet=False)
            await client.reply()
            assert (await client.say("EHLO x")).startswith("554 5.4.6")
            client = await w.client(greet=False)
            await client.reply()
            await client.say("HELO x")
            assert (await client.say("MAIL FROM:<a@b.c>")).startswith("554 5.4.6")

    run(story())


def test_a_door_before_itself_is_a_loop() -> None:
    """SMT-09: the next hop is the door itself."""

    async def story() -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        async with world(port=port, next_hop={"port": port}) as w:
            assert w.door.port == port
            client = await w.client(greet=False)
            await client.reply()
            assert (await client.say("EHLO x")).startswith("554 5.4.6")

    run(story())


def test_next_hop_that_knows_only_helo() -> None:
    async def story() -> None:
        async with world(Hop(rules=[Rule("EHLO", "502 5.5.1 what")])) as w:
            client = await w.client()
            assert "250-PIPELINING" in await client.ehlo()
            assert (await client.mail(MAIL)).startswith("250")
            assert "HELO gw.example.org" in w.hop.log

    run(story())


# -- TLS towards the next hop -------------------------------------------------------------------------------------


def secure(files: Files, **more: Any) -> Hop:
    return Hop(keywords=(*KEYWORDS, "STARTTLS"), tls=files.server, **more)


@pytest.mark.parametrize("mode", [HopTls.MAY, HopTls.VERIFY])
def test_smt_06_start_tls(files: Files, mode: HopTls) -> None:
    """SMT-06: EHLO is said again under TLS; what was said before is forgotten."""

    async def story() -> None:
        hop = {"host": "localhost", "tls": mode, "ca": files.ca}
        async with world(secure(files), next_hop=hop) as w:
            client = await w.client()
            assert not any("STARTTLS" in line for line in await client.ehlo())
            assert (await client.mail(MAIL)).startswith("250")
            assert w.hop.log[:3] == ["EHLO gw.example.org", "STARTTLS", "EHLO gw.example.org"]

    run(story())


@pytest.mark.parametrize(
    ("how", "hop"),
    [
        ("name", {"host": "127.0.0.1"}),
        ("issuer", {"host": "localhost", "ca": None}),
        ("stripped", {"host": "localhost"}),
        ("refused", {"host": "localhost"}),
    ],
)
def test_smt_06_verify_goes_on_with_nothing_less(files: Files, how: str, hop: dict[str, Any]) -> None:
    """SMT-06: wrong name, unknown issuer, STARTTLS stripped or refused: no mail, and no fallback to clear text."""
    made = secure(files)
    if how == "stripped":
        made.keywords = KEYWORDS
        made.rules.append(Rule("STARTTLS", "502 5.5.1 what"))
    if how == "refused":
        made.rules.append(Rule("STARTTLS", "454 4.7.0 not now"))

    async def story() -> None:
        async with world(made, next_hop={"tls": HopTls.VERIFY, "ca": files.ca} | hop, limits=HASTY) as w:
            client = await w.client(greet=False)
            await client.reply()
            assert (await client.say("EHLO x")).startswith("421 4.4.1")
            assert not any(line.startswith("MAIL") for line in w.hop.log)

    run(story())


def test_may_takes_any_certificate_and_goes_without(files: Files) -> None:
    async def story() -> None:
        for hop in (secure(files), Hop()):
            async with world(hop, next_hop={"tls": HopTls.MAY}) as w:
                assert (await (await w.client()).mail(MAIL)).startswith("250")
                assert ("STARTTLS" in w.hop.log) == (hop.tls is not None)

    run(story())


@pytest.mark.parametrize("injected", [b"\r\n250 injected", b"\r\n250-half"])
def test_smt_03_replies_injected_before_tls(files: Files, injected: bytes) -> None:
    """SMT-03: bytes behind the 220 of STARTTLS break the connection off."""

    async def story() -> None:
        hop = secure(files, behind_starttls=injected)
        async with world(hop, next_hop={"host": "localhost", "tls": HopTls.VERIFY, "ca": files.ca}, limits=HASTY) as w:
            client = await w.client(greet=False)
            await client.reply()
            assert (await client.say("EHLO x")).startswith("421 4.4.1")
            assert w.hop.log == ["EHLO gw.example.org", "STARTTLS"]

    run(story())


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "X LOGIN PLAIN"])
def test_login_at_the_next_hop(mechanism: str) -> None:
    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, f"AUTH {mechanism}"), logins={"gate": "pässword"})
        async with world(hop, next_hop={"credentials": Credentials("gate", "pässword")}) as w:
            client = await w.client()
            assert not any("AUTH" in line for line in await client.ehlo())
            assert (await client.mail(MAIL)).startswith("250")

    run(story())


def test_login_refused_by_the_next_hop_defers() -> None:
    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, "AUTH PLAIN"), logins={"gate": "right"})
        async with world(hop, next_hop={"credentials": Credentials("gate", "wrong")}) as w:
            client = await w.client(greet=False)
            await client.reply()
            answer = await client.say("EHLO x")
            assert answer.startswith("421") and "wrong" not in answer

    run(story())


def test_a_password_is_not_sent_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.smtp.connection.Connection.private", False)

    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, "AUTH PLAIN"), logins={"gate": "right"})
        async with world(hop, next_hop={"credentials": Credentials("gate", "right")}) as w:
            client = await w.client(greet=False)
            await client.reply()
            assert (await client.say("EHLO x")).startswith("421")
            assert not any(line.startswith("AUTH") for line in w.hop.log)

    run(story())


def test_a_copy_whose_next_hop_cannot_be_reached_defers_all() -> None:
    async def story() -> None:
        hop = Hop()
        async with world(hop, process=split, limits=HASTY) as w:
            client = await w.client()
            await client.envelope("b@example.net", "c@example.net")
            hop.rules.append(Rule("connect", "421 4.3.2 full", times=1))
            assert (await client.data(MAIL)).startswith("451 4.4.1")
            assert hop.messages == []
            assert (await client.mail(MAIL, "b@example.net", "c@example.net")).startswith("250")

    run(story())


def test_a_reply_inside_the_content_is_not_lost() -> None:
    """A next hop that breaks off in the middle may say why; that is the client's reply."""

    writers: list[asyncio.StreamWriter] = []

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(b"220 x\r\n")
        while (line := await reader.readline()) != b"DATA\r\n":
            writer.write(b"250 ok\r\n" if line else b"")
            if not line:
                return
        writer.write(b"354 go\r\n")
        await reader.read(1000)
        writer.write(b"552 5.3.4 too much\r\n")
        await writer.drain()
        writer.write_eof()

    async def story() -> None:
        server = await asyncio.start_server(impatient, "127.0.0.1", 0, limit=1000)
        async with world(next_hop={"port": server.sockets[0].getsockname()[1]}) as w:
            client = await w.client()
            await client.envelope("b@example.net")
            assert await client.data((b"x" * 998 + b"\r\n") * 20_000) == "552 5.3.4 too much"
        server.close()
        for writer in writers:
            writer.transport.abort()

    run(story())
