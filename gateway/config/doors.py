"""The doors by which mail comes: SMTP listeners and milter sockets, with the next hop behind each listener."""

from typing import Literal

from gateway.config.kinds import (
    Authentication,
    Client,
    FileMode,
    FilePath,
    Listen,
    MilterSocket,
    Name,
    Words,
)
from gateway.config.section import Section, default, required
from gateway.engine.transaction import Direction

LOOPBACK = ["127.0.0.0/8", "::1/128"]
DOORS = [
    {"name": "outbound", "direction": "outbound", "listen": "127.0.0.1:10025", "next_hop": "127.0.0.1:10026"},
    {"name": "inbound", "direction": "inbound", "listen": "127.0.0.1:10024", "next_hop": "127.0.0.1:10027"},
]


class Tls(Section):
    """TLS towards the clients of a listener."""

    mode: Literal["none", "starttls", "implicit"] = default(
        "none", "none, starttls, or implicit (TLS from the first byte)"
    )
    certificate: FilePath | None = default(None, "PEM file: the server's certificate, then its chain")
    key: FilePath | None = default(None, "PEM file: the private key, without a passphrase, not readable by others")


class NextHopAuth(Section):
    """The gateway's own login at a next hop."""

    user: Words = required("login name")
    password_file: FilePath = required("file with the password in its first line, not readable by others")


class Listener(Section):
    """One SMTP door. Its direction is the direction of all mail that comes through it."""

    name: Name = required("name of the door in records, logs and metrics")
    direction: Direction = required("outbound: sign and encrypt; inbound: open and judge")
    listen: Listen = required("address and port to listen on")
    next_hop: Listen = required("mail server that takes the mail, address and port")
    clients: tuple[Client, ...] = default(LOOPBACK, "networks that may connect", min_length=1)
    tls: Tls = default({}, "TLS towards the clients")
    auth: Authentication = default("none", "who checks logins: none, next-hop, or file:PATH (argon2 hashes)")
    next_hop_tls: Literal["none", "may", "verify"] = default(
        "none", "TLS to the next hop: none, may (where offered, unverified), verify (or the mail is deferred)"
    )
    next_hop_auth: NextHopAuth | None = default(None, "the gateway's own login at the next hop")


class Milter(Section):
    """One milter door."""

    name: Name = required("name of the door in records, logs and metrics")
    direction: Direction = required("outbound: sign and encrypt; inbound: open and judge")
    listen: MilterSocket = required("unix:PATH of the socket (inet:HOST:PORT on loopback is possible, and slow)")
    mode: FileMode = default("0660", "permissions of the socket, octal")
