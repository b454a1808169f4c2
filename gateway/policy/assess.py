"""What is possible: can this sender sign, can each recipient be encrypted to? ``decide`` and ``check`` ask here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.cms.attribute import certified
from gateway.mail.address import folded, same_mailbox, without_detail
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.policy.choose import for_encryption, for_signing
from gateway.policy.rule import Group, Rules
from gateway.policy.wants import CertificatesOf, Found, Holdings, Lookup, Search
from gateway.reason import Reason
from gateway.story import Story, ask

ADDRESS_MISMATCH = "address-mismatch"
"""The note on a signature whose certificate holds another address than From: receivers see that."""


@dataclass(frozen=True, slots=True)
class RecipientAnswer:
    """One recipient: whether it is internal or hidden, and the certificate to encrypt to or why there is none."""

    address: str
    choice: Holding | Reason
    internal: bool = False
    hidden: bool = False

    @property
    def holding(self) -> Holding | None:
        """The certificate to encrypt to."""
        return None if isinstance(self.choice, Reason) else self.choice

    @property
    def reason(self) -> Reason | None:
        """Why this recipient cannot be encrypted to, or is not."""
        return self.choice if isinstance(self.choice, Reason) else None


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is possible for one sender and its recipients, whatever the levels say."""

    signing: Holding | Reason
    own: Holding | None
    """The sender's own certificate to encrypt to, so that sent mail can be read back."""
    recipients: tuple[RecipientAnswer, ...]
    lookups: tuple[Lookup, ...] = ()

    def notes(self, author: str) -> tuple[str, ...]:
        """What receivers will see of a signature made for ``author``, though it is made (RFC 8550 §3)."""
        if isinstance(self.signing, Reason):
            return ()
        certificate = self.signing.certificate
        named = certificate.addresses or certificate.subject_addresses
        return () if any(same_mailbox(address, author) for address in named) else (ADDRESS_MISMATCH,)

    @property
    def counted(self) -> tuple[RecipientAnswer, ...]:
        """The recipients over whom encryption is all or nothing."""
        return tuple(answer for answer in self.recipients if not answer.internal)

    @property
    def missing(self) -> tuple[RecipientAnswer, ...]:
        """The counted recipients that cannot be encrypted to."""
        return tuple(answer for answer in self.counted if answer.holding is None)

    @property
    def capabilities(self) -> frozenset[str]:
        """The content ciphers that everybody who can be encrypted to announced, in mail or in the certificate."""
        chosen = [answer.holding for answer in self.recipients if answer.holding is not None]
        announced = [holding.capabilities.union(certified(holding.certificate)) for holding in chosen]
        return frozenset.intersection(*announced) if announced else frozenset()

    @property
    def encryption_reason(self) -> Reason | None:
        """Why nothing can be encrypted: the first missing recipient's reason, or that all are internal."""
        if self.missing:
            return self.missing[0].reason
        if all(answer.holding is None for answer in self.recipients):
            return Reason.INTERNAL_RECIPIENT
        return None


def addresses_to_ask(author: str, recipients: Sequence[str], rules: Rules) -> frozenset[str]:
    """Return every address whose certificates an assessment will look at."""
    asked = {author, without_detail(author, rules.delimiter)}
    for recipient in recipients:
        if rules.encrypt_internal or not rules.is_internal(recipient):
            asked.add(recipient)
            asked.add(without_detail(recipient, rules.delimiter))
    return frozenset(asked)


def assessed(
    author: str,
    recipients: Sequence[str],
    visible: frozenset[str] | None,
    rules: Rules,
    at: datetime,
    *,
    search: bool,
) -> Story[Assessment]:
    """Answer for one sender and its recipients at the time ``at``, by what is stored.

    ``search``: those who have no certificate that serves are then looked for, where somebody may know one.
    """
    found = yield from ask(CertificatesOf(addresses_to_ask(author, recipients, rules), at))
    known = assess(author, recipients, visible, rules, found, at)
    sought = frozenset(answer.address for answer in known.missing if rules.may_be_found(answer.address))
    if not (search and sought):
        return known
    more = yield from ask(Search(sought | {without_detail(address, rules.delimiter) for address in sought}, at))
    found = replace(more, holdings={**found.holdings, **more.holdings})
    return replace(assess(author, recipients, visible, rules, found, at), lookups=more.lookups)


def assess(
    author: str,
    recipients: Sequence[str],
    visible: frozenset[str] | None,
    rules: Rules,
    found: Found,
    at: datetime,
) -> Assessment:
    """Answer for one sender and its recipients at the time ``at``."""
    own = _lookup(author, rules, found.holdings)
    own_encryption = for_encryption(own, at)
    return Assessment(
        signing=for_signing(own, at),
        own=None if isinstance(own_encryption, Reason) else own_encryption,
        recipients=tuple(_answer(address, author, recipients, visible, rules, found, at) for address in recipients),
    )


def _answer(
    address: str,
    author: str,
    recipients: Sequence[str],
    visible: frozenset[str] | None,
    rules: Rules,
    found: Found,
    at: datetime,
) -> RecipientAnswer:
    internal, group = rules.is_internal(address), rules.group_of(author)
    hidden = visible is not None and len(recipients) > 1 and folded(address, fold=rules.fold) not in visible
    if internal and not rules.encrypt_internal:
        return RecipientAnswer(address, Reason.INTERNAL_RECIPIENT, internal, hidden)
    choice = for_encryption(_acceptable(_lookup(address, rules, found.holdings), group), at)
    if isinstance(choice, Reason) and not found.unasked.isdisjoint((address, without_detail(address, rules.delimiter))):
        choice = Reason.LOOKUP_FAILED
    if internal and isinstance(choice, Reason):
        choice = Reason.INTERNAL_RECIPIENT
    return RecipientAnswer(address, choice, internal, hidden)


def _acceptable(holdings: Sequence[Holding], group: Group | None) -> Sequence[Holding]:
    """Those that the sender's group takes: others are not trusted for it."""
    if group is None or not group.needs_anchor:
        return holdings
    return [replace(item, fault=Reason.UNTRUSTED) if item.by_dns_alone else item for item in holdings]


def _lookup(address: str, rules: Rules, holdings: Holdings) -> Sequence[Holding]:
    """Certificates of the address itself, else of the mailbox below its detail; learned ones hide no others."""
    own, mailbox = _of(address, rules, holdings), without_detail(address, rules.delimiter)
    if mailbox == address or not all(holding.learned for holding in own):
        return own
    return (*own, *_of(mailbox, rules, holdings))


def _of(address: str, rules: Rules, holdings: Holdings) -> Sequence[Holding]:
    """Those whose certificate names the address: the store finds more, in any letter case."""
    return [holding for holding in holdings.get(address, ()) if _names(holding.certificate, address, rules.fold)]


def _names(certificate: Certificate, address: str, fold: bool) -> bool:
    names = (*certificate.addresses, *certificate.subject_addresses)
    return any(same_mailbox(address, name, fold=fold) for name in names)
