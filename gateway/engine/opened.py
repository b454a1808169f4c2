"""A message to be unwrapped, what became of it on the way, and when a key may be used for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from gateway.cms.identity import Identity
from gateway.engine.wants import Use
from gateway.errors import LimitExceeded
from gateway.mail.entity import Entity
from gateway.mail.header import Header
from gateway.pki.path import CertificatePath
from gateway.reason import Reason
from gateway.smime.finding import EncryptionFinding, Layer, SignatureFinding, Status
from gateway.smime.protected import Protected

OF_ANOTHER = frozenset({Reason.ADDRESS_MISMATCH, Reason.FROM_AMBIGUOUS})
"""What a signature says that is not the author's."""


class Access(Enum):
    """When a key is used that is entitled to some recipient's mail."""

    ANY = auto()
    """Always: the others get a copy of their own."""
    ALL = auto()
    """Where every recipient is entitled."""
    NONE = auto()

    def allows(self, entitled: frozenset[str], recipients: Sequence[str]) -> bool:
        """Return whether a key may be used that opens mail for those ``entitled``."""
        return self is Access.ANY or (self is Access.ALL and entitled.issuperset(recipients))


OPERATIONS = 20
"""Signatures verified and envelopes opened for one message (row LIM-02); those of paths have limits of their own."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it is to be unwrapped; ``author``: the one mailbox of its one From field, if there is one.

    ``at``: when certificates must hold. ``record``: the id under which it is remembered. ``asked``: that a content key
    was reused is known, and no reason to leave the message closed.
    """

    content: bytes
    header: Header
    author: str | None
    recipients: tuple[str, ...]
    at: datetime
    record: str = ""
    asked: bool = False


@dataclass(slots=True)
class Opened:
    """What became of a message, filled in while it is unwrapped.

    ``inner``: the entity to put in the place of the message's own; None: it stays. ``entitled``: for whom a private key
    was to open it, whether or not it did; None: none was.
    """

    signature: SignatureFinding = field(default_factory=SignatureFinding)
    encryption: EncryptionFinding = field(default_factory=EncryptionFinding)
    layers: list[Layer] = field(default_factory=list)
    inner: bytes | None = None
    standing: Entity | None = None
    """The entity that stands in the message's place, its own where ``inner`` is None."""
    protected: Protected = field(default_factory=Protected)
    """What the header of the innermost content says, where all layers came off."""
    entitled: frozenset[str] | None = None
    key_used: bool = False
    """Whether a private key was applied, whatever came of it: nothing its sender gets back may depend on that."""
    withheld: bool = False
    """Whether a key that may open it for some recipient was left unused, as ``Access`` says."""
    uses: list[Use] = field(default_factory=list)
    """The wrapped content keys that name keys of ours, of every envelope that was opened."""
    bug: Exception | None = None
    """What kept it from being looked into."""
    unknown: list[CertificatePath] = field(default_factory=list)
    """Paths that hold, an anchor last, of whose first certificate the revocation status is unknown and would matter."""
    operations: int = OPERATIONS
    """What is left of the message's public-key operations."""
    wanted: tuple[Identity, ...] = ()
    """Recipient identifiers of the envelope that stayed closed, perhaps inside another, because no key is here."""

    def spend(self) -> None:
        """Take one public-key operation. Raises ``LimitExceeded``."""
        if not self.operations:
            raise LimitExceeded(f"more than {OPERATIONS} signatures and envelopes in one message")
        self.operations -= 1

    @property
    def vouched(self) -> bool:
        """Whether nobody can have changed the innermost content since its sender made it.

        Nor sends it on as his own, as far as it tells whose it is.
        """
        if self.signature.status is Status.PASS:
            return True
        by_another = self.protected.by_another or not OF_ANOTHER.isdisjoint(self.signature.reasons)
        return self.encryption.authenticated and not by_another
