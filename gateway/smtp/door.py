"""The options of a door: where it listens, whom it serves, where its mail goes, and what it may cost.

Plain values; the wiring fills them from the configuration. The door decides the direction, nothing else does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from gateway.engine.transaction import Direction

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class TlsMode(StrEnum):
    """How a listener speaks TLS."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class HopTls(StrEnum):
    """How much TLS the next hop must speak: ``may`` takes what is offered, ``verify`` goes on with nothing less."""

    NONE = "none"
    MAY = "may"
    VERIFY = "verify"


class Auth(StrEnum):
    """Who checks a client's credentials: nobody, the next hop, or a file of Argon2 hashes."""

    NONE = "none"
    NEXT_HOP = "next-hop"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A login and its password; the password never shows in a ``repr``."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where mail goes. ``ca`` is a PEM file of trusted issuers for ``verify``; None: those of the system."""

    host: str
    port: int
    tls: HopTls = HopTls.NONE
    ca: Path | None = None
    credentials: Credentials | None = None

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Door:
    """One listener. ``users`` maps logins to Argon2 hashes and counts where ``auth`` is ``file``."""

    name: str
    direction: Direction
    host: str
    port: int
    next_hop: NextHop
    clients: tuple[Network, ...]
    tls: TlsMode = TlsMode.NONE
    certificate: Path | None = None
    key: Path | None = None
    auth: Auth = Auth.NONE
    users: Mapping[str, str] = field(default_factory=dict, repr=False)

    def serves(self, address: Address) -> bool:
        """Whether a client with this address may speak to us at all."""
        return any(address in network for network in self.clients)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. The first three are the client's (RFC 5321 §4.5.3.2), the others the next hop's.

    ``command``: one whole command line. ``block``: silence inside DATA. ``content``: DATA in all.
    ``final``: the next hop's answer to the final dot. ``idle``: how long an unused connection is kept.
    """

    command: float = 300
    block: float = 180
    content: float = 3600
    connect: float = 10
    reply: float = 120
    final: float = 600
    idle: float = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """What a door may cost. Sizes in bytes; connections are those of this process."""

    message_size: int = 50_000_000
    room: int = 16 * 50_000_000
    """Bytes of all messages that this process holds at once."""
    connections: int = 200
    connections_per_client: int = 50
    """Not counted for clients on loopback."""
    copies: int = 16
    """Next-hop transactions prepared at once for one message."""
    recipients: int = 1000
    commands: int = 100
    """Commands a client may spend without bringing a message or an accepted recipient."""
    timeouts: Timeouts = field(default_factory=Timeouts)


def client_address(text: str) -> Address:
    """Return a peer's address; an IPv4 address mapped into IPv6 counts as IPv4, a zone index is dropped."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
