"""What goes into the engine and what comes out: Transaction, Delivery, Outcome. Each is made once and frozen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from gateway.engine.finding import NOTHING, Finding
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.certificate import Certificate
from gateway.pki.need import Need
from gateway.pki.path import CertificatePath
from gateway.policy.rule import ReplyRule
from gateway.reason import Reason
from gateway.reply import Reply

Octets = bytes | bytearray


class Direction(StrEnum):
    """Set by the door, by nothing else."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class FrontEnd(StrEnum):
    """How a message came to us."""

    SMTP = "smtp"
    MILTER = "milter"
    CLI = "cli"


class Verdict(StrEnum):
    """What became of a message."""

    RELAY = "relay"
    REJECT = "reject"
    DEFER = "defer"


@dataclass(frozen=True, slots=True)
class Client:
    """The submitting client: IP address, login it authenticated as, and what XFORWARD needs of it."""

    address: str | None = None
    login: str | None = None
    helo: str | None = None
    protocol: str = "ESMTP"
    xforward: tuple[tuple[str, str], ...] = ()
    """The attributes the client forwarded itself, in order; empty: none."""

    @property
    def queue_id(self) -> str | None:
        """The upstream queue id (XFORWARD IDENT), where it was told."""
        return self._told("IDENT")

    @property
    def origin(self) -> str | None:
        """Where the message came from, for people to read: the address that was forwarded, else the client's own."""
        return (self._told("ADDR") or self.address or "").removeprefix("IPV6:") or None

    def _told(self, attribute: str) -> str | None:
        value = dict(self.xforward).get(attribute)
        return None if value == "[UNAVAILABLE]" else value


@dataclass(frozen=True, slots=True)
class Transaction:
    """One message as received. ``content`` has CRLF line ends, dot-stuffing removed; ``received_at`` is aware (UTC)."""

    id: str
    direction: Direction
    front_end: FrontEnd
    door: str
    client: Client
    envelope: Envelope
    content: bytes
    received_at: datetime
    can_split: bool = True
    size: int | None = None
    """Bytes that came, where the content was not kept because it is refused; None: those of ``content``."""
    retry_of: str | None = None
    """The record of the message's arrival, where this is another attempt at one that was held."""
    arrived_at: datetime | None = None
    """When it arrived, then."""
    may_open: bool = True
    """Whether a private key may be used now; else what needs one stays closed, and is held."""
    asked: bool = False
    """An administrator asked for that attempt, knowing that a content key of the message opened something else."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One copy for the next hop, its content ready or, of many, made when its turn comes (``ready``)."""

    recipients: tuple[Recipient, ...]
    content: Octets = b""
    signed: bool = False
    encrypted: bool = False
    opened: bool = False
    """Holds what was inside an envelope or a signature when it came: a bounce must not quote it."""
    key_used: bool = False
    """A private key of ours was used on it, or might have been: the sender may hear nothing that depends on the result,
    whether it opened or not."""
    as_it_came: "Callable[[], Delivery] | None" = None
    """Makes the copy that goes to these recipients where the next hop refuses this one's content; None: no other.
    Raises ``Fault``."""
    recode: Callable[[Octets], Octets] | None = None
    """Makes the content fit for a next hop without 8BITMIME; None: it is relayed as it is, whatever that offers."""
    seal: Callable[[], Octets] | None = None
    """Makes the content; None: it is there. Eighty copies of a large message need not be in memory at once."""

    def ready(self) -> "Delivery":
        """Return the copy with its content. Takes CPU time where it has to be made; raises ``Fault`` then."""
        return self if self.seal is None else replace(self, content=self.seal(), seal=None)

    @property
    def needs_8bit(self) -> bool:
        """Whether a next hop without 8BITMIME gets it in another form (RFC 6152 §3)."""
        return self.recode is not None and not self.content.isascii()

    def in_7bit(self) -> "Delivery":
        """Return the copy in that form, itself where there is none. Takes CPU time."""
        return self if self.recode is None else replace(self, content=self.recode(self.content), recode=None)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a message that was delivered as it came should be tried again, and what would help."""

    reason: Reason
    needs: frozenset[Need]
    unreadable: bool
    judged_under: int = 0
    """The store's generation before the message was judged; filled in by who knows the store. 0: not known."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A certificate to which ``address`` may be answered encrypted, shown by a signature that holds.

    ``capabilities``: what its owner announced to open (``cms.signed.Verified``). ``intermediates``: between it and
    its anchor, nearest first; they are not trusted.
    """

    address: str
    certificate: Certificate
    capabilities: tuple[str, ...] = ()
    intermediates: CertificatePath = ()


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """A mail that was opened, by the names an answer may give it (``mail.message_id``), and the setting for answers."""

    names: frozenset[str]
    author: str | None
    setting: ReplyRule


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the engine decided and made: deliveries to hand over, or the reply that refuses or defers the message.

    Who runs it keeps, remembers and learns what is to be kept (``hold``), remembered and learned.
    """

    verdict: Verdict
    reply: Reply | None = None
    deliveries: tuple[Delivery, ...] = ()
    hold: Hold | None = None
    learn: Lesson | None = None
    remember: OpenedMail | None = None
    """Before anybody can read what was opened: an answer may come at once (row DEC-13)."""
    unknown: tuple[CertificatePath, ...] = ()
    """Paths of whose first certificate the revocation status is to be found out."""
    bug: Exception | None = None
    """What kept the message from being looked into; it is delivered as it came."""
    held: str | None = None
    """The id under which a message that was withheld is kept."""
    finding: Finding = NOTHING
    """What the record says of the message."""

    @property
    def withheld(self) -> bool:
        """Whether the message is taken, with ``reply``, and kept (``hold``), and goes to nobody."""
        return self.verdict is Verdict.RELAY and self.reply is not None and not self.deliveries


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the next hop said to one delivery; ``reply`` is None for a copy that was never offered."""

    delivery: Delivery
    next_hop: str | None
    reply: Reply | None
    size: int = 0
    """Bytes as offered, before dot-stuffing; 0 for what never was."""
