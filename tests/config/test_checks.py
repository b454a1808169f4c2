"""What must hold between keys: each rule once broken, and once just kept."""

from typing import Any

import pytest

from gateway.config.checks import contradictions, everyone
from gateway.config.options import Admin
from gateway.config.values import network
from tests.config.texts import door, group, options, problems

OTHER = "127.0.0.1:2600"


def test_two_doors_of_one_name() -> None:
    found = problems(listeners=[door(), door(listen=OTHER)])
    assert found == {"listeners[1].name": 'another door is called "out" already; choose another name'}


def test_two_groups_of_one_name() -> None:
    assert list(problems(groups=[group(), group(addresses=["x@example.org"])])) == ["groups[1].name"]


@pytest.mark.parametrize("listen", ["127.0.0.1:2525", "0.0.0.0:2525", "[::]:2525", "localhost:2525"])
def test_two_listeners_on_one_socket(listen: str) -> None:
    found = problems(listeners=[door(), door(name="in", listen=listen)])
    assert list(found) == ["listeners[1].listen"]
    assert "127.0.0.1:2525" in found["listeners[1].listen"]


def test_a_listener_where_the_console_listens() -> None:
    assert "taken" in problems(listeners=[door(listen="127.0.0.1:9425")])["admin.listen"]


def test_two_ports_or_two_addresses_are_two_sockets() -> None:
    assert options(listeners=[door(), door(name="b", listen="127.0.0.2:2525"), door(name="c", listen=OTHER)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("support@example.org", "support@example.org"),
        ("support@example.org", "SUPPORT@EXAMPLE.ORG"),
        ("@example.org", "@Example.org"),
        ("x@bücher.example", "x@xn--bcher-kva.example"),
    ],
)
def test_two_groups_claim_one_address(first: str, second: str) -> None:
    found = problems(groups=[group(addresses=[first]), group(name="b", addresses=["z@z.example", second])])
    assert found == {"groups[1].addresses[1]": f'"{second}" belongs to group "support" already; keep it in one group'}


def test_an_address_and_the_domain_around_it_may_be_two_groups() -> None:
    made = options(groups=[group(), group(name="rest", addresses=["@example.org"])])
    assert [each.name for each in made.groups] == ["support", "rest"]


def test_with_exact_local_parts_two_spellings_are_two_addresses() -> None:
    groups = [group(), group(name="b", addresses=["Support@example.org"])]
    assert len(options(groups=groups, addresses={"local_part_case": "exact"}).groups) == 2


@pytest.mark.parametrize(
    "clients",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["10.0.0.0/8", "0.0.0.0/0"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        ["::/1", "8000::/1"],
        ["::ffff:0:0/96"],
        ["::/64"],
    ],
)
@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_smt_05_the_whole_world_may_not_relay_without_a_login(clients: list[str], direction: str) -> None:
    """SMT-05: start is refused where every client could relay, in however many pieces it is written."""
    found = problems(listeners=[door(clients=clients, direction=direction)])
    assert list(found) == ["listeners[0].clients"]


def test_smt_05_listeners_are_on_loopback_and_for_loopback_by_default() -> None:
    """SMT-05: without a configuration nobody else can even connect."""
    for listener in options().listeners:
        assert listener.listen.loopback
        assert all(client.is_loopback for client in listener.clients)


def test_smt_05_with_a_login_the_whole_world_may_ask() -> None:
    """SMT-05: auth lifts the rule (here on loopback, where no TLS is needed)."""
    made = options(listeners=[door(clients=["0.0.0.0/0", "::/0"], auth="next-hop")])
    assert made.listeners[0].auth.kind == "next-hop"


def test_half_the_world_is_not_everyone() -> None:
    assert not everyone([network("0.0.0.0/1"), network("2000::/3")])


def test_logins_do_not_cross_the_network_in_clear() -> None:
    found = problems(listeners=[door(listen="10.0.0.1:25", clients=["10.0.0.0/8"], auth="next-hop")])
    assert list(found) == ["listeners[0].auth"]
    assert "tls.mode" in found["listeners[0].auth"]


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_tls_needs_a_certificate_and_a_key(mode: str) -> None:
    found = problems(listeners=[door(tls={"mode": mode})])
    assert list(found) == ["listeners[0].tls.certificate", "listeners[0].tls.key"]


