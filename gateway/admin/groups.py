"""The groups: the policy that is effective for each, and until when it can sign."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.clock import now
from gateway.engine.algorithms import Algorithms
from gateway.pki.holding import Holding
from gateway.policy.choose import for_encryption, for_signing
from gateway.policy.redelivery import Redeliver
from gateway.policy.rule import Group, Level, ReplyRule, Rules
from gateway.policy.signing import signing_groups, signs_until
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.certificates.entry import Listed
from gateway.store.certificates.listing import Filter
from gateway.wiring import Wiring, build_algorithms, build_redelivery_rules, build_rules


@dataclass(frozen=True, slots=True)
class AddressView:
    """One address of a group: the certificates (fingerprints) to sign with and to read with, or why there is none."""

    address: str
    signs_with: str | None
    sign_reason: Reason | None
    signs_until: datetime | None
    encrypts_to: str | None
    encrypt_reason: Reason | None


@dataclass(frozen=True, slots=True)
class AlgorithmsView:
    """How the group's mail is made. ``form``: ``clear`` or ``opaque``."""

    digest: str
    sign_rsa: str
    form: str
    cipher: str
    encrypt_rsa: str


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group and what holds for it, defaults included.

    ``signs_until``: until when it can sign under all its addresses without a pause; None: it cannot now, or never signs
    (``sign`` says which). ``submitters``: networks and logins; none: every client of the door. ``names``: of its
    addresses those that are listed, and of its domains those of which a key is here.
    """

    name: str
    addresses: tuple[str, ...]
    recipients: tuple[str, ...]
    sign: Level
    encrypt: Level
    replies_to_encrypted: ReplyRule
    submitters: tuple[str, ...]
    redeliver: Redeliver
    algorithms: AlgorithmsView
    signs: bool
    signs_until: datetime | None
    names: tuple[AddressView, ...]


def listed(wiring: Wiring, groups: Collection[str] | None = None) -> tuple[GroupView, ...]:
    """Return the groups in their order, which is that in which they match; ``groups``: only these.

    Raises ``Fault``.
    """
    rules, at, options = build_rules(wiring.options), now(), wiring.options
    ends = signing_ends(wiring.store, rules, own_leaves(wiring.store, at), at)
    redeliver = build_redelivery_rules(options).of_groups
    written = [
        _Written(group, build_algorithms(options.algorithms, own.algorithms), again)
        for group, own, again in zip(rules.groups, options.groups, redeliver, strict=True)
        if groups is None or group.name in groups
    ]
    names = {each.group.name: _names(each.group, ends.names.get(each.group.name, frozenset())) for each in written}
    holdings = wiring.store.certificates.find(frozenset().union(*names.values()), at)
    return tuple(_view(each, ends, names[each.group.name], holdings, at) for each in written)


@dataclass(frozen=True, slots=True)
class _Written:
    """A group as the configuration has it."""

    group: Group
    algorithms: Algorithms
    redeliver: Redeliver


@dataclass(frozen=True, slots=True)
class Ends:
    """Until when each group that signs can do so (None: it cannot now), and under which addresses; by its name."""

    until: Mapping[str, datetime | None]
    names: Mapping[str, frozenset[str]]


def own_leaves(store: Store, at: datetime) -> Sequence[Listed]:
    """Return our own certificates, those that have a private key here. Raises ``Fault``."""
    return store.listing.page(Filter(is_ca=False, with_key=True), at)


def signing_ends(store: Store, rules: Rules, mine: Sequence[Listed], at: datetime) -> Ends:
    """Return until when each group can sign with ``mine``, our own certificates. Raises ``Fault``."""
    sign = (item for item in mine if item.entry.certificate.may_sign and not item.entry.distrusted)
    names = signing_groups(rules, (name for item in sign for name in item.names))
    holdings = store.certificates.find(frozenset().union(*names.values()), at)
    return Ends({name: signs_until(addresses, holdings, at) for name, addresses in names.items()}, names)


def _names(group: Group, signing: frozenset[str]) -> tuple[str, ...]:
    listed_ones = [address for address in group.addresses if not address.startswith("@")]
    return tuple(dict.fromkeys((*listed_ones, *sorted(signing))))


def _view(
    written: _Written, ends: Ends, names: Sequence[str], holdings: Mapping[str, Sequence[Holding]], at: datetime
) -> GroupView:
    group = written.group
    submitters = (*map(str, group.submitters.networks), *sorted(group.submitters.users))
    return GroupView(
        name=group.name,
        addresses=group.addresses,
        recipients=group.recipients,
        sign=group.sign,
        encrypt=group.encrypt,
        replies_to_encrypted=group.replies,
        submitters=submitters,
        redeliver=written.redeliver,
        algorithms=_algorithms(written.algorithms),
        signs=ends.until.get(group.name) is not None,
        signs_until=ends.until.get(group.name),
        names=tuple(_address(name, holdings.get(name, ()), at) for name in names),
    )


def _algorithms(made: Algorithms) -> AlgorithmsView:
    form = "opaque" if made.opaque else "clear"
    return AlgorithmsView(made.digest, made.sign_rsa, form, made.cipher, made.encrypt_rsa)


def _address(address: str, holdings: Sequence[Holding], at: datetime) -> AddressView:
    signing, encryption = for_signing(holdings, at), for_encryption(holdings, at)
    return AddressView(
        address=address,
        signs_with=_fingerprint(signing),
        sign_reason=_reason(signing),
        signs_until=signs_until([address], {address: holdings}, at),
        encrypts_to=_fingerprint(encryption),
        encrypt_reason=_reason(encryption),
    )


def _fingerprint(choice: Holding | Reason) -> str | None:
    return None if isinstance(choice, Reason) else choice.certificate.fingerprint


def _reason(choice: Holding | Reason) -> Reason | None:
    return choice if isinstance(choice, Reason) else None
