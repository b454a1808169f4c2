"""Whose mail a key opens."""

import pytest

from gateway.policy.entitlement import Entitlement
from gateway.policy.rule import Group, Level, Rules

OWNER = "support@example.org"
RULES = Rules(groups=(Group("support", (OWNER, "@example.org"), Level.NEVER, Level.NEVER, recipients=("box@x.net",)),))


@pytest.mark.parametrize(
    "recipient", [OWNER, "Support+7@example.org", "anybody@example.org", "box@x.net", "BOX+a@X.net"]
)
def test_dec_12_a_key_opens_mail_for_its_owner_and_his_group(recipient: str) -> None:
    assert Entitlement(RULES).entitled([OWNER], [recipient, "alice@example.com"]) == {recipient}


@pytest.mark.parametrize(
    "recipient", ["mallory%evil@example.org", "evil!mallory@example.org", '"mallory@evil"@example.org', "box+a%b@x.net"]
)
def test_dec_12_what_may_lead_elsewhere_is_entitled_to_nothing_unless_listed(recipient: str) -> None:
    assert Entitlement(RULES).entitled([OWNER], [recipient]) == frozenset()
    assert Entitlement(RULES).entitled([recipient], [recipient]) == {recipient}
    assert Entitlement(RULES, anybody=True).entitled([OWNER], [recipient]) == {recipient}
