"""A stored certificate together with what the store knows of it."""

from dataclasses import dataclass
from datetime import datetime

from gateway.pki.certificate import Certificate
from gateway.reason import Reason


@dataclass(frozen=True, slots=True)
class Holding:
    """A stored certificate and its standing.

    ``trusted``: a leaf trusted for itself, or a CA that is an anchor. ``distrusted``: an administrator said no.
    ``has_key``: a private key with this public key is stored. ``learned``: from mail, and no administrator has said
    anything of it; where it is ``trusted`` all the same, it serves to encrypt, and only where no other does.
    ``capabilities``: content ciphers that its owner announced. ``fault``: why it serves for nothing at the time it
    was asked for, whatever was said of it: revoked, or untrusted, for no path holds of one that was learned.
    ``added_at``: when it was stored, where that is known.
    """

    certificate: Certificate
    trusted: bool
    has_key: bool
    distrusted: bool = False
    learned: bool = False
    capabilities: frozenset[str] = frozenset()
    fault: Reason | None = None
    added_at: datetime | None = None
