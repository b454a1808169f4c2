"""A door under new options: clients that come meet them, sessions that are open end as they began (row REL-07)."""

import asyncio
import shutil
import ssl
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.smtp.budget import Budget
from gateway.smtp.door import Auth, Credentials, Door, Limits, TlsMode
from tests.smtp.conftest import Files, renewed_certificate
from tests.smtp.fakes import KEYWORDS, QUICK, Client, Hop, World, run, world

MAIL = b"Subject: x\r\n\r\nText\r\n"
LIMITS = Limits(timeouts=QUICK)


def hashed(password: str) -> str:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


def renew(w: World, door: Door | None = None, limits: Limits = LIMITS, hostname: str = "gw.example.org") -> None:
    w.door.change(w.door.renewed(door or w.door.door, limits, hostname, Budget(limits.copies)))


def test_limits_and_name_are_for_those_who_come(files: Files) -> None:
    async def story() -> None:
        async with world() as w:
            old = await w.client()
            renew(w, limits=replace(LIMITS, message_size=1000, connections=2), hostname="new.example.org")
            new = await w.client(greet=False)
            assert (await new.reply()).startswith("220 new.example.org")
            await new.ehlo()
            big = b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 1000
            assert (await old.mail(big)).startswith("250")
            assert (await new.mail(big)).startswith("552")
            third = await w.client(greet=False)
            assert (await third.reply()).startswith("421")

    run(story())


def test_logins_are_read_again() -> None:
    async def logs_in(client: Client, password: str) -> bool:
        word = b64encode(f"\0zoe\0{password}".encode()).decode()
        return (await client.say(f"AUTH PLAIN {word}")).startswith("235")

    async def story() -> None:
        async with world(auth=Auth.FILE, users={"zoe": hashed("old")}) as w:
            assert await logs_in(await w.client(), "old")
            renew(w, replace(w.door.door, users={"zoe": hashed("new")}))
            assert not await logs_in(await w.client(), "old")
            assert await logs_in(await w.client(), "new")

    run(story())


def test_the_gateways_own_login_is_read_again() -> None:
    """A new password at the next hop: new sessions use it, the kept connections under the old one are let go."""

    async def story() -> None:
        hop = Hop(keywords=(*KEYWORDS, "AUTH PLAIN"), logins={"gw": "old"})
        async with world(hop, next_hop={"credentials": Credentials("gw", "old")}) as w:
            old = await w.client()
            assert (await old.mail(MAIL)).startswith("250")
            hop.logins["gw"] = "new"
            door = w.door.door
            renew(w, replace(door, next_hop=replace(door.next_hop, credentials=Credentials("gw", "new"))))
            new = await w.client()
            assert (await new.mail(MAIL)).startswith("250")
            assert len(hop.messages) == 2

    run(story())


@pytest.mark.parametrize("mode", [TlsMode.IMPLICIT, TlsMode.STARTTLS])
def test_certificates_are_read_again(mode: TlsMode, files: Files, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    shutil.copy(files.certificate, certificate)
    shutil.copy(files.key, key)

    async def shown(w: World) -> bytes:
        """The certificate that a client meets who comes now."""
        if mode is TlsMode.IMPLICIT:
            client = await w.client(files.client, host="localhost", greet=False)
        else:
            client = await w.client()
            await client.say("STARTTLS")
            await client.writer.start_tls(files.client, server_hostname="localhost")
        found: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
        return found.getpeercert(binary_form=True) or b""

    async def story() -> None:
        async with world(tls=mode, certificate=certificate, key=key) as w:
            assert await shown(w) == der(certificate)
            renewed_certificate(files, certificate, key)
            renew(w)
            assert await shown(w) == der(certificate)
            certificate.write_text("no certificate")
            with pytest.raises(ssl.SSLError):
                w.door.renewed(w.door.door, LIMITS, "gw.example.org", Budget(1))
            assert await shown(w) != b""

    run(story())


def der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def test_a_renewed_door_drains_old_sessions_too() -> None:
    async def story() -> None:
        async with world() as w:
            old = await w.client()
            renew(w)
            new = await w.client()
            assert w.door.sessions == 2
            await asyncio.gather(w.door.drain(5), reads_421(old), reads_421(new))
            assert w.door.sessions == 0

    async def reads_421(client: Client) -> None:
        assert (await client.reply()).startswith("421")

    run(story())
