"""Whose revocation status is to be found out: of mail that is right in everything else (rows NET-01, NET-02)."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.engine.transaction import Direction, Outcome
from gateway.pki.certificate import Certificate
from gateway.pki.trust import TrustSnapshot
from gateway.pki.validation import Revocation, Strictness
from tests.authority import Authority, Issued
from tests.engine.world import AT, HELPDESK, World
from tests.letters import ENTITY, head, signed

ALICE = "alice@customer.example"


class Asking(World):
    """A helpdesk that wants to know."""

    def __init__(self, authority: Authority, revocation: Revocation = Revocation.HARD) -> None:
        super().__init__(authority)
        self.strictness = Strictness(revocation)
        self.anchors = [authority.root, authority.intermediate]
        self.known: list[Certificate] = []

    def trust(self, leaf: Certificate) -> TrustSnapshot:
        if not self.known:
            return super().trust(leaf)
        return TrustSnapshot([anchor.certificate for anchor in self.anchors], self.known)


def receive(world: World, content: bytes) -> Outcome:
    return world.send(content, HELPDESK, sender=ALICE, direction=Direction.INBOUND)


def status(outcome: Outcome) -> str:
    return str(outcome.finding.signature.status)


@pytest.fixture(scope="module")
def alice(authority: Authority) -> Issued:
    return authority.leaf(ALICE, kind="p256")


@pytest.mark.parametrize(("setting", "expected"), [("off", "pass"), ("soft", "pass"), ("hard", "temperror")])
def test_an_unknown_status_is_wanted_with_the_path_to_the_anchor(
    authority: Authority, alice: Issued, setting: str, expected: str
) -> None:
    world = Asking(authority, Revocation(setting))
    assert status(receive(world, head() + signed(alice))) == expected
    assert world.unknown == [(alice.certificate, authority.intermediate.certificate)]


def test_every_certificate_below_the_anchor_is_wanted(authority: Authority, alice: Issued) -> None:
    world = Asking(authority)
    middle, root = authority.intermediate.certificate, authority.root.certificate
    world.known = [middle]
    world.anchors = [authority.root]
    receive(world, head() + signed(alice))
    assert world.unknown == [(alice.certificate, middle, root), (middle, root)]


def test_what_weighs_less_than_a_revocation_does_not_matter(authority: Authority) -> None:
    """Else such mail would say temperror for ever under ``hard``."""
    for signer in (
        authority.leaf("bob@customer.example", kind="p256"),
        authority.leaf(ALICE, kind="p256", key_usage=("keyAgreement",)),
    ):
        world = Asking(authority)
        assert status(receive(world, head() + signed(signer))) == "temperror"
        assert [path[0] for path in world.unknown] == [signer.certificate]


def no_path(authority: Authority) -> bytes:
    return head() + signed(Authority(name="Stranger").leaf(ALICE, kind="p256"))


def own_root(authority: Authority) -> bytes:
    return head() + signed(authority.self_signed(ALICE, kind="p256"))


def altered(authority: Authority) -> bytes:
    return (head() + signed(authority.leaf(ALICE, kind="p256"))).replace(b"sesame", b"Sesame")


def anothers_key(authority: Authority) -> bytes:
    return head() + signed(authority.leaf(ALICE, kind="p256", broken_signature=True))


def expired(authority: Authority) -> bytes:
    return head() + signed(authority.leaf(ALICE, kind="p256", not_after=AT - timedelta(days=1)))


def not_signed(authority: Authority) -> bytes:
    return head() + ENTITY


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (no_path, "policy"),
        (own_root, "policy"),
        (altered, "fail"),
        (anothers_key, "policy"),
        (expired, "policy"),
        (not_signed, "none"),
    ],
)
def test_net_01_nothing_is_wanted_where_something_graver_is_wrong(
    authority: Authority, made: Callable[[Authority], bytes], expected: str
) -> None:
    world = Asking(authority)
    assert status(receive(world, made(authority))) == expected
    assert world.unknown == []


def test_net_01_nothing_is_wanted_of_a_leaf_that_is_trusted_for_itself(authority: Authority) -> None:
    world = Asking(authority)
    world.anchors = []
    signer = world.hold(ALICE, kind="p256")
    assert status(receive(world, head() + signed(signer))) == "pass"
    assert world.unknown == []
