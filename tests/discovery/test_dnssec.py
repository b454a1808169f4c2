"""What the DNS vouches for, from a real signed zone to the certificate that is used, and no further."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.engine.transaction import Client, Direction, FrontEnd, Transaction
from gateway.gather import try_out
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.holding import Holding, Origin
from gateway.policy.choose import for_encryption
from gateway.reason import Reason
from gateway.store.certificates.found import Find
from gateway.store.certificates.said import Trust
from gateway.wiring import build_engine
from tests.authority import Authority, Issued
from tests.discovery.worlds import Gateway, gateway, options_of
from tests.letters import head, signed
from tests.lookup.zones import PLAIN, SIGNED, Dns, whole, zones

STRANGER = Authority(name="Stranger")
Make = Callable[..., Gateway]


@pytest.fixture(scope="module")
def people() -> dict[str, Issued]:
    """Nobody's authority is trusted here; one is self-signed."""
    return {
        f"alice@{SIGNED}": STRANGER.leaf(f"alice@{SIGNED}", kind="p256"),
        f"self@{SIGNED}": STRANGER.self_signed(f"self@{SIGNED}", kind="p256"),
        f"alice@{PLAIN}": STRANGER.leaf(f"alice@{PLAIN}", kind="p256"),
    }


@pytest.fixture(scope="module")
def dns(people: dict[str, Issued]) -> Iterator[Dns]:
    with zones({address: [whole(issued.der)] for address, issued in people.items()}) as serving:
        yield serving


@pytest.fixture
def make(tmp_path: Path, dns: Dns) -> Iterator[Make]:
    with ExitStack() as opened:

        def made(minimum: str = "dnssec", **values: Any) -> Gateway:
            source = {"name": "dns", "kind": "smimea", "domains": ["*"], "minimum": minimum}
            source["resolver"] = f"127.0.0.1:{dns.resolver}"
            return opened.enter_context(gateway(options_of(tmp_path, source, **values)))

        yield made


def use(world: Gateway, address: str) -> Holding | Reason:
    at = datetime.now(UTC)
    world.search.search([address], at)
    return for_encryption(world.store.certificates.find([address], at)[address], at)


@pytest.mark.parametrize("local", ["alice", "self"])
def test_what_the_dns_vouches_for_is_used_where_that_is_enough(make: Make, local: str) -> None:
    found = use(make(), f"{local}@{SIGNED}")
    assert isinstance(found, Holding)
    assert (found.origin, found.by_dns_alone, found.learned) == (Origin.DNS, True, True)


def test_elsewhere_it_waits(make: Make) -> None:
    assert use(make(), f"alice@{PLAIN}") is Reason.UNTRUSTED, "an answer that was not validated"
    assert use(make("chain"), f"alice@{SIGNED}") is Reason.UNTRUSTED


def test_with_an_anchor_above_it_the_dns_does_not_matter(make: Make) -> None:
    world = make("chain")
    world.trusting(STRANGER)
    found = use(world, f"alice@{SIGNED}")
    assert isinstance(found, Holding) and not found.by_dns_alone


def test_nobody_is_encrypted_to_below_an_authority_that_is_distrusted(make: Make) -> None:
    world = make()
    world.trusting(STRANGER)
    world.store.certificates.set_trust(STRANGER.intermediate.certificate.fingerprint, Trust.DISTRUSTED)
    assert use(world, f"alice@{SIGNED}") is Reason.UNTRUSTED


def test_what_its_owner_signs_stays_untrusted(make: Make, people: dict[str, Issued]) -> None:
    """Good to encrypt to, and nothing else: approved or not."""
    world, alice = make(), f"alice@{SIGNED}"
    assert isinstance(use(world, alice), Holding)
    letter = head().replace(b"alice@customer.example", alice.encode()) + signed(people[alice])
    for _ in range(2):
        envelope = Envelope(alice, (Recipient("support@example.org"),))
        at = datetime.now(UTC)
        mail = Transaction("a", Direction.INBOUND, FrontEnd.SMTP, "in", Client("192.0.2.7"), envelope, letter, at, True)
        found = try_out(build_engine(world.options, world.store), world.store, mail).finding.signature
        assert found is not None
        assert (found.status, found.reason) == ("policy", "no-path")
        world.store.places.approve(people[alice].certificate.fingerprint, "ada")


def test_a_group_may_ask_for_an_anchor(make: Make) -> None:
    group = {"name": "support", "addresses": ["support@example.org"], "sign": "never", "encrypt": "required"}
    for minimum, refused in ((None, False), ("chain", True)):
        world = make(groups=[group | {"minimum": minimum}])
        use(world, f"alice@{SIGNED}")
        content = f"From: support@example.org\r\nTo: alice@{SIGNED}\r\n\r\nHello\r\n".encode()
        envelope, at = Envelope("support@example.org", (Recipient(f"alice@{SIGNED}"),)), datetime.now(UTC)
        client = Client("127.0.0.1")
        mail = Transaction("a", Direction.OUTBOUND, FrontEnd.SMTP, "out", client, envelope, content, at, True)
        outcome = try_out(build_engine(world.options, world.store), world.store, mail)
        assert (outcome.reply is not None) is refused
        if refused:
            assert str(outcome.reply).startswith("550 5.7.3 untrusted")


def test_what_the_dns_has_no_more_it_vouches_for_no_more(make: Make, people: dict[str, Issued]) -> None:
    world, alice = make(), f"alice@{SIGNED}"
    gone = STRANGER.leaf(alice, kind="p256").certificate
    world.store.found.file(alice, "dns", Origin.DNS, [Find(gone, dnssec=True)])
    assert isinstance(use(world, alice), Holding)
    at = datetime.now(UTC)
    used = {each.certificate: each.fault for each in world.store.certificates.find([alice], at)[alice]}
    assert used == {people[alice].certificate: None, gone: Reason.UNTRUSTED}


def test_nor_where_it_has_none(make: Make) -> None:
    world, bob = make(), f"bob@{SIGNED}"
    gone = STRANGER.leaf(bob, kind="p256").certificate
    world.store.found.file(bob, "dns", Origin.DNS, [Find(gone, dnssec=True)])
    generation = world.store.generation.current()
    assert use(world, bob) is Reason.UNTRUSTED
    assert world.store.generation.current() != generation
