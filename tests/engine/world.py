"""A world in memory for engine tests: certificates and keys in dictionaries, behind the engine's own ports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.engine.engine import Engine
from gateway.engine.inbound import Inbound
from gateway.engine.outbound import Algorithms, Outbound
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction
from gateway.mail.address import folded
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.key import PrivateKey, SoftwareKey
from gateway.policy.rule import Group, Level, Rules
from tests.authority import Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)
HELPDESK = "support@example.org"


class World:
    """One helpdesk group and whatever certificates a test gives it."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.issued: dict[str, Issued] = {}
        self.holdings: dict[str, list[Holding]] = {}
        self.private_keys: dict[str, PrivateKey] = {}
        self.rules = Rules()
        self.algorithms = Algorithms()
        self.lookups = 0
        self.levels("if-possible", "if-possible")

    def levels(self, sign: str, encrypt: str) -> "World":
        self.rules = Rules(groups=(Group("support", (HELPDESK,), Level(sign), Level(encrypt)),))
        return self

    def hold(self, address: str, *, key: bool = False, **facts: Any) -> Issued:
        """Store a certificate (and its key) for an address."""
        issued = self.authority.leaf(address, **facts)
        self.issued[address] = issued
        holding = Holding(issued.certificate, trusted=True, has_key=key)
        self.holdings.setdefault(folded(address), []).append(holding)
        if key:
            self.private_keys[issued.certificate.public_key_id] = SoftwareKey(issued.private_key)
        return issued

    def find(self, addresses: Iterable[str]) -> Mapping[str, Sequence[Holding]]:
        self.lookups += 1
        return {address: self.holdings.get(folded(address), []) for address in addresses}

    def chain(self, certificate: Certificate) -> Sequence[Certificate]:
        return [self.authority.intermediate.certificate]

    def key(self, public_key_id: str) -> PrivateKey | None:
        return self.private_keys.get(public_key_id)

    @property
    def engine(self) -> Engine:
        return Engine(Outbound(self.rules, self.algorithms, self, self), Inbound(("smime.gw.example.org",)))

    def send(
        self,
        content: bytes,
        *recipients: str,
        sender: str = HELPDESK,
        direction: Direction = Direction.OUTBOUND,
        can_split: bool = True,
    ) -> Outcome:
        """Run one message through the engine, as a client of the door would send it."""
        envelope = Envelope(sender, tuple(Recipient(address) for address in recipients))
        client = Client(address="127.0.0.1", helo="helpdesk.example.org")
        transaction = Transaction(
            "0123", direction, FrontEnd.SMTP, "outbound", client, envelope, content, AT, can_split
        )
        return self.engine.process(transaction)


def mail(
    *fields: str, body: bytes = b"Hello,\r\n\r\nyour ticket is solved.\r\n", to: str = "alice@example.com"
) -> bytes:
    """A helpdesk mail with further header fields."""
    head = [f"From: Support <{HELPDESK}>", f"To: {to}", "Subject: [Ticket#42] Printer", "Message-ID: <42@example.org>"]
    return "\r\n".join([*head, *fields, "", ""]).encode() + body
