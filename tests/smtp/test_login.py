"""TLS and AUTH on the listener (rows SMT-03, SMT-05)."""

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from argon2 import PasswordHasher

from gateway.smtp.door import Auth, TlsMode
from tests.smtp.conftest import Files
from tests.smtp.fakes import KEYWORDS, Client, Hop, Rule, run, split, world

MAIL = b"Subject: x\r\n\r\nText\r\n"
USERS = {"zoe": PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("geheim-ß")}


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def door(files: Files, mode: TlsMode, **more: Any) -> dict[str, Any]:
    return {"tls": mode, "certificate": files.certificate, "key": files.key, **more}


async def upgrade(client: Client, files: Files) -> None:
    assert (await client.say("STARTTLS")).startswith("220")
    await client.writer.start_tls(files.client, server_hostname="localhost")


def test_start_tls_begins_anew(files: Files) -> None:
    async def story() -> None:
        async with world(**door(files, TlsMode.STARTTLS)) as w:
            client = await w.client()
            assert any(line.endswith("STARTTLS") for line in await client.ehlo())
            await client.say("XFORWARD NAME=x IDENT=plain")
            await client.envelope("b@example.net")
            await upgrade(client, files)
            assert (await client.say("MAIL FROM:<a@b.c>")).startswith("503")
            assert not any("STARTTLS" in line for line in await client.ehlo())
            assert (await client.say("RCPT TO:<b@example.net>")).startswith("503")
            assert (await client.say("STARTTLS")).startswith("502")
            assert (await client.mail(MAIL)).startswith("250")
            assert w.reports[0].transaction.client.xforward == ()
            assert w.reports[0].transaction.client.protocol == "ESMTPS"

    run(story())


@pytest.mark.parametrize("injected", [b"MAIL FROM:<evil@x.org>\r\n", b"EHLO x\r\nAUTH PLAIN AAAA\r\n", b"N"])
def test_smt_03_commands_injected_before_tls(files: Files, injected: bytes) -> None:
    """SMT-03: what stands behind STARTTLS in the same packet ends the session; nothing of it is carried out."""

    async def story() -> None:
        async with world(**door(files, TlsMode.STARTTLS)) as w:
            client = await w.client()
            await client.send(b"STARTTLS\r\n" + injected)
            assert (await client.reply()).startswith("554")
            assert await client.rest() == b""
            assert not any("evil" in line for line in w.hop.log)

    run(story())


def test_failed_handshake_ends_the_session(files: Files) -> None:
    async def story() -> None:
        async with world(**door(files, TlsMode.STARTTLS)) as w:
            client = await w.client()
            await client.say("STARTTLS")
            await client.send(b"NOOP\r\nthis is no handshake\r\n")
            await client.rest()
            while w.door.sessions:
                await asyncio.sleep(0.01)
            assert (await (await w.client()).mail(MAIL)).startswith("250")

    run(story())


def test_implicit_tls(files: Files) -> None:
    async def story() -> None:
        async with world(**door(files, TlsMode.IMPLICIT)) as w:
            client = await w.client(tls=files.client, host="localhost")
            assert not any("STARTTLS" in line for line in await client.ehlo())
            await client.envelope("b@example.net")
            content = b"y" * 76 + b"\r\n"
            assert (await client.data(content * 20_000)).startswith("250")
            assert w.hop.messages[0].content == content * 20_000

    run(story())


