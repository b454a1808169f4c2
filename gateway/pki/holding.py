"""A stored certificate together with what the store knows of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.pki.certificate import Certificate
from gateway.pki.summary import Fit
from gateway.reason import Reason


class Origin(StrEnum):
    """Where a certificate comes from, the most believed first. It is ``imported`` once an administrator brought it,
    wherever it was before."""

    IMPORTED = "imported"
    DIRECTORY = "directory"
    DNS = "dns"
    LEARNED = "learned"

    @property
    def rank(self) -> int:
        """How much more it is believed than the least."""
        return -list(Origin).index(self)


class Held(Protocol):
    """What decides whether a stored certificate serves; fields as those of ``Holding``, which says more."""

    @property
    def certificate(self) -> Fit:
        """The certificate, or what is known of it without reading it."""

    @property
    def trusted(self) -> bool:
        """As in ``Holding``; so are the others."""

    @property
    def has_key(self) -> bool:
        """Whether its private key is here."""

    @property
    def distrusted(self) -> bool:
        """Whether an administrator said no."""

    @property
    def learned(self) -> bool:
        """Whether nobody brought it by hand, and nobody spoke of it."""

    @property
    def origin(self) -> Origin:
        """Where it comes from."""

    @property
    def approved(self) -> bool:
        """Whether an administrator wants it used to encrypt to."""

    @property
    def pinned(self) -> bool:
        """Whether an administrator wants no other in its place."""

    @property
    def fault(self) -> Reason | None:
        """Why it serves for nothing."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A stored certificate and its standing.

    ``trusted``: a leaf trusted for itself, or a CA that is an anchor. ``distrusted``: an administrator said no.
    ``has_key``: a private key with this public key is stored. ``learned``: from mail, a directory or the DNS
    (``origin``), and no administrator has trusted or distrusted it; where it is ``trusted`` all the same, it serves to
    encrypt, and only where none that was imported does. ``approved``: an administrator wants it used so, whatever its
    path; ``pinned``: and no other in its place. ``dnssec``: the DNS vouches for it, ``by_dns_alone``: nobody else does.
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
    origin: Origin = Origin.IMPORTED
    approved: bool = False
    pinned: bool = False
    dnssec: bool = False
    by_dns_alone: bool = False
