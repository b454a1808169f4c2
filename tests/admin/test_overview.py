"""Everything at a glance: is mail flowing, what came within a day, and what needs attention, on both databases."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.attention import Matter, Topic, Urgency
from gateway.admin.overview import DoorView, FlowView, Result, overview, result_of
from gateway.clock import now
from gateway.engine.record import Record
from gateway.engine.transaction import Direction
from gateway.store import schema
from gateway.store.imports.importing import ImportOptions, import_file
from gateway.wiring import Wiring
from tests.admin.conftest import fill
from tests.authority import Authority, Issued
from tests.store.gateways.around import here
from tests.store.held.messages import held as hold
from tests.store.journal.records import record

CLOSED = {"status": "failed", "reason": "decrypt-failed", "key": "ab" * 32}


def wrote(wiring: Wiring, *facts: dict[str, Any]) -> list[Record]:
    """Journal a message for each, received an hour ago if nothing else is said."""
    recent = now() - timedelta(hours=1)
    made = [record(f"{number:022x}", **{"received_at": recent, **each}) for number, each in enumerate(facts)]
    wiring.store.journal.write(made)
    return made


def of(found: tuple[Matter, ...], topic: Topic) -> list[Matter]:
    return [matter for matter in found if matter.topic is topic]


def test_an_empty_gateway_needs_a_certificate_and_nothing_else(anywhere: Wiring) -> None:
    view = overview(anywhere)
    assert (view.flow, view.total, view.counts) == (None, 0, ())
    assert len(view.hours) == 25
    (matter,) = view.attention
    assert (matter.topic, matter.urgency, matter.names) == (Topic.GROUP, Urgency.SOON, ("support",))


def test_a_day_is_counted_by_hour_and_result(filled: Wiring) -> None:
    wrote(
        filled,
        {},
        {"encryption": {"status": "encrypted"}},
        {"signature": {"status": "not-signed"}},
        {"verdict": "reject", "deliveries": ()},
        {"verdict": "defer"},
        {"direction": "inbound"},
        {"direction": "inbound", "encryption": {"status": "decrypted"}, "signature": {"status": "pass"}},
        {"direction": "inbound", "signature": {"status": "policy", "reason": "untrusted"}},
        {"received_at": now() - timedelta(days=2)},
        {"received_at": now() - timedelta(hours=5)},
    )
    view = overview(filled)
    assert view.total == 9
    hours = {hour.hour: hour for hour in view.hours if any(hour.outbound.values())}
    (earlier, later) = sorted(hours)
    assert later - earlier == timedelta(hours=4)
    assert hours[later].outbound == {"protected": 2, "plain": 1, "doubtful": 0, "refused": 1, "deferred": 1}
    assert hours[later].inbound == {"protected": 1, "plain": 1, "doubtful": 1, "refused": 0, "deferred": 0}
    counts = {(each.direction, each.status): each.count for each in view.counts}
    assert counts[Direction.OUTBOUND, "signed"] == 5
    assert counts[Direction.INBOUND, "policy"] == 1
    assert "none" not in {each.status for each in view.counts}


@pytest.mark.parametrize(
    ("statuses", "result"),
    [
        (("outbound", "relay", "not-signed", "not-encrypted"), Result.PLAIN),
        (("outbound", "relay", None, None), Result.PLAIN),
        (("inbound", "relay", "none", "failed"), Result.DOUBTFUL),
        (("inbound", "relay", "none", "partial"), Result.DOUBTFUL),
        (("inbound", "relay", "none", "decrypted"), Result.PROTECTED),
        (("inbound", "relay", "neutral", "decrypted"), Result.DOUBTFUL),
        (("inbound", "relay", None, None), Result.PLAIN),
        (("inbound", "a word of another version", "pass", "none"), Result.DEFERRED),
    ],
)
def test_a_result_is_one_word(statuses: tuple[str, str, str | None, str | None], result: Result) -> None:
    assert result_of(*statuses) is result


def test_certificates_that_end_are_told_in_bands_if_nothing_follows_them(
    anywhere: Wiring, authority: Authority, support: Issued
) -> None:
    fill(anywhere, authority, support)

    def take(address: str, days: float, **facts: Any) -> str:
        until = now() + timedelta(days=days)
        made = authority.leaf(address, kind="p256", not_after=until, **facts)
        data = made.pem() + (made.key_pem() if address.endswith("@help.example") else b"")
        import_file(anywhere.store, data, [], ImportOptions())
        return made.certificate.fingerprint

    ends = {days: take(f"a{days}@help.example", days) for days in (-3, 5, 10, 20)}
    take("later@help.example", 40)
    replaced = take("twice@help.example", 6)
    take("twice@help.example", 300, not_before=now() - timedelta(hours=1))
    other = take("bob@example.net", 12)
    take("gone@example.net", -5)
    found = of(overview(anywhere).attention, Topic.CERTIFICATE)
    assert {(each.days, each.urgency, each.names) for each in found} == {
        (0, Urgency.NOW, (ends[-3],)),
        (7, Urgency.NOW, (ends[5],)),
        (14, Urgency.SOON, (ends[10],)),
        (14, Urgency.SOMETIME, (other,)),
        (30, Urgency.SOON, (ends[20],)),
    }
    assert replaced not in {name for each in found for name in each.names}
    assert "Own certificates that end within 7 days: 1" in {each.text for each in found}


def test_held_refused_and_closed_mail_is_told_by_reason(filled: Wiring) -> None:
    hold(filled.store, content=b"1")
    stuck = hold(filled.store, content=b"2")
    with filled.store.database.write() as connection:
        connection.execute(schema.held.update().where(schema.held.c.id == stuck).values(state="failed"))
    wrote(
        filled,
        {"direction": "inbound", "encryption": CLOSED},
        {"direction": "inbound", "encryption": {**CLOSED, "reason": "key-reused"}},
        {"direction": "inbound", "encryption": {"status": "failed", "reason": "no-key"}},
        {"verdict": "reject", "deliveries": (), "encryption": {"status": "not-encrypted", "reason": "no-certificate"}},
        {"verdict": "reject"},
    )
    found = overview(filled).attention
    assert [(each.reason, each.count) for each in of(found, Topic.HELD)] == [("no-key", 1), ("no-key", 1)]
    assert {(each.reason, each.urgency, each.names) for each in of(found, Topic.DECRYPT)} == {
        ("decrypt-failed", Urgency.SOMETIME, ("ab" * 32,)),
        ("key-reused", Urgency.NOW, ("ab" * 32,)),
    }
    assert [(each.reason, each.count) for each in of(found, Topic.REFUSED)] == [("no-certificate", 1)]
    assert found[0].urgency is Urgency.NOW


def test_what_does_not_run_comes_first(filled: Wiring) -> None:
    doors = (DoorView("outbound", Direction.OUTBOUND, True), DoorView("inbound", Direction.INBOUND, False))
    flow = FlowView(doors, {"doors": False, "store": True, "keys": False, "next_hops": False})
    view = overview(filled, flow)
    assert not flow.flows
    assert {each.topic for each in view.attention if each.urgency is Urgency.NOW} == {
        Topic.NEXT_HOP,
        Topic.DOOR,
        Topic.STORE,
    }
    assert of(view.attention, Topic.NEXT_HOP)[0].names == ("inbound",)


def test_learned_certificates_wait(filled: Wiring, authority: Authority) -> None:
    leaf = authority.leaf("carol@example.net", kind="p256").certificate
    assert filled.store.learned.learn("carol@example.net", leaf, (), now(), trusted=False)
    (matter,) = of(overview(filled).attention, Topic.PENDING)
    assert (matter.count, matter.text) == (1, "Learned certificates that wait for approval: 1")


def test_of_other_groups_nothing_is_counted(filled: Wiring) -> None:
    wrote(
        filled,
        {"group": "support", "verdict": "reject", "deliveries": ()},
        {"group": "sales", "verdict": "reject", "deliveries": ()},
        {"verdict": "reject", "deliveries": ()},
    )
    hold(filled.store)
    mine, other = overview(filled, groups=("support",)), overview(filled, groups=("sales",))
    assert (mine.total, other.total) == (1, 1)
    assert len(of(mine.attention, Topic.HELD)) == 1
    assert [each.topic for each in other.attention] == [Topic.REFUSED]
    assert overview(filled, groups=()).total == 0


def test_a_group_that_has_to_sign_and_cannot_is_urgent(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    group = "{name: a, addresses: [a@example.org], sign: required}"
    file.write_text(f"state: {tmp_path / 'state'}\nhostname: gw.example.org\ngroups: [{group}]\n")
    (matter,) = overview(Wiring(file)).attention
    assert (matter.topic, matter.urgency) == (Topic.GROUP, Urgency.NOW)


def test_a_gateway_under_other_rules_is_told(filled: Wiring) -> None:
    for name, policy in (("g1", "a" * 64), ("g2", "a" * 64), ("g3", "b" * 64)):
        filled.store.gateways.beat(replace(here(name), policy=policy))
    (matter,) = of(overview(filled).attention, Topic.GATEWAY)
    assert (matter.urgency, matter.text.template) == (
        Urgency.NOW,
        "Gateway {host} runs under other rules than the others",
    )
    assert of(overview(filled, groups=("support",)).attention, Topic.GATEWAY) == []
