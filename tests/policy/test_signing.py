"""Which groups can sign, and until when, a successor in time included."""

from datetime import UTC, datetime, timedelta

from gateway.pki.holding import Holding
from gateway.policy.rule import Group, Level, Rules
from gateway.policy.signing import signing_groups, signs_until
from tests.authority import Authority

AT = datetime(2026, 6, 1, tzinfo=UTC)


def days(count: int) -> datetime:
    return AT + timedelta(days=count)


def own(authority: Authority, begin: int, end: int, **facts: bool) -> Holding:
    issued = authority.leaf("a@example.org", not_before=days(begin), not_after=days(end), kind="p256")
    return Holding(issued.certificate, **({"trusted": True, "has_key": True} | facts))


def test_until_the_last_of_those_that_follow_without_a_pause(authority: Authority) -> None:
    first, second, late = own(authority, -9, 10), own(authority, 5, 40), own(authority, 50, 90)
    found = {"a@example.org": [late, first, second]}
    assert signs_until(["a@example.org"], found, AT) == days(40)
    assert signs_until(["a@example.org"], {"a@example.org": [late, first]}, AT) == days(10)
    assert signs_until(["a@example.org"], {"a@example.org": [late]}, AT) is None


def test_a_group_signs_only_where_each_address_does(authority: Authority) -> None:
    found = {"a@example.org": [own(authority, -9, 10)], "b@example.org": [own(authority, -9, 5)]}
    assert signs_until(found, found, AT) == days(5)
    assert signs_until([*found, "c@example.org"], found, AT) is None
    assert signs_until([], found, AT) is None
    for lost in ({"has_key": False}, {"trusted": False}, {"distrusted": True}):
        assert signs_until(["a@example.org"], {"a@example.org": [own(authority, -9, 10, **lost)]}, AT) is None


def test_the_addresses_of_groups_that_sign() -> None:
    groups = (
        Group("listed", ("a@example.org",), Level.IF_POSSIBLE, Level.NEVER),
        Group("domain", ("@help.example.org",), Level.REQUIRED, Level.NEVER),
        Group("never", ("n@example.org",), Level.NEVER, Level.NEVER),
    )
    names = ("x@help.example.org", "n@example.org", "stranger@example.net")
    assert signing_groups(Rules(groups=groups), names) == {
        "listed": {"a@example.org"},
        "domain": {"x@help.example.org"},
    }
