"""Whose mail a key may open: only that of an envelope recipient who is its owner, or in its owner's group (DEC-12)."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.policy.rule import Addresses, Group, Rules


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The rules of ``decrypt_for``; ``anybody``: whoever gets the mail may have it opened."""

    rules: Rules
    anybody: bool = False

    def entitled(self, owners: Sequence[str], recipients: Sequence[str]) -> frozenset[str]:
        """Return those of the envelope ``recipients`` for whom a key of ``owners`` (addresses) opens mail."""
        if self.anybody:
            return frozenset(recipients)
        rules = self.rules
        groups = [group for address in owners if (group := rules.group_of(address)) is not None]
        everybody = Addresses.of([[*owners, *_mailboxes(groups)]], rules.fold, rules.delimiter)
        return frozenset(recipient for recipient in recipients if everybody.owner(recipient) is not None)


def _mailboxes(groups: Sequence[Group]) -> list[str]:
    return [address for group in groups for address in (*group.addresses, *group.recipients)]
