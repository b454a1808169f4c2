"""What the engine asks of the world, as protocols. ``store`` implements them; tests use it, or a dictionary."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.cms.identity import Identity
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding as Holding
from gateway.pki.key import PrivateKey
from gateway.pki.path import CertificatePath
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.policy.rule import ReplyRule


class Certificates(Protocol):
    """The stored certificates."""

    def find(self, addresses: Iterable[str], at: datetime) -> Mapping[str, Sequence[Holding]]:
        """Return, for each address asked for, every leaf that may hold it (``mail.address.index_key`` on both sides),
        with what the store's evidence says against it at ``at``.

        One round trip for all addresses. An address without any certificate maps to an empty sequence.
        Raises ``Fault`` when the store cannot be asked.
        """

    def chain(self, certificate: Certificate) -> Sequence[Certificate]:
        """Return the stored CA certificates above ``certificate``, nearest first, self-signed ones left out."""


class SignatureEvidence(Protocol):
    """What the store knows that judges inbound mail. All methods raise ``Fault``."""

    def named(self, identities: Iterable[Identity]) -> Mapping[Identity, Sequence[Holding]]:
        """Return the stored certificates that each identity names; one round trip."""

    def trust(self, leaf: Certificate) -> TrustSnapshot:
        """Return whom an administrator trusts, as far as it matters for ``leaf``."""

    def revocation(self, leaf: Certificate) -> RevocationEvidence:
        """Return the stored evidence of revocation, as far as it matters for ``leaf``."""


class UnknownStatuses(Protocol):
    """Takes note of what is not known, for somebody to find it out. Never blocks and never fails."""

    def status(self, path: CertificatePath) -> None:
        """The revocation status of the first certificate of ``path`` is unknown; ``path`` holds, an anchor last."""


class Bugs(Protocol):
    """Hears of exceptions that cost no message."""

    def __call__(self, record_id: str, error: Exception) -> None:
        """A bug in opening the message of this record. Never fails."""


class OpenedMail(Protocol):
    """Mail that was opened, by the names an answer may give it (``mail.message_id``). All methods raise ``Fault``."""

    @property
    def empty(self) -> bool:
        """Whether nothing was ever opened, as known a moment ago; the one thing that is told without asking."""

    def remember(self, names: Iterable[str], author: str | None, setting: ReplyRule, at: datetime) -> None:
        """Note opened mail, its author, and the setting for answers to it; durable when this returns."""

    def answered(self, names: Iterable[str]) -> ReplyRule | None:
        """Return the strictest setting of the mail that was opened under any of these names; None: none was."""

    def sent_on(self, names: Iterable[str], author: str | None) -> ReplyRule | None:
        """Return the same of mail that this author wrote, under names that never came in plain."""


class Keys(Protocol):
    """The stored private keys."""

    def key(self, public_key_id: str) -> PrivateKey | None:
        """Return the key with that public key, unwrapped and kept in memory, or None. Raises ``Fault``."""


@dataclass(frozen=True, slots=True)
class Use:
    """A wrapped content key of an envelope that was opened (the octets of its ``encryptedKey``), and the hash of all
    that it opened. ``authenticated``: the content proves by itself that nobody changed it, under whatever key."""

    wrapped: bytes
    content: bytes
    authenticated: bool


class ContentKeys(Protocol):
    """What each wrapped content key opened first. All methods raise ``Fault``."""

    def other(self, uses: Sequence[Use]) -> str | None:
        """Return the id of the record under which one of these keys opened another content; None: none did.

        Not asked of a use that is authenticated.
        """

    def remember(self, uses: Sequence[Use], record: str, at: datetime) -> str | None:
        """Remember what was opened, durable when this returns; return as ``other``, and then nothing is remembered."""


class Failures(Protocol):
    """Decryptions that failed. All methods raise ``Fault``."""

    def count(self, key: str, at: datetime) -> int:
        """Return how often the key (a public key id) failed within the hour."""

    def note(self, key: str, at: datetime) -> None:
        """Count a failure."""


class Ledger(Protocol):
    """Remembers copies the next hop took in transactions whose client has not had our 250 (at-least-once, no repeats).

    ``digest`` is over the content below its leading trace fields. All methods raise ``Fault``.
    """

    def claim(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> frozenset[str]:
        """Return the recipients an earlier, failed transaction already served, and take their entries over.

        Entries of a transaction that is still running elsewhere are not returned: the same bytes sent twice on
        purpose are two mails.
        """

    def taken(self, digest: bytes, door: str, sender: str, recipients: Sequence[str]) -> None:
        """Note that the next hop took these recipients' copy; durable when this returns."""

    def release(self, digest: bytes, door: str, sender: str) -> None:
        """The client got no 250: leave our entries for its next attempt."""

    def forget(self, digest: bytes, door: str, sender: str) -> None:
        """The client got its 250: drop our entries."""
