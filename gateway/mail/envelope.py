"""The SMTP envelope: who sends to whom, with the parameters of MAIL and RCPT (RFC 5321 §2.3.1, RFC 3461)."""

from collections.abc import Iterable
from dataclasses import dataclass

FAILURE, SUCCESS = "FAILURE", "SUCCESS"
_UNSAID = frozenset({FAILURE, "DELAY"})
"""What a sender who names no reports may get (RFC 3461 §4.1)."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT: the address as given (no angle brackets), its parameters verbatim (``NOTIFY=NEVER``)."""

    address: str
    parameters: tuple[str, ...] = ()

    @property
    def reports(self) -> frozenset[str]:
        """The delivery reports that the sender wants, in upper case; none for NEVER."""
        for parameter in self.parameters:
            name, _, words = parameter.upper().partition("=")
            if name == "NOTIFY":
                return frozenset(words.split(",")) - {"NEVER"}
        return _UNSAID

    def limited_to(self, reports: Iterable[str]) -> "Recipient":
        """Return the recipient with the wish for those of ``reports`` that the sender wants; NEVER for none of them."""
        wanted = ",".join(sorted(self.reports.intersection(reports))) or "NEVER"
        others = [parameter for parameter in self.parameters if not parameter.upper().startswith("NOTIFY=")]
        return Recipient(self.address, (f"NOTIFY={wanted}", *others))


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender (empty: the null reverse-path), accepted recipients, and the MAIL parameters verbatim."""

    sender: str
    recipients: tuple[Recipient, ...]
    parameters: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The recipients' addresses in order."""
        return tuple([recipient.address for recipient in self.recipients])
