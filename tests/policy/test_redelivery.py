"""Which held mail goes again by itself: what the groups of its recipients say."""

import pytest

from gateway.policy.redelivery import Redeliver, RedeliveryRules
from gateway.policy.rule import Addresses

ALL, MANUAL, UNREADABLE = Redeliver.ALL, Redeliver.MANUAL, Redeliver.UNREADABLE
MAILBOXES = (("support@example.org", "box@example.net"), ("@sales.example.org",))
RULES = RedeliveryRules(Addresses.of(MAILBOXES, True, "+"), (ALL, MANUAL), UNREADABLE)


@pytest.mark.parametrize(
    ("recipients", "rule"),
    [
        (["support@example.org"], ALL),
        (["Support+7@example.org"], ALL),
        (["box@example.net"], ALL),
        (["anybody@sales.example.org"], MANUAL),
        (["alice@example.com"], UNREADABLE),
        (["support@example.org", "alice@example.com"], UNREADABLE),
        (["alice@example.com", "anybody@sales.example.org"], MANUAL),
        (["support@example.org", "anybody@sales.example.org"], MANUAL),
    ],
)
def test_the_strictest_rule_of_all_recipients_counts(recipients: list[str], rule: Redeliver) -> None:
    assert RULES.of(recipients) is rule
    assert RULES.of(reversed(recipients)) is rule
