"""What lists tell of a certificate, and what decides whether it serves: known without reading it again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.pki.kinds import KeyKind
from gateway.reason import Reason


class Fit(Protocol):
    """What decides whether a certificate serves; both ``certificate.Certificate`` and ``Summary`` say it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the DER, lower-case hexadecimal."""

    @property
    def not_before(self) -> datetime:
        """Aware (UTC)."""

    @property
    def not_after(self) -> datetime:
        """Aware (UTC)."""

    @property
    def is_ca(self) -> bool:
        """Whether it is an authority's."""

    @property
    def may_sign(self) -> bool:
        """Whether it may sign mail."""

    @property
    def may_encrypt(self) -> bool:
        """Whether mail may be encrypted to it."""

    @property
    def may_seal(self) -> bool:
        """Whether we make new mail with a key of this kind and size."""

    @property
    def key_kind(self) -> KeyKind:
        """The kind of its key."""

    @property
    def key_size(self) -> int:
        """Bits, or the number of a parameter set."""

    @property
    def curve(self) -> str | None:
        """The curve of an ``ec`` key."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A certificate in short; fields as those of ``certificate.Certificate``, but ``serial``: hexadecimal digits.

    ``sha1``: over the DER; a name that other programs show, nothing is decided by it.
    """

    fingerprint: str
    subject: str
    issuer: str
    serial: str
    not_before: datetime
    not_after: datetime
    addresses: tuple[str, ...]
    is_ca: bool
    may_sign: bool
    may_encrypt: bool
    may_seal: bool
    public_key_id: str
    key_kind: KeyKind
    key_size: int
    curve: str | None
    sha1: str


def validity_fault(certificate: Fit, at: datetime) -> Reason | None:
    """Return why a certificate is not valid at ``at`` (aware): not-yet-valid or expired; None: it is valid."""
    if at < certificate.not_before:
        return Reason.NOT_YET_VALID
    return Reason.EXPIRED if at > certificate.not_after else None


def sealing_fault(certificate: Fit) -> str | None:
    """Return why a leaf seals nothing, for people; None: nothing about its key is in the way."""
    if certificate.is_ca or certificate.may_seal:
        return None
    kind, curve = certificate.key_kind.upper(), certificate.curve
    return f"seals nothing ({f'curve {curve}' if curve else f'{kind} {certificate.key_size} bits'})"
