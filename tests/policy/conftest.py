"""A small world for policy tests: one helpdesk group, certificates of every state, a fixed clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.pki.holding import Holding
from gateway.policy.decide import Decision, decide
from gateway.policy.question import Question
from gateway.policy.rule import Group, Level, Rules
from gateway.policy.wants import CertificatesOf, Found, Lookup, Search
from gateway.story import Wanted, tell
from tests.authority import Authority

AT = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)

Make = Callable[..., Holding]
STANDING = ("has_key", "distrusted", "learned", "capabilities", "fault", "origin", "pinned", "by_dns_alone")
"""What the store says of a certificate."""


@pytest.fixture(scope="session")
def make(authority: Authority) -> Make:
    """Make a holding: ``make("a@b", has_key=True, not_after=...)``."""

    def build(address: str, *, trusted: bool = True, **facts: Any):
        facts.setdefault("kind", "p256")
        standing = {name: facts.pop(name) for name in STANDING if name in facts}
        return Holding(authority.leaf(address, **facts).certificate, trusted, **({"has_key": False} | standing))

    return build


class World:
    """Rules, stored certificates and one question. ``needed``: the addresses that the last decision asked for.

    ``elsewhere``: what sources have, which are asked of nobody unless ``rules`` say so; ``sought``: of whom they were.
    """

    def __init__(self, holdings: dict[str, list[Holding]]) -> None:
        self.holdings = holdings
        self.unasked: frozenset[str] = frozenset()
        self.elsewhere: dict[str, list[Holding]] = {}
        self.lookups: tuple[Lookup, ...] = ()
        self.sought: list[frozenset[str]] = []
        self.needed: frozenset[str] = frozenset()
        self.rules = Rules(groups=(Group("support", ("support@example.org",), Level.IF_POSSIBLE, Level.IF_POSSIBLE),))
        self.question = Question(
            sender="support@example.org",
            recipients=("alice@example.com",),
            author="support@example.org",
            visible=frozenset({"alice@example.com", "bob@example.com"}),
        )

    def levels(self, sign: str, encrypt: str) -> "World":
        """Give the group these levels."""
        group = replace(self.rules.groups[0], sign=Level(sign), encrypt=Level(encrypt))
        self.rules = replace(self.rules, groups=(group,))
        return self

    def ask(self, **changes: Any) -> Decision:
        """Decide over the question with these changes."""
        self.needed = frozenset()
        return tell(decide(replace(self.question, **changes), self.rules, AT), self.answer)

    def answer(self, want: Wanted) -> Found:
        """Answer out of memory."""
        assert isinstance(want, CertificatesOf | Search)
        self.needed |= want.addresses
        found = {address: self.holdings.get(address, []) for address in want.addresses}
        if isinstance(want, CertificatesOf):
            return Found(found)
        self.sought.append(want.addresses)
        return Found(found | self.elsewhere, self.unasked, self.lookups)


@pytest.fixture
def world(make: Make) -> World:
    """The helpdesk has a key, alice and bob have certificates, nobody else has."""
    return World(
        {
            "support@example.org": [make("support@example.org", has_key=True)],
            "alice@example.com": [make("alice@example.com")],
            "bob@example.com": [make("bob@example.com")],
        }
    )
