"""What lists tell of a certificate, and what decides whether it serves: known without reading it again."""

from dataclasses import dataclass
from datetime import datetime

from gateway.reason import Reason


@dataclass(frozen=True, slots=True)
class Summary:
    """A certificate in short; fields as those of ``certificate.Certificate``, but ``serial``: hexadecimal digits."""

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
    key_kind: str
    key_size: int
    curve: str | None
    sha1: str
    """SHA-1 over the DER, a name that other programs show; nothing is decided by it."""

    def fault_at(self, at: datetime) -> Reason | None:
        """Return why the certificate is not valid at ``at`` (aware): not-yet-valid or expired; None: it is valid."""
        if at < self.not_before:
            return Reason.NOT_YET_VALID
        return Reason.EXPIRED if at > self.not_after else None

    @property
    def sealing_fault(self) -> str | None:
        """Why a leaf seals nothing, for people; None: nothing about its key is in the way."""
        if self.is_ca or self.may_seal:
            return None
        what = f"curve {self.curve}" if self.curve else f"{self.key_kind.upper()} {self.key_size} bits"
        return f"seals nothing ({what})"
