"""Whether a group can sign now, and until when: what monitoring asks before a customer or a refused mail does."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from gateway.pki.holding import Holding
from gateway.policy.choose import for_signing
from gateway.policy.rule import Group, Level, Rules

_AFTER = timedelta(microseconds=1)


def signing_groups(rules: Rules, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the addresses under which each group signs, by its name; groups that never sign are left out.

    They are those that the group lists, and of ``names`` (of certificates that have a key here) those in it.
    """
    groups = [group for group in rules.groups if group.sign is not Level.NEVER]
    listed = {group.name: {name for name in group.addresses if not name.startswith("@")} for group in groups}
    for name in names:
        owner: Group | None = rules.group_of(name)
        if owner is not None and owner.name in listed:
            listed[owner.name].add(name)
    return {name: frozenset(found) for name, found in listed.items()}


def signs_until(names: Iterable[str], holdings: Mapping[str, Sequence[Holding]], at: datetime) -> datetime | None:
    """Return until when all of these addresses can sign without a pause; None: one of them cannot, or there is none."""
    ends = [_until(holdings.get(name, ()), at) for name in names]
    return min((end for end in ends if end is not None), default=None) if all(ends) else None


def _until(holdings: Sequence[Holding], at: datetime) -> datetime | None:
    end = None
    while isinstance(choice := for_signing(holdings, at), Holding):
        end = choice.certificate.not_after
        at = end + _AFTER
    return end