@pytest.mark.parametrize("next_hop_tls", ["none", "may"])
@pytest.mark.parametrize("how", [{"auth": "next-hop"}, {"next_hop_auth": {"user": "u", "password_file": "/nowhere"}}])
def test_smt_06_passwords_reach_a_next_hop_only_over_verified_tls(next_hop_tls: str, how: dict[str, Any]) -> None:
    """SMT-06: neither in clear nor to whoever answers."""
    found = problems(listeners=[door(next_hop="mx.example.org:25", next_hop_tls=next_hop_tls, **how)])
    assert "set verify" in found["listeners[0].next_hop_tls"]


@pytest.mark.parametrize("safe", [{"next_hop_tls": "verify", "next_hop": "mx.example.org:25"}, {}])
def test_smt_06_verified_or_local_is_enough(safe: dict[str, Any]) -> None:
    """SMT-06: verified TLS, or a next hop on this machine."""
    assert options(listeners=[door(auth="next-hop", **safe)]).listeners[0].auth.kind == "next-hop"


def test_two_logins_at_the_next_hop_contradict_each_other() -> None:
    login = {"user": "u", "password_file": "/nowhere"}
    assert (
        "remove one" in problems(listeners=[door(auth="next-hop", next_hop_auth=login)])["listeners[0].next_hop_auth"]
    )


@pytest.mark.parametrize(
    ("tags", "key"),
    [
        ({"sign": "[x]", "encrypt": "[X]"}, "encrypt"),
        ({"encrypt": "[e]", "plain": "[e] plain"}, "plain"),
        ({"sign": "crypt", "plain": "encrypt"}, "plain"),
    ],
)
def test_subject_tags_must_be_told_apart(tags: dict[str, str], key: str) -> None:
    assert list(problems(overrides={"subject": tags})) == [f"overrides.subject.{key}"]


def test_three_different_tags() -> None:
    assert (
        options(overrides={"subject": {"sign": "[s]", "encrypt": "[e]", "plain": "[p]"}}).overrides.subject.plain
        == "[p]"
    )


def test_connections_are_enough_for_every_worker() -> None:
    assert list(problems(workers=8, limits={"connections": 7})) == ["limits.connections"]
    assert options(workers=8, limits={"connections": 8}).workers == 8


@pytest.mark.parametrize("section", ["admin", "metrics"])
def test_http_in_clear_stays_on_loopback(section: str) -> None:
    assert list(problems(**{section: {"listen": "10.0.0.1:9427"}})) == [f"{section}.listen"]


def test_under_tls_the_console_may_be_anywhere() -> None:
    outside = options().model_copy(
        update={"admin": Admin.model_validate({"listen": "10.0.0.1:9427", "tls": {"certificate": "/c", "key": "/k"}})}
    )
    assert list(contradictions(outside)) == []


def test_held_mail_needs_a_next_hop() -> None:
    """An inbound milter holds mail, but has no next hop to deliver it to when its key comes."""
    milters = [{"name": "mx", "direction": "inbound", "listen": "unix:/run/mx"}]
    key = "inbound.hold.next_hop"
    assert key in problems(listeners=[door()], milters=milters)
    inbound = door(name="in", direction="inbound", listen="127.0.0.1:2527")
    options(listeners=[door(), inbound], milters=milters)
    for hold in ({"next_hop": "127.0.0.1:2526"}, {"enabled": False}):
        options(listeners=[door()], milters=milters, inbound={"hold": hold})
    options(listeners=[door()])


def milter(**changes: Any) -> dict[str, Any]:
    return {"name": "submission", "direction": "outbound", "listen": "unix:/run/gw/out.sock", **changes}


@pytest.mark.parametrize(
    ("milters", "key", "begin"),
    [
        ([milter(listen="inet:10.0.0.1:8891")], "milters[0].listen", "must be a loopback address"),
        ([milter(), milter(name="again")], "milters[1].listen", "/run/gw/out.sock is taken"),
        ([milter(listen="inet:127.0.0.1:10025")], "milters[0].listen", "127.0.0.1:10025 is taken"),
        ([milter(name="outbound")], "milters[0].name", "another door"),
    ],
)
def test_milters_stay_apart(milters: list[dict[str, Any]], key: str, begin: str) -> None:
    found = problems(milters=milters)
    assert list(found) == [key]
    assert found[key].startswith(begin)


def test_milters_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.config.checks.find_spec", lambda name: None)
    assert problems(milters=[milter()]) == {
        "milters": 'needs pymilter; install smime-gateway[milter]; in a checkout: pip install ".[milter]"'
    }
    options()


def test_postgresql_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+psycopg://gw@db/mail"
    assert options(database=url).database == url
    monkeypatch.setattr("gateway.config.checks.find_spec", lambda name: None)
    assert problems(database=url) == {
        "database": 'needs psycopg; install smime-gateway[postgresql]; in a checkout: pip install ".[postgresql]"'
    }
