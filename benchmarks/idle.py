"""What a client costs that is connected and silent: a thousand of them at the gateway, after EHLO.

Ours is what the workers' resident sets grow by. Postfix gives every client a process; theirs is what one of them takes
by itself (PSS). With all thousand there, one more client must have its mail taken. A few come and go before, so that
what everyone shares is there already.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.ground import NOBODY, Ground
from benchmarks.load import send
from benchmarks.process import memory_of, share_of
from benchmarks.ratio import Aim, NotMeasured, Row, Sides

CLIENTS = 1000
CLIENTS_QUICK = 200
POSTFIX_CLIENTS = 30
ROOM = 4 * CLIENTS
"""``limits.connections``, which the workers share in equal parts; the kernel deals clients out by chance."""


def _sides(ground: Ground) -> Sides:
    clients = CLIENTS_QUICK if ground.quick else CLIENTS
    gateway, postfix = ground.with_workers(2, limits={"connections": ROOM}), ground.postfix
    source = ("-F", str(ground.mail(NOBODY)))

    def resident() -> float:
        return sum(memory_of(worker, "VmRSS") for worker in gateway.workers())

    def ours() -> float:
        with _silent(gateway.port, clients):
            grown = resident() - before
            send(gateway.port, 1, NOBODY, *source, sessions=1)
        return grown / clients

    def theirs() -> float:
        with _silent(postfix.relaying, POSTFIX_CLIENTS):
            daemons = postfix.processes("smtpd")
            return sum(map(share_of, daemons)) / len(daemons)

    send(gateway.port, 200, NOBODY, *source)
    before = resident()  # memory once taken stays with the process, so later rounds look back to here too
    return Sides(ours, theirs)


@contextmanager
def _silent(port: int, number: int) -> Iterator[None]:
    """Have clients connected that said EHLO and wait. Raises ``NotMeasured`` where one is turned away."""
    clients = []
    try:
        for _ in range(number):
            client = socket.create_connection(("127.0.0.1", port), timeout=10)
            clients.append(client)
            client.recv(1000)
            client.sendall(b"EHLO helpdesk.example.org\r\n")
            if not client.recv(4000).startswith(b"250"):
                raise NotMeasured(f"client {len(clients)} was turned away")
        yield
    except OSError as error:
        raise NotMeasured(f"client {len(clients)} was not served: {error}") from error
    finally:
        for client in clients:
            client.close()


ROWS = (
    Row(
        name="idle",
        ours="gateway, memory per idle connection, 1,000 of them",
        theirs="one smtpd of Postfix (PSS)",
        aim=Aim(0.1, at_most=True),
        show=lambda size: f"{size / 1e3:.1f} kB",
        build=_sides,
    ),
)
