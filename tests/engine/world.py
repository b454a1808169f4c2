"""A world in memory for engine tests: certificates and keys in dictionaries, behind the engine's own ports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.cms.identity import Identity
from gateway.engine.algorithms import Algorithms
from gateway.engine.engine import Engine
from gateway.engine.inbound import Inbound, InboundRules
from gateway.engine.judging import Judge
from gateway.engine.mark import Sealer
from gateway.engine.opening import Opener
from gateway.engine.outbound import Outbound
from gateway.engine.ports import Use
from gateway.engine.rate import FailureRate
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction
from gateway.mail.address import folded
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.key import PrivateKey, SoftwareKey
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import Strictness
from gateway.pki.verdicts import Verdicts
from gateway.policy.entitlement import Entitlement
from gateway.policy.rule import Group, Level, ReplyRule, Rules, strictest_on_answers
from tests.authority import Authority, Issued

AT = datetime(2026, 6, 1, tzinfo=UTC)
HELPDESK = "support@example.org"
AUTHSERV_ID = "smime.gw.example.org"


class FirstContents:
    """What each wrapped content key opened first, in memory."""

    def __init__(self) -> None:
        self.contents: dict[bytes, tuple[bytes, str]] = {}

    def other(self, uses: Sequence[Use]) -> str | None:
        return self._other(self.contents, uses)

    def remember(self, uses: Sequence[Use], record: str, at: datetime) -> str | None:
        contents = {use.wrapped: (use.content, record) for use in reversed(uses)} | self.contents
        earlier = self._other(contents, uses)
        if earlier is None:
            self.contents = contents
        return earlier

    @staticmethod
    def _other(contents: Mapping[bytes, tuple[bytes, str]], uses: Sequence[Use]) -> str | None:
        for use in uses:
            content, record = contents.get(use.wrapped, (use.content, ""))
            if content != use.content and not use.authenticated:
                return record
        return None


class World:
    """One helpdesk group and whatever certificates a test gives it."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.issued: dict[str, Issued] = {}
        self.holdings: dict[str, list[Holding]] = {}
        self.private_keys: dict[str, PrivateKey] = {}
        self.rules = Rules()
        self.algorithms = Algorithms()
        self.of_groups: dict[str, Algorithms] = {}
        self.lookups = 0
        self.opened_mail: list[tuple[frozenset[str], str | None, ReplyRule]] = []
        self.plain_names: set[str] = set()
        self.anchors = [authority.root]
        self.inbound_rules = InboundRules()
        self.strictness = Strictness()
        self.verdicts = Verdicts()
        self.failures = FailureRate(100)
        self.anybody = False
        self.open_opaque = True
        self.open_clear = False
        self.accept_legacy = False
        self.size_limit = 50_000_000
        self.content_keys = FirstContents()
        self.remembers = True
        self.sealer = Sealer(b"s" * 32, (AUTHSERV_ID,))
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

    def find(self, addresses: Iterable[str], at: datetime) -> Mapping[str, Sequence[Holding]]:
        self.lookups += 1
        return {address: self.holdings.get(folded(address), []) for address in addresses}

    def chain(self, certificate: Certificate) -> Sequence[Certificate]:
        return [self.authority.intermediate.certificate]

    def key(self, public_key_id: str) -> PrivateKey | None:
        return self.private_keys.get(public_key_id)

    @property
    def engine(self) -> Engine:
        outbound = Outbound(self.rules, self.algorithms, self, self, self, self.sealer, self.of_groups)
        return Engine(outbound, Inbound(self.inbound_rules, self.opener, self.sealer, AUTHSERV_ID, self))

    @property
    def empty(self) -> bool:
        return not self.opened_mail

    def remember(self, names: Iterable[str], author: str | None, setting: ReplyRule, at: datetime) -> None:
        self.opened_mail.append((frozenset(names), author, setting))

    def answered(self, names: Iterable[str]) -> ReplyRule | None:
        self.lookups += 1
        wanted = frozenset(names)
        return strictest_on_answers(setting for known, _, setting in self.opened_mail if known & wanted)

    def sent_on(self, names: Iterable[str], author: str | None) -> ReplyRule | None:
        wanted = frozenset(names) - self.plain_names
        return strictest_on_answers(
            setting for known, by, setting in self.opened_mail if known & wanted and by == author
        )

    @property
    def opener(self) -> Opener:
        judge = Judge(self, self.verdicts, self.strictness, fold=self.rules.fold)
        entitlement = Entitlement(self.rules, self.anybody)
        return Opener(
            judge=judge,
            keys=self,
            evidence=self,
            entitlement=entitlement,
            failures=self.failures,
            size_limit=self.size_limit,
            open_opaque=self.open_opaque,
            open_clear=self.open_clear,
            accept_legacy=self.accept_legacy,
            content_keys=self.content_keys,
            remember=self.remembers,
        )

    def named(self, identities: Iterable[Identity]) -> Mapping[Identity, Sequence[Holding]]:
        held = [holding for holdings in self.holdings.values() for holding in holdings]
        return {
            identity: [holding for holding in held if identity.names(holding.certificate)] for identity in identities
        }

    def trust(self, leaf: Certificate) -> TrustSnapshot:
        held = [holding for holdings in self.holdings.values() for holding in holdings]
        itself = [holding.certificate for holding in held if holding.trusted and holding.certificate == leaf]
        return TrustSnapshot(trusted=[*(anchor.certificate for anchor in self.anchors), *itself])

    def revocation(self, leaf: Certificate) -> RevocationEvidence:
        return RevocationEvidence()

    def send(
        self,
        content: bytes,
        *recipients: str,
        sender: str = HELPDESK,
        direction: Direction = Direction.OUTBOUND,
        can_split: bool = True,
        record: str = "0123",
        asked: bool = False,
    ) -> Outcome:
        """Run one message through the engine, as a client of the door would send it."""
        envelope = Envelope(sender, tuple(Recipient(address) for address in recipients))
        client = Client(address="127.0.0.1", helo="helpdesk.example.org")
        transaction = Transaction(
            record, direction, FrontEnd.SMTP, "outbound", client, envelope, content, AT, can_split, asked=asked
        )
        outcome = self.engine.process(transaction)
        return replace(outcome, deliveries=tuple(delivery.ready() for delivery in outcome.deliveries))


def mail(
    *fields: str, body: bytes = b"Hello,\r\n\r\nyour ticket is solved.\r\n", to: str = "alice@example.com"
) -> bytes:
    """A helpdesk mail with further header fields."""
    head = [f"From: Support <{HELPDESK}>", f"To: {to}", "Subject: [Ticket#42] Printer", "Message-ID: <42@example.org>"]
    return "\r\n".join([*head, *fields, "", ""]).encode() + body