@pytest.mark.parametrize("mode", [TlsMode.NONE, TlsMode.STARTTLS])
@pytest.mark.parametrize("way", ["PLAIN", "PLAIN later", "LOGIN", "LOGIN initial", "plain"])
def test_login_from_a_file(files: Files, mode: TlsMode, way: str) -> None:
    """Over TLS or on loopback; without a login there is no mail."""

    async def story() -> None:
        async with world(**door(files, mode, auth=Auth.FILE, users=USERS)) as w:
            client = await w.client()
            if mode is TlsMode.STARTTLS:
                await upgrade(client, files)
            assert any(line.endswith("AUTH PLAIN LOGIN") for line in await client.ehlo())
            for line in ("MAIL FROM:<a@b.c>", "XFORWARD NAME=x"):
                assert (await client.say(line)).startswith("530 5.7.0")
            plain = b64("\0zoe\0geheim-ß")
            steps = {
                "PLAIN": [f"AUTH PLAIN {plain}"],
                "plain": [f"auth plain {plain}"],
                "PLAIN later": ["AUTH PLAIN", plain],
                "LOGIN": ["AUTH LOGIN", b64("zoe"), b64("geheim-ß")],
                "LOGIN initial": [f"AUTH LOGIN {b64('zoe')}", b64("geheim-ß")],
            }[way]
            answers = [await client.say(step) for step in steps]
            assert answers[-1].startswith("235 2.7.0")
            assert all(answer.startswith("334 ") for answer in answers[:-1])
            assert (await client.say(steps[0])).startswith("503")
            assert (await client.say("MAIL FROM:<a@example.org> AUTH=<>")).startswith("250")
            assert w.hop.log[-1] == "MAIL FROM:<a@example.org>"
            await client.say("RSET")
            assert (await client.mail(MAIL)).startswith("250")
            told = w.reports[0].transaction.client
            assert (told.login, told.protocol) == ("zoe", "ESMTPSA" if mode is TlsMode.STARTTLS else "ESMTPA")

    run(story())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"AUTH PLAIN {b64(chr(0) + 'zoe' + chr(0) + 'wrong')}", "535 5.7.8"),
        (f"AUTH PLAIN {b64(chr(0) + 'nobody' + chr(0) + 'geheim-ß')}", "535 5.7.8"),
        (f"AUTH PLAIN {b64('root' + chr(0) + 'zoe' + chr(0) + 'geheim-ß')}", "501 5.5.2"),
        (f"AUTH PLAIN {b64('zoe')}", "501 5.5.2"),
        ("AUTH PLAIN !!!", "501 5.5.2"),
        ("AUTH PLAIN =", "501 5.5.2"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH", "504 5.5.4"),
        ("AUTH PLAIN\r\n*", "334 "),
    ],
)
def test_logins_that_fail(line: str, code: str) -> None:
    async def story() -> None:
        async with world(auth=Auth.FILE, users=USERS) as w:
            client = await w.client()
            assert (await client.say(line)).startswith(code)
            if "*" in line:
                assert (await client.reply()).startswith("501 5.7.0")
            assert (await client.say("MAIL FROM:<a@b.c>")).startswith("530")

    run(story())


def test_no_password_over_an_open_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipaddress.IPv4Address.is_loopback", False)

    async def story() -> None:
        async with world(auth=Auth.FILE, users=USERS) as w:
            client = await w.client()
            assert not any("AUTH" in line for line in await client.ehlo())
            assert (await client.say("AUTH PLAIN AAAA")).startswith("538 5.7.11")

    run(story())


def test_login_checked_by_the_next_hop() -> None:
    """The client's own connection there: its mail, every copy of it, leaves under its login and no other mail does."""

    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, "AUTH PLAIN"), logins={"zoe": "geheim", "max": "auch"})
        async with world(hop, process=split, auth=Auth.NEXT_HOP) as w:
            zoe, other = await w.client(), await w.client()
            assert any(line.endswith("AUTH PLAIN LOGIN") for line in await zoe.ehlo())
            assert (
                await zoe.say(f"AUTH PLAIN {b64(chr(0) + 'zoe' + chr(0) + 'falsch')}") == "535 5.7.8 Not with this hop"
            )
            assert (await zoe.say(f"AUTH PLAIN {b64(chr(0) + 'zoe' + chr(0) + 'geheim')}")).startswith("235")
            await other.say("AUTH LOGIN")
            await other.say(b64("max"))
            assert (await other.say(b64("auch"))).startswith("235")
            assert (await zoe.mail(MAIL, "b@example.net")).startswith("250")
            assert (await zoe.mail(MAIL, "b@example.net", "c@example.net")).startswith("250")
            assert (await other.mail(MAIL)).startswith("250")
            assert w.reports[0].transaction.client.login == "zoe"
            logins = [line for line in hop.log if line.startswith("AUTH")]
            assert logins.count(f"AUTH PLAIN {b64(chr(0) + 'zoe' + chr(0) + 'geheim')}") == 2
            before = hop.open
            await zoe.say("QUIT")
            while hop.open > before - 2:
                await asyncio.sleep(0.01)

    run(story())


def test_a_nul_in_a_login_does_not_become_another_login() -> None:
    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, "AUTH PLAIN"), logins={"zoe": "geheim"})
        async with world(hop, auth=Auth.NEXT_HOP) as w:
            client = await w.client()
            await client.say("AUTH LOGIN")
            await client.say(b64("zoe\0geheim"))
            assert (await client.say(b64("x"))).startswith("501")
            assert not any(line.startswith("AUTH") for line in hop.log)

    run(story())


def test_next_hop_away_at_login() -> None:
    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, "AUTH PLAIN"))
        async with world(hop, auth=Auth.NEXT_HOP) as w:
            client = await w.client()
            hop.rules.append(Rule("connect", "close"))
            assert (await client.say(f"AUTH PLAIN {b64(chr(0) + 'a' + chr(0) + 'b')}")).startswith("454")

    run(story())
