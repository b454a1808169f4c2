"""Certificates in the DNS, from a real zone through a real resolver (RFC 8162)."""

from collections.abc import Iterator
from hashlib import sha256

import pytest

from gateway.lookup.answer import MOST, Answer, NotAnswered
from gateway.lookup.smimea import SmimeaRecords, owner_name
from tests.authority import Authority
from tests.e2e.daemon import free_port
from tests.lookup.zones import BROKEN, PLAIN, SIGNED, Dns, whole, zones


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> dict[str, bytes]:
    return {zone: authority.leaf(f"alice@{zone}", kind="p256").der for zone in (SIGNED, PLAIN, BROKEN)}


@pytest.fixture(scope="module")
def dns(certificates: dict[str, bytes]) -> Iterator[Dns]:
    records = {f"alice@{zone}": [whole(der)] for zone, der in certificates.items()}
    hashed = sha256(certificates[SIGNED]).hexdigest()
    others = [f"3 0 1 {hashed}", f"3 1 0 {certificates[SIGNED].hex()}", whole(b"no certificate", 2)]
    records |= {f"hashes@{SIGNED}": others, f"many@{SIGNED}": [whole(b"%d" % n) for n in range(MOST + 10)]}
    with zones(records) as serving:
        yield serving


def ask(dns: Dns, address: str, **settings: float) -> Answer:
    return SmimeaRecords(("127.0.0.1", dns.resolver), **settings)(address)


def test_a_signed_zone_is_vouched_for(dns: Dns, certificates: dict[str, bytes]) -> None:
    assert ask(dns, f"alice@{SIGNED}") == Answer((certificates[SIGNED],), secure=True)
    assert ask(dns, f"Alice@{SIGNED.upper()}") == Answer((certificates[SIGNED],), secure=True)


def test_an_unsigned_zone_is_not(dns: Dns, certificates: dict[str, bytes]) -> None:
    assert ask(dns, f"alice@{PLAIN}") == Answer((certificates[PLAIN],), secure=False)


def test_a_zone_that_does_not_validate_is_no_answer(dns: Dns) -> None:
    with pytest.raises(NotAnswered, match="may not validate") as failed:
        ask(dns, f"alice@{BROKEN}")
    assert failed.value.lives, "the resolver spoke: the servers of one domain are no reason to spare it"


def test_the_bit_counts_of_a_resolver_on_this_machine_alone(dns: Dns) -> None:
    """Whoever is between us and another machine could set it."""
    assert SmimeaRecords(("127.0.0.1", dns.resolver)).is_believed
    assert not SmimeaRecords(("192.0.2.1", 53)).is_believed
    assert not SmimeaRecords(None).is_believed


def test_who_does_not_validate_says_no_more_than_he_knows(dns: Dns) -> None:
    """The server of the zone answers, and vouches for nothing."""
    assert not SmimeaRecords(("127.0.0.1", dns.server))(f"alice@{SIGNED}").secure


def test_none_is_an_answer(dns: Dns) -> None:
    assert ask(dns, f"nobody@{SIGNED}") == Answer()
    assert not ask(dns, f"nobody@{PLAIN}").certificates


def test_only_whole_certificates_serve(dns: Dns) -> None:
    assert ask(dns, f"hashes@{SIGNED}").certificates == (b"no certificate",), "whatever it is, it is judged elsewhere"


def test_a_large_answer_comes_by_tcp_and_is_cut(dns: Dns) -> None:
    assert len(ask(dns, f"many@{SIGNED}").certificates) == MOST


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(NotAnswered) as failed:
        SmimeaRecords(("127.0.0.1", free_port()), seconds=1.0)(f"alice@{SIGNED}")
    assert not failed.value.lives


@pytest.mark.parametrize("address", ["alice@" + "a" * 64 + ".example", "alice@a..b"])
def test_a_domain_that_is_no_dns_name(address: str) -> None:
    with pytest.raises(NotAnswered, match="no DNS name"):
        owner_name(address)
    assert SmimeaRecords(("127.0.0.1", free_port()))(address) == Answer(), "it publishes none, and nobody is asked"


def test_the_name_is_that_of_the_standard() -> None:
    """RFC 8162 §3, with the example of RFC 7929 §3: hugh@example.com."""
    assert str(owner_name("hugh@example.com")) == (
        "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._smimecert.example.com."
    )
