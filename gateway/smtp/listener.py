"""Opens a door: the listening socket with its sessions, and its closing (row REL-06).

Several processes may open the same door (SO_REUSEPORT); the kernel spreads the clients over them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.engine.ports import Ledger
from gateway.smtp.budget import Budget
from gateway.smtp.content import Room
from gateway.smtp.credentials import Logins
from gateway.smtp.door import Door, Limits, TlsMode
from gateway.smtp.ledger_session import Holds, LedgerAccess
from gateway.smtp.next_hop import Pool
from gateway.smtp.server import MailSession
from gateway.smtp.service import Process, Report, Service
from gateway.smtp.tls import server_context

BACKLOG = 1024


class OpenDoor:
    """A door that takes mail."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: asyncio.Server
        self.port = service.door.port
        """The port it listens on; the system's choice where the door names 0."""

    async def open(self) -> None:
        """Listen. Raises ``OSError`` where the address cannot be had."""
        door = self._service.door
        self._server = await asyncio.get_running_loop().create_server(
            lambda: MailSession(self._service),
            door.host,
            door.port,
            ssl=self._service.tls if door.tls is TlsMode.IMPLICIT else None,
            backlog=BACKLOG,
            reuse_port=True,
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    def renewed(self, door: Door, limits: Limits, hostname: str, copies: Budget) -> Service:
        """Return what new clients may meet after ``change``: other limits, logins, next-hop login or certificate.

        Where it listens and how stays. Raises ``OSError`` where the certificate cannot be read.
        """
        old = self._service
        server_context(door)
        same_hop = (door.next_hop, hostname) == (old.door.next_hop, old.hostname)
        pool = old.pool if same_hop else Pool(door.next_hop, limits.timeouts, hostname, old.instance)
        logins = Logins(door.users)
        return replace(old, door=door, limits=limits, hostname=hostname, copies=copies, pool=pool, logins=logins)

    def change(self, service: Service) -> None:
        """Let new clients meet ``service``; sessions that are open end as they began. Raises ``OSError``."""
        old, door = self._service, service.door
        if service.tls is not None and door.certificate is not None:
            service.tls.load_cert_chain(door.certificate, door.key)
        self._service = service
        if service.pool is not old.pool:
            old.pool.close()  # open sessions may use it still; it keeps nothing any more

    @property
    def door(self) -> Door:
        """Its options as new clients meet them."""
        return self._service.door

    @property
    def sessions(self) -> int:
        """The clients connected now."""
        return len(self._service.sessions)

    @property
    def next_hop_up(self) -> bool | None:
        """Whether the next hop could be reached at the last attempt; None before the first."""
        return self._service.pool.up

    async def drain(self, seconds: float) -> None:
        """Take no new client, end idle sessions with 421, give running transactions that long, then close."""
        self._shut()
        for session in list(self._service.sessions):
            session.drain()
        await self._all_ended(seconds)
        await self.close()

    async def close(self) -> None:
        """Stop at once; what was not answered with 250 is the client's still."""
        self._shut()
        for session in list(self._service.sessions):
            session.stop()
        await self._all_ended(None)
        self._service.pool.close()

    def _shut(self) -> None:
        # A client accepted a moment ago is on no list yet; the flag turns it away.
        self._service.closing = True
        self._server.close()

    async def _all_ended(self, seconds: float | None) -> None:
        waits = [asyncio.ensure_future(session.ended()) for session in self._service.sessions]
        if waits:
            await asyncio.wait(waits, timeout=seconds)
        for wait in waits:
            wait.cancel()


async def open_door(
    door: Door,
    limits: Limits,
    *,
    hostname: str,
    instance: str,
    process: Process,
    report: Report,
    ledger: Ledger,
    waiting: Callable[[], bool],
    holds: Holds = lambda _: True,
    new_id: Callable[[], str],
    now: Callable[[], datetime],
    copies: Budget | None = None,
    room: Room | None = None,
) -> OpenDoor:
    """Listen at a door and serve every client that comes.

    ``instance`` names this gateway, all of its processes alike: a next hop that greets with it is ourselves.
    ``copies`` is what this process may prepare at once, ``room`` what it may hold, over all its doors; None: this door
    for itself.
    ``waiting`` says whether the ledger holds any entry; it is called in a thread, at most once a second. ``holds``:
    whether what was claimed in it is still this gateway's.
    Raises ``OSError`` where the address cannot be had or the certificate cannot be read.
    """
    tls = server_context(door)
    service = Service(
        door=door,
        limits=limits,
        hostname=hostname,
        instance=instance,
        pool=Pool(door.next_hop, limits.timeouts, hostname, instance),
        books=LedgerAccess(ledger, waiting, holds),
        copies=copies or Budget(limits.copies),
        room=room or Room(limits.room),
        process=process,
        report=report,
        new_id=new_id,
        now=now,
        tls=tls,
        logins=Logins(door.users),
    )
    opened = OpenDoor(service)
    await opened.open()
    return opened
