"""From an address to a certificate that serves, or waits, or does not: sources, belief and store together."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.discovery.search import Searched
from gateway.lookup.directory import FAILURES
from gateway.pki.holding import Holding, Origin
from gateway.policy.choose import for_encryption
from gateway.reason import Reason
from gateway.store.certificates.said import Trust
from tests.authority import CLIENT_AUTH, Authority, Issued
from tests.discovery.worlds import ALICE, DOMAIN, Gateway, gateway, options_of, publish, web
from tests.lookup.site import Site, listening

DAY = timedelta(days=1)
Make = Callable[..., Gateway]


@pytest.fixture
def site() -> Iterator[Site]:
    with listening() as opened:
        yield opened


@pytest.fixture
def make(tmp_path: Path, site: Site, authority: Authority) -> Iterator[Make]:
    """Make a gateway that asks ``site`` and trusts the authority."""
    with ExitStack() as opened:

        def made(*sources: dict[str, Any], **values: Any) -> Gateway:
            options = options_of(tmp_path, *(sources or (web(site),)), **values)
            return opened.enter_context(gateway(options)).trusting(authority)

        yield made


def now() -> datetime:
    return datetime.now(UTC)


def results(searched: Searched) -> list[str]:
    return [each.result for each in searched.lookups]


def choice(world: Gateway, address: str = ALICE, at: datetime | None = None) -> str | Reason:
    moment = at or now()
    found = for_encryption(world.store.certificates.find([address], moment)[address], moment)
    return found.certificate.fingerprint if isinstance(found, Holding) else found


def is_used(world: Gateway, issued: Issued, address: str = ALICE) -> bool:
    return choice(world, address) == issued.certificate.fingerprint


# what is believed


def test_one_that_leads_to_an_anchor_and_holds_the_address_is_used(
    site: Site, make: Make, authority: Authority
) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice)
    world = make()
    assert choice(world) is Reason.NO_CERTIFICATE
    assert results(world.search.search([ALICE], now())) == ["found"]
    assert is_used(world, alice)
    (holding,) = world.store.certificates.find([ALICE], now())[ALICE]
    assert (holding.origin, holding.learned, holding.has_key) == (Origin.DIRECTORY, True, False)
    assert [each.result for each in world.counted] == ["found"]


def test_what_came_with_it_helps_the_path_and_becomes_nothing(site: Site, make: Make, authority: Authority) -> None:
    middle = authority.ca("Unknown Middle", issuer=authority.root)
    alice = authority.leaf(ALICE, kind="p256", issuer=middle)
    publish(site, alice, middle)
    world = make()
    world.search.search([ALICE], now())
    assert is_used(world, alice)
    assert middle.certificate not in world.store.evidence.authorities()


def test_an_authority_of_a_poisoned_directory_is_believed_nothing(site: Site, make: Make) -> None:
    stranger = Authority(name="Stranger")
    alice = stranger.leaf(ALICE, kind="p256")
    publish(site, alice, stranger.intermediate, stranger.root)
    world = make()
    assert results(world.search.search([ALICE], now())) == ["pending"]
    assert choice(world) is Reason.UNTRUSTED
    assert world.states(now()) == {alice.certificate.fingerprint: "pending"}
    world.bring(stranger.root)
    world.bring(stranger.intermediate, trust=False)
    assert is_used(world, alice), "an anchor above it is what it waited for"
    world.store.certificates.set_trust(stranger.root.certificate.fingerprint, Trust.DISTRUSTED)
    assert choice(world) is Reason.UNTRUSTED


@pytest.mark.parametrize(
    "facts",
    [
        {"addresses": ("bob@customer.example",)},
        {"addresses": ()},
        {"addresses": ("alice@customer.example.evil.example",)},
        {"addresses": (), "subject_addresses": (ALICE,)},
        {"not_after": datetime(2025, 6, 1, tzinfo=UTC)},
        {"key_usage": ("digitalSignature",)},
        {"extended_key_usage": (CLIENT_AUTH,)},
        {"kind": "rsa-1024"},
        {"kind": "dsa"},
        {"ca": True, "key_usage": None},
    ],
)
def test_what_may_not_serve_is_not_stored(site: Site, make: Make, authority: Authority, facts: dict[str, Any]) -> None:
    addresses = facts.pop("addresses", (ALICE,))
    publish(site, authority.leaf(*addresses, **({"kind": "p256"} | facts)))
    world = make()
    assert results(world.search.search([ALICE], now())) == ["unusable"]
    assert world.states(now()) == {}


def test_a_revoked_one_serves_for_nothing(site: Site, make: Make, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice)
    world = make()
    world.bring(data=authority.revocation_list(alice).public_bytes(Encoding.DER))
    world.search.search([ALICE], now())
    assert choice(world) is Reason.REVOKED


@pytest.mark.parametrize("page", [b"", b"<html>nothing here</html>", b"\x30\x82\xff\xff", b"\x30\x80" * 5000])
def test_a_page_that_is_no_certificate_is_none(site: Site, make: Make, page: bytes) -> None:
    publish(site, page)
    assert results(make().search.search([ALICE], now())) == ["none"]


def test_of_a_thousand_answers_some_are_kept(site: Site, make: Make, authority: Authority) -> None:
    crowd = [authority.leaf(ALICE, kind="p256", serial=number + 1) for number in range(60)]
    publish(site, *crowd)
    world = make()
    assert results(world.search.search([ALICE], now())) == ["found"]
    assert len(world.states(now())) == 3


def test_minimum_pending_is_never_used_by_itself(site: Site, make: Make, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice)
    world = make(web(site, minimum="pending"))
    assert results(world.search.search([ALICE], now())) == ["pending"]
    assert choice(world) is Reason.UNTRUSTED
    world.store.places.approve(alice.certificate.fingerprint, "ada")
    assert is_used(world, alice)
    (holding,) = world.store.certificates.find([ALICE], now())[ALICE]
    assert holding.learned, "approved to encrypt to; not trusted for what it signs"
    world.store.lookups.forget([ALICE])
    world.search.search([ALICE], now())
    assert is_used(world, alice), "the next look-up takes nothing back"


# what holds a place


def test_what_an_administrator_brought_is_never_replaced(site: Site, make: Make, authority: Authority) -> None:
    mine, theirs = authority.leaf(ALICE, kind="p256"), authority.leaf(ALICE, kind="p256")
    publish(site, theirs)
    world = make()
    world.bring(mine)
    assert results(world.search.search([ALICE], now())) == ["pending"]
    assert is_used(world, mine)
    assert world.states(now())[theirs.certificate.fingerprint] == "pending"
    world.store.places.approve(theirs.certificate.fingerprint[:16], "ada")
    assert is_used(world, theirs), "approving swaps"
    assert world.states(now())[mine.certificate.fingerprint] == "superseded"
    world.store.places.pin(mine.certificate.fingerprint, "ada")
    assert is_used(world, mine), "and pinning swaps back"


def test_one_that_expired_holds_no_place_unless_it_is_pinned(site: Site, make: Make, authority: Authority) -> None:
    old = authority.leaf(ALICE, kind="p256", not_after=datetime(2025, 6, 1, tzinfo=UTC))
    new = authority.leaf(ALICE, kind="p256")
    publish(site, new)
    world = make()
    world.bring(old)
    world.search.search([ALICE], now())
    assert is_used(world, new)
    world.store.places.pin(old.certificate.fingerprint, "ada")
    assert choice(world) is Reason.EXPIRED
    third = authority.leaf(ALICE, kind="p256")
    publish(site, third)
    assert [each.result for each in world.search.find(ALICE).lookups] == ["pending"]
    world.bring(third)
    assert is_used(world, third), "an administrator's word is no less than another's"


def test_a_renewal_of_the_same_key_does_not_wait(site: Site, make: Make, authority: Authority) -> None:
    first = authority.leaf(ALICE, kind="p256")
    renewed = authority.leaf(ALICE, kind="p256", key=first.private_key)
    publish(site, renewed)
    world = make()
    world.bring(first)
    assert results(world.search.search([ALICE], now())) == ["found"]


def test_a_key_that_changes_daily(site: Site, make: Make, authority: Authority, caplog: Any) -> None:
    """Nothing grows without bound, the newest serves, and another issuer is told."""
    world, start = make(), datetime(2026, 1, 1, tzinfo=UTC)
    for day in range(8):
        latest = authority.leaf(ALICE, kind="p256", not_before=start + day * DAY)
        publish(site, latest)
        assert results(world.search.find(ALICE)) == ["found"]
        assert is_used(world, latest)
    assert len(world.states(now())) == 3
    other = authority.ca("Other", issuer=authority.root)
    publish(site, authority.leaf(ALICE, kind="p256", issuer=other, not_before=start + 9 * DAY), other)
    assert results(world.search.find(ALICE)) == ["new-issuer"]


def test_a_directory_ranks_above_mail(site: Site, make: Make, authority: Authority) -> None:
    listed = authority.leaf(ALICE, kind="p256")
    shown = authority.leaf(ALICE, kind="p256", not_before=datetime(2026, 1, 1, tzinfo=UTC))
    world = make()
    world.store.learned.learn(ALICE, shown.certificate, (), now(), trusted=True)
    assert is_used(world, shown)
    publish(site, listed)
    world.search.search([ALICE], now())
    assert is_used(world, listed), "however new the other is"


def test_what_was_deleted_or_distrusted_does_not_come_back(site: Site, make: Make, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice)
    world = make()
    world.search.search([ALICE], now())
    world.store.certificates.set_trust(alice.certificate.fingerprint, Trust.DISTRUSTED)
    world.search.find(ALICE)
    assert world.states(now()) == {alice.certificate.fingerprint: "distrusted"}
    world.store.certificates.delete(alice.certificate.fingerprint)
    assert results(world.search.find(ALICE)) == ["unusable"]
    assert world.states(now()) == {}


def test_a_certificate_whose_key_is_here_is_not_taken_from_others(site: Site, make: Make, authority: Authority) -> None:
    ours = authority.leaf(ALICE, kind="p256")
    world = make()
    world.bring(data=ours.key_pem())
    publish(site, ours)
    assert results(world.search.search([ALICE], now())) == ["unusable"]


# whom is asked, and when


def test_an_address_goes_to_sources_of_its_domain_only(site: Site, make: Make) -> None:
    world = make(web(site, "one"), web(site, "two", domains=("other.example",)), web(site, "all", domains=("*",)))
    world.search.search([ALICE, "bob@elsewhere.example", f"x@sub.{DOMAIN}"], now())
    asked = sorted(path.removeprefix("/") for path in site.paths())
    assert asked == [
        "all/alice%40customer.example",
        "all/bob%40elsewhere.example",
        "all/x%40sub.customer.example",
        "one/alice%40customer.example",
    ]


def test_an_answer_is_kept_none_too(site: Site, make: Make, authority: Authority) -> None:
    world = make()
    assert results(world.search.search([ALICE], now())) == ["none"]
    publish(site, authority.leaf(ALICE, kind="p256"))
    assert results(world.search.search([ALICE.upper()], now() + timedelta(hours=23))) == []
    assert results(world.search.search([ALICE], now() + timedelta(hours=25))) == ["found"]
    assert results(world.search.search([ALICE], now() + 6 * DAY)) == []
    assert results(world.search.search([ALICE], now() + 8 * DAY)) == ["found"]


def test_it_is_asked_again_before_the_certificate_expires(site: Site, make: Make, authority: Authority) -> None:
    publish(site, authority.leaf(ALICE, kind="p256", not_after=now() + 10 * DAY))
    world = make()
    world.search.search([ALICE], now())
    assert results(world.search.search([ALICE], now() + 2.9 * DAY)) == []
    assert results(world.search.search([ALICE], now() + 3.1 * DAY)) == ["found"]


def test_a_failure_is_never_kept_for_an_answer(site: Site, make: Make, authority: Authority) -> None:
    site.put("/web/alice%40customer.example", b"", "503 Later")
    world = make()
    first = world.search.search([ALICE], now())
    assert (results(first), first.unasked) == (["failed"], {ALICE})
    (said,) = world.store.lookups.of([ALICE])
    assert (said.source, said.result) == ("web", "failed")
    publish(site, authority.leaf(ALICE, kind="p256"))
    assert results(world.search.search([ALICE], now())) == ["found"]


def test_one_of_two_sources_that_fails_leaves_the_question_open(site: Site, make: Make, authority: Authority) -> None:
    site.put("/two/alice%40customer.example", b"", "503 Later")
    world = make(web(site, "one"), web(site, "two"))
    assert world.search.search([ALICE], now()).unasked == {ALICE}
    publish(site, authority.leaf(ALICE, kind="p256"), name="one")
    world.store.lookups.forget([ALICE])
    world.search.search([ALICE], now())
    assert not isinstance(choice(world), Reason), "what one has serves, whatever becomes of the other"


def test_a_slow_source_costs_the_timeout_and_what_it_says_is_stored(
    site: Site, make: Make, authority: Authority
) -> None:
    alice, go = authority.leaf(ALICE, kind="p256"), threading.Event()

    def slowly(stream: Any) -> None:
        go.wait(10)
        page = alice.pem()
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(page) + page)

    site.behave("/web/alice%40customer.example", slowly)
    world = make(discovery={"timeout": "1s"})
    searched = world.search.search([ALICE], now())
    assert (results(searched), searched.unasked) == (["failed"], {ALICE})
    go.set()
    while not world.counted:
        time.sleep(0.01)
    assert is_used(world, alice)
    assert results(world.search.search([ALICE], now())) == [], "and it is not asked again"
    assert site.connections == 1


def test_a_source_that_is_down_is_spared(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Mail flows on at once: nobody waits for what is known to be down."""
    with listening() as gone:
        source = web(gone)
    world = make(source)
    with caplog.at_level(logging.WARNING):
        for number in range(FAILURES + 3):
            assert world.search.search([f"p{number}@{DOMAIN}"], now()).unasked
    spoken = [record.getMessage() for record in caplog.records]
    assert sum("the connection failed" in text for text in spoken) == FAILURES
    assert any("nobody asks it for a while" in text for text in spoken)
    assert not any("@" in text for text in spoken), "whose mail it was is nobody's business"


