"""The rules: groups, their submitters, levels, internal addresses and what a message may ask for.

Plain values, made once from the configuration. Addresses are compared in the folded form of ``mail.address``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

from gateway.mail.address import folded, is_route, without_detail

Network = IPv4Network | IPv6Network

EVERY_DOMAIN = "*"

ANSWERS = 10_000
"""Addresses whose owner is remembered."""


class Level(StrEnum):
    """How much a protection is wanted."""

    NEVER = "never"
    IF_POSSIBLE = "if-possible"
    REQUIRED = "required"


STRICTNESS = {Level.NEVER: 0, Level.IF_POSSIBLE: 1, Level.REQUIRED: 2}


def strictest(levels: Iterable[Level]) -> Level | None:
    """Return the strictest of some levels, or None of none."""
    return max(levels, key=STRICTNESS.__getitem__, default=None)


class ReplyRule(StrEnum):
    """What an answer to mail that arrived encrypted must be: encrypted, noted when it is not, or nothing special."""

    REQUIRE = "require"
    WARN = "warn"
    IGNORE = "ignore"


ON_ANSWERS = (ReplyRule.IGNORE, ReplyRule.WARN, ReplyRule.REQUIRE)


def strictest_on_answers(settings: Iterable[ReplyRule]) -> ReplyRule | None:
    """Return the strictest of some settings for answers, or None of none."""
    return max(settings, key=ON_ANSWERS.index, default=None)


@dataclass(frozen=True, slots=True)
class Submitters:
    """Who may send as a group; both empty: every client of the door."""

    networks: tuple[Network, ...] = ()
    users: frozenset[str] = frozenset()

    def admit(self, client: str | None, login: str | None) -> bool:
        """Whether this client address (None: the local administrator) or login may send as the group."""
        if not self.networks and not self.users:
            return True
        if login is not None and login in self.users:
            return True
        return client is not None and any(ip_address(client) in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of the helpdesk. ``addresses`` are addresses or ``@domain``."""

    name: str
    addresses: tuple[str, ...]
    sign: Level
    encrypt: Level
    submitters: Submitters = Submitters()
    replies: ReplyRule = ReplyRule.WARN
    recipients: tuple[str, ...] = ()
    """Further mailboxes to which the group's mail is delivered; addresses or ``@domain``."""
    needs_anchor: bool = False
    """Whether nothing is encrypted to a certificate for which the DNS alone vouches (``minimum: chain``)."""


@dataclass(frozen=True, slots=True)
class Tags:
    """Subject tags that stand for a wish; None: not in use."""

    sign: str | None = None
    encrypt: str | None = None
    plain: str | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """A set of addresses and ``@domain`` patterns with an owner each; the earliest owner wins.

    ``fold`` and ``delimiter`` say how local parts compare (``addresses`` in the configuration).
    """

    owners: dict[str, int] = field(default_factory=dict)
    fold: bool = True
    delimiter: str = "+"
    _answers: dict[str, int | None] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, patterns: Iterable[Iterable[str]], fold: bool, delimiter: str) -> "Addresses":
        """Make the set from one list of patterns per owner, in order."""
        owners: dict[str, int] = {}
        for index, list_ in enumerate(patterns):
            for pattern in list_:
                owners.setdefault(_pattern_key(pattern, fold), index)
        return cls(owners, fold, delimiter)

    def owner(self, address: str) -> int | None:
        """Return the index of the earliest owner of ``address``, itself, without its detail, or by its domain.

        What may lead elsewhere is owned only where it is listed whole.
        """
        if address not in self._answers:
            if len(self._answers) >= ANSWERS:
                self._answers.clear()
            self._answers[address] = self._look_up(address)
        return self._answers[address]

    def _look_up(self, address: str) -> int | None:
        key = folded(address, fold=self.fold)
        if is_route(key):
            return self.owners.get(key)
        keys = (key, without_detail(key, self.delimiter), "@" + key.rpartition("@")[2])
        found = [self.owners[key] for key in keys if key in self.owners]
        return min(found, default=None)


def _pattern_key(pattern: str, fold: bool) -> str:
    if pattern.startswith("@"):
        return "@" + folded("x" + pattern, fold=fold).rpartition("@")[2]
    return folded(pattern, fold=fold)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules for outbound mail."""

    groups: tuple[Group, ...] = ()
    enabled: bool = True
    reject_unknown_sender: bool = False
    internal: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """Recipients' domains that are known to be ours (``inbound.domains``)."""
    encrypt_internal: bool = False
    honour_headers: bool = True
    tags: Tags = Tags()
    exempt: frozenset[str] = frozenset()
    """Content types that ``if-possible`` leaves alone, lower-case."""
    fold: bool = True
    delimiter: str = "+"
    searched: frozenset[str] = frozenset()
    """Domains of whose addresses some source may know a certificate; ``*``: all."""
    _groups: Addresses = field(init=False, repr=False, compare=False)
    _internal: Addresses = field(init=False, repr=False, compare=False)
    _ours: Addresses = field(init=False, repr=False, compare=False)
    _mailboxes: tuple[Addresses, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = [group.addresses for group in self.groups]
        object.__setattr__(self, "_groups", Addresses.of(own, self.fold, self.delimiter))
        everyone = [address for addresses in (*own, self.internal) for address in addresses]
        object.__setattr__(self, "_internal", Addresses.of([everyone], self.fold, self.delimiter))
        domains = [f"@{domain}" for domain in self.domains]
        object.__setattr__(self, "_ours", Addresses.of([[*everyone, *domains]], self.fold, self.delimiter))
        boxes = [Addresses.of([(*each.addresses, *each.recipients)], self.fold, self.delimiter) for each in self.groups]
        object.__setattr__(self, "_mailboxes", tuple(boxes))

    def group_of(self, address: str) -> Group | None:
        """Return the first group that holds this From address."""
        index = self._groups.owner(address)
        return None if index is None else self.groups[index]

    def group_for(self, recipients: Iterable[str]) -> Group | None:
        """Return the first group to whose addresses or further mailboxes one of these recipients belongs."""
        readers = tuple(recipients)
        for group, mailboxes in zip(self.groups, self._mailboxes, strict=True):
            for address in readers:
                if mailboxes.owner(address) is not None:
                    return group
        return None

    def is_internal(self, address: str) -> bool:
        """Whether a recipient needs no encryption: a listed address or one of the groups' own."""
        return self._internal.owner(address) is not None

    def is_ours(self, address: str) -> bool:
        """Whether what comes back to this address stays here: it is internal, or of one of our domains."""
        return self._ours.owner(address) is not None

    def may_be_found(self, address: str) -> bool:
        """Whether some source may know the certificate of a recipient; ours are asked of nobody."""
        if not self.searched or self.is_ours(address):
            return False
        return not self.searched.isdisjoint((EVERY_DOMAIN, folded(address).rpartition("@")[2]))

    def on_answers(self, recipients: Iterable[str]) -> ReplyRule:
        """Return the strictest setting for answers to mail that was opened for these recipients."""
        readers = tuple(recipients)
        settings = (
            group.replies
            for group, mailboxes in zip(self.groups, self._mailboxes, strict=True)
            if any(mailboxes.owner(address) is not None for address in readers)
        )
        return strictest_on_answers(settings) or ReplyRule.IGNORE
