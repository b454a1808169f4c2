"""Every warning once, and silence where there is nothing to say."""

from typing import Any

import pytest

from gateway.config import warnings
from tests.config.texts import door, doubts, group, options

MILTER = {"name": "m", "direction": "outbound", "listen": "unix:/out.sock"}
ARRIVING = door(name="mx", direction="inbound", listen="127.0.0.1:2530")


def test_nothing_to_say() -> None:
    assert doubts() == []
    assert doubts(milters=[MILTER], listeners=[door(direction="inbound")]) == []
    assert doubts(milters=[MILTER], groups=[group(submitters={"users": ["x"]})]) == []
    assert doubts(listeners=[door(), ARRIVING]) == []


@pytest.mark.parametrize(
    ("values", "begin"),
    [
        ({"enabled": False}, "enabled: false"),
        ({"groups": []}, "groups: empty"),
        ({"listeners": [door(direction="inbound")]}, "listeners: none is outbound"),
        ({"listeners": [door()]}, "listeners: none is inbound: arriving mail is not opened"),
        ({"listeners": []}, "listeners: no door at all"),
        (
            {"milters": [MILTER | {"listen": "unix:/no/such/folder/out.sock"}]},
            "milters[0].listen: /no/such/folder does",
        ),
        ({"defaults": {"sign": "never"}}, "defaults: encrypts without signing"),
        (
            {"groups": [group(submitters={"clients": ["127.0.0.1", "10.9.8.0/24"]})]},
            "groups[0].submitters.clients[1]: 10.9.8.0/24 gets in by no outbound listener",
        ),
        ({"groups": [group(sign="never")]}, "groups[0]: encrypts without signing"),
        ({"groups": [group(sign="never", encrypt="required")]}, "groups[0]: encrypts without signing"),
        (
            {"listeners": [door(next_hop="127.0.0.1:2525"), ARRIVING]},
            "listeners[0].next_hop: 127.0.0.1:2525 is the gateway's own",
        ),
        (
            {"listeners": [door(next_hop="localhost:2525"), ARRIVING]},
            "listeners[0].next_hop: localhost:2525 is the gateway's own",
        ),
        (
            {"inbound": {"hold": {"next_hop": "127.0.0.1:10024"}}},
            "inbound.hold.next_hop: 127.0.0.1:10024 is the gateway's own listeners[1].listen",
        ),
        ({"internal": {"addresses": ["a@b.example", "A@b.example"]}}, "internal.addresses[1]:"),
        ({"groups": [group(addresses=["@b.example", "@b.example"])]}, "groups[0].addresses[1]:"),
        (
            {"listeners": [door(tls={"certificate": "/etc/hostname"}), ARRIVING]},
            "listeners[0].tls.mode: none",
        ),
        ({"groups": [group(submitters={"users": ["x"]})]}, "groups[0].submitters.users: no outbound listener has auth"),
        ({"milters": [MILTER | {"listen": "inet:127.0.0.1:8891"}]}, "milters[0].listen: TCP costs"),
        ({"milters": [MILTER | {"mode": "0666"}]}, "milters[0].mode: 0666: any local user"),
        ({"hostname": "box"}, 'hostname: "box"'),
        ({"limits": {"message_size": "1kB"}}, "limits.message_size:"),
        ({"limits": {"connections": 10}}, "limits.connections_per_client:"),
        ({"retention": {"ledger": "1h"}}, "retention.ledger:"),
        ({"database": "postgresql+psycopg://gw@db/mail"}, "authserv_id: smime."),
    ],
)
def test_one_doubt(values: dict[str, Any], begin: str) -> None:
    (doubt,) = doubts(**values)
    assert doubt.startswith(begin)


def test_a_domain_before_its_addresses_hides_them() -> None:
    groups = [group(addresses=["@example.org"]), group(name="late", addresses=["late@example.org", "late@b.example"])]
    (doubt,) = warnings(options(groups=groups))
    assert doubt.startswith('groups[1].addresses[0]: "late@example.org" is never reached')


def test_an_address_before_its_domain_is_fine() -> None:
    assert warnings(options(groups=[group(), group(name="rest", addresses=["@example.org"])])) == []


def test_an_address_behind_the_one_without_detail_is_never_reached() -> None:
    (doubt,) = warnings(options(groups=[group(), group(name="b", addresses=["support+vip@example.org"])]))
    assert "never reached" in doubt


def test_logins_can_be_used_where_a_listener_asks_for_them() -> None:
    listeners = [door(auth="next-hop"), ARRIVING]
    assert doubts(listeners=listeners, groups=[group(submitters={"users": ["x"]})]) == []


def test_never_and_never_is_no_encryption_without_signature() -> None:
    assert doubts(groups=[group(sign="never", encrypt="never")]) == []