def test_many_ask_for_one_address_once(site: Site, make: Make, authority: Authority) -> None:
    publish(site, authority.leaf(ALICE, kind="p256"))
    world, go = make(), threading.Event()
    page = site._pages["/web/alice%40customer.example"]
    assert isinstance(page, bytes)

    def slowly(stream: Any) -> None:
        go.wait(10)
        stream.sendall(page)

    site.behave("/web/alice%40customer.example", slowly)
    found: list[list[str]] = []
    askers = [
        threading.Thread(target=lambda: found.append(results(world.search.search([ALICE], now())))) for _ in range(20)
    ]
    for asker in askers:
        asker.start()
    while not site.connections:
        time.sleep(0.01)
    go.set()
    for asker in askers:
        asker.join()
    assert site.connections == 1
    assert [result for result in found if result] and all(result in ([], ["found"]) for result in found)


def test_addresses_that_a_source_does_not_like_leave_it_in_use(site: Site, make: Make, authority: Authority) -> None:
    """Strangers choose theirs, and must not have it spared for everybody."""
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice)
    world = make()
    odd = [f"o'{number}@{DOMAIN}" for number in range(FAILURES + 1)]
    for address in odd:
        site.put(f"/web/{quote(address, safe='')}", b"", "400 Bad Request")
        assert world.search.search([address], now()).unasked == {address}
    assert results(world.search.search([ALICE], now())) == ["found"]


def test_one_that_was_closed_while_mail_was_under_way_could_not_be_asked(make: Make) -> None:
    world = make()
    world.search.close()
    assert world.search.search([ALICE], now()).unasked == {ALICE}


def test_what_an_administrator_takes_back_no_source_gives_again(site: Site, make: Make, authority: Authority) -> None:
    alice = authority.leaf(ALICE, kind="p256")
    publish(site, alice)
    world = make()
    world.search.find(ALICE)
    assert is_used(world, alice)
    for trust in (Trust.DISTRUSTED, Trust.NONE):
        world.store.certificates.set_trust(alice.certificate.fingerprint, trust)
        world.search.find(ALICE)
        assert choice(world) is Reason.UNTRUSTED
    world.store.places.approve(alice.certificate.fingerprint, "ada")
    assert is_used(world, alice)
