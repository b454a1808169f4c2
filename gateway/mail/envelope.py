"""The SMTP envelope: who sends to whom, with the parameters of MAIL and RCPT (RFC 5321 §2.3.1, RFC 3461)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT: the address as given (no angle brackets), its parameters verbatim (``NOTIFY=NEVER``)."""

    address: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Sender (empty: the null reverse-path), accepted recipients, and the MAIL parameters verbatim."""

    sender: str
    recipients: tuple[Recipient, ...]
    parameters: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The recipients' addresses in order."""
        return tuple(recipient.address for recipient in self.recipients)
