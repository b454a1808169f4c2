"""What the two stories have to know, beside ``policy.wants``; who answers is no matter of theirs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.cms.identity import Identity
from gateway.engine.transaction import Delivery
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.key import PrivateKey
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.policy.rule import ReplyRule
from gateway.story import Story, Want


@dataclass(frozen=True, slots=True)
class KeyOf(Want[PrivateKey | None]):
    """The private key with that public key, or None."""

    public_key_id: str


@dataclass(frozen=True, slots=True)
class ChainOf(Want[Sequence[Certificate]]):
    """The stored CA certificates above one, nearest first, self-signed ones left out."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class NamedBy(Want[Mapping[Identity, Sequence[Holding]]]):
    """The stored certificates that each identity names."""

    identities: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class EvidenceOn(Want[tuple[TrustSnapshot, RevocationEvidence]]):
    """Whom an administrator trusts, and what is known of revocation, as far as it matters for a leaf."""

    leaf: Certificate


@dataclass(frozen=True, slots=True)
class FailuresOf(Want[int]):
    """How often a key (its public key id) failed to decrypt within the hour before ``at``."""

    public_key_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed(Want[None]):
    """Nothing: a key (its public key id) has just failed to decrypt, and from now on that counts (where anything is
    remembered), durably, whatever becomes of the message."""

    public_key_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Use:
    """A wrapped content key of an envelope that was opened (the octets of its ``encryptedKey``), and the hash of all
    that it opened. ``authenticated``: the content proves by itself that nobody changed it, under whatever key."""

    wrapped: bytes
    content: bytes
    authenticated: bool


@dataclass(frozen=True, slots=True)
class EarlierUse(Want[str | None]):
    """The id of the record under which one of these keys opened another content; None: none did, and from now on that
    is known of them (where anything is remembered), durably.

    Not asked of a use that is authenticated.
    """

    uses: tuple[Use, ...]
    record: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnyOpened(Want[bool]):
    """Whether any mail was ever opened."""


@dataclass(frozen=True, slots=True)
class OpenedUnder(Want[ReplyRule | None]):
    """The strictest setting of the mail that was opened under any of these names (``mail.message_id``); None: none."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class SentOnUnder(Want[ReplyRule | None]):
    """The same of mail that this author wrote, under names that never came in plain."""

    names: frozenset[str]
    author: str | None


@dataclass(frozen=True, slots=True)
class Withdrawals(Want[int]):
    """How often trust, a certificate or a key was withdrawn so far."""


@dataclass(frozen=True, slots=True)
class Later(Want[Callable[[], Delivery]]):
    """A way to have ``story`` told later, or never: by who hands over, if it needs that copy. It raises ``Fault``."""

    story: Callable[[], Story[Delivery]]
