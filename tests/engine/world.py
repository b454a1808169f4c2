"""A world in memory for engine tests: certificates and keys in dictionaries, which answers whatever a story asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from gateway.engine import wants
from gateway.engine.algorithms import Algorithms
from gateway.engine.engine import Engine
from gateway.engine.inbound import Inbound, InboundRules
from gateway.engine.judging import Judge
from gateway.engine.mark import Sealer
from gateway.engine.opening import Opener
from gateway.engine.outbound import Outbound
from gateway.engine.transaction import Client, Delivery, Direction, FrontEnd, Outcome, Transaction
from gateway.engine.wants import Use
from gateway.mail.address import folded
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.key import PrivateKey, SoftwareKey
from gateway.pki.path import CertificatePath
from gateway.pki.revocation import RevocationEvidence
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import Strictness
from gateway.pki.verdicts import Verdicts
from gateway.policy.entitlement import Entitlement
from gateway.policy.rule import Group, Level, ReplyRule, Rules, strictest_on_answers
from gateway.policy.wants import CertificatesOf, Found, Search
from gateway.story import Wanted, tell
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

    def remember(self, uses: Sequence[Use], record: str) -> str | None:
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
        self.asked: list[Wanted] = []
        self.unasked: frozenset[str] = frozenset()
        self.withdrawals = 0
        self.opened_mail: list[tuple[frozenset[str], str | None, ReplyRule]] = []
        self.plain_names: set[str] = set()
        self.anchors = [authority.root]
        self.inbound_rules = InboundRules()
        self.strictness = Strictness()
        self.verdicts = Verdicts()
        self.failures_per_hour = 100
        self.failed: list[str] = []
        self.unknown: list[CertificatePath] = []
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

    @property
    def engine(self) -> Engine:
        outbound = Outbound(self.rules, self.algorithms, self.sealer, self.of_groups)
        return Engine(outbound, Inbound(self.inbound_rules, self.opener, self.sealer, AUTHSERV_ID))

    @property
    def opener(self) -> Opener:
        return Opener(
            judge=Judge(self.verdicts, self.strictness, fold=self.rules.fold),
            entitlement=Entitlement(self.rules, self.anybody),
            failures_per_hour=self.failures_per_hour,
            size_limit=self.size_limit,
            open_opaque=self.open_opaque,
            open_clear=self.open_clear,
            accept_legacy=self.accept_legacy,
        )

    def process(self, transaction: Transaction, at: datetime | None = None) -> Outcome:
        """Tell the story of a message, and note of it what a gateway would."""
        outcome = tell(self.engine.story(transaction, at), self.answer)
        if self.remembers:
            self.unknown += outcome.unknown
            if outcome.remember is not None:
                self.opened_mail.append((outcome.remember.names, outcome.remember.author, outcome.remember.setting))
        return outcome

    def answer(self, want: Wanted) -> Any:
        """Answer any want out of memory."""
        self.asked.append(want)
        return self.answers[type(want)](want)

    @cached_property
    def answers(self) -> dict[type[Wanted], Callable[[Any], Any]]:
        """How each kind of want is answered; tests put others in their place."""
        return {
            CertificatesOf: self._certificates,
            Search: self._certificates,
            wants.KeyOf: lambda want: self.private_keys.get(want.public_key_id),
            wants.ChainOf: lambda want: [self.authority.intermediate.certificate],
            wants.NamedBy: self._named,
            wants.EvidenceOn: lambda want: (self.trust(want.leaf), self.revocation(want.leaf)),
            wants.FailuresOf: lambda want: self.failed.count(want.public_key_id),
            wants.Failed: self._note_failure,
            wants.EarlierUse: self._earlier,
            wants.AnyOpened: lambda want: bool(self.opened_mail),
            wants.OpenedUnder: lambda want: self._strictest(want.names),
            wants.SentOnUnder: lambda want: self._strictest(want.names - self.plain_names, want.author),
            wants.Withdrawals: lambda want: self.withdrawals,
            wants.Later: lambda want: partial(self._later, want),
        }

    def _certificates(self, want: CertificatesOf | Search) -> Found:
        found = {address: self.holdings.get(folded(address), []) for address in want.addresses}
        return Found(found, self.unasked & want.addresses if isinstance(want, Search) else frozenset())

    def _named(self, want: wants.NamedBy) -> Any:
        return {
            identity: [held for held in self._held if identity.names(held.certificate)] for identity in want.identities
        }

    def _earlier(self, want: wants.EarlierUse) -> str | None:
        uses = self.content_keys
        return uses.remember(want.uses, want.record) if self.remembers else uses.other(want.uses)

    def _note_failure(self, want: wants.Failed) -> None:
        self.failed += [want.public_key_id] if self.remembers else []

    def _strictest(self, names: frozenset[str], *author: str | None) -> ReplyRule | None:
        return strictest_on_answers(
            setting for known, by, setting in self.opened_mail if known & names and (not author or by == author[0])
        )

    def _later(self, want: wants.Later) -> Delivery:
        return tell(want.story(), self.answer)

    @property
    def _held(self) -> list[Holding]:
        return [holding for holdings in self.holdings.values() for holding in holdings]

    def trust(self, leaf: Certificate) -> TrustSnapshot:
        itself = [held.certificate for held in self._held if held.trusted and held.certificate == leaf]
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
        outcome = self.process(transaction)
        return replace(outcome, deliveries=tuple(delivery.ready() for delivery in outcome.deliveries))


def mail(
    *fields: str, body: bytes = b"Hello,\r\n\r\nyour ticket is solved.\r\n", to: str = "alice@example.com"
) -> bytes:
    """A helpdesk mail with further header fields."""
    head = [f"From: Support <{HELPDESK}>", f"To: {to}", "Subject: [Ticket#42] Printer", "Message-ID: <42@example.org>"]
    return "\r\n".join([*head, *fields, "", ""]).encode() + body
