"""The public names; what one record becomes in numbers; labels that cannot be anything else."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.core import GaugeMetricFamily

from gateway.engine.record import DeliveryRecord
from gateway.metrics import (
    BYTES,
    DURATION,
    ENCRYPTIONS,
    ERRORS,
    MESSAGES,
    SIGNATURES,
    STAGES,
    Kind,
    Stage,
    count_lookup,
    count_record,
    exposition,
)
from gateway.policy.wants import Lookup
from gateway.smime.finding import Encryption, Status
from tests.interface import METRICS
from tests.metrics.parsing import Growth, page
from tests.store.journal.records import record

ASKED = {
    "held_messages",
    "certificates",
    "certificates_expiring",
    "group_signing",
    "group_signing_until_timestamp_seconds",
    "next_hop_up",
    "build_info",
    "gateways",
    "pending_certificates",
}
"""What is not counted, but asked for at a scrape."""
COUNTED = {name: labels for name, labels in METRICS.items() if name not in ASKED}


def told(**facts: Any) -> Growth:
    growth = Growth()
    count_record(record(**facts))
    return growth


def opened(**facts: Any) -> dict[str, Any]:
    return {"status": "decrypted", "reason": None, "authenticated": False, "key": "ab" * 32} | facts


def test_the_public_names_and_labels() -> None:
    told(direction="inbound", encryption=opened())
    count_lookup(Lookup(address="alice@example.com", source="directory", result="found", ms=12.5))
    assert {name: set(metric.labels()) for name, metric in page().items()} == COUNTED


def test_everything_counted_is_there_before_it_happens() -> None:
    """A rate over a series that begins at one is blind for the first event."""
    metrics = page()
    assert metrics["errors_total"].labels() == {"kind": {kind.value for kind in Kind}}
    assert len(metrics["messages_total"].samples) == len(MESSAGES)
    assert metrics["stage_duration_seconds"].labels()["stage"] == {stage.value for stage in Stage}


def test_web_07_no_label_takes_a_free_text() -> None:
    """WEB-07: every label's values are a closed set; anything else is refused, not added."""
    before = exposition([]).count(b"\n")
    with pytest.raises(KeyError):
        ERRORS["alice@example.com"].inc()
    with pytest.raises(KeyError):
        MESSAGES["outbound", "smtp", "alice@example.com"].inc()
    assert exposition([]).count(b"\n") == before


def test_web_07_ten_thousand_senders_are_as_many_series_as_one() -> None:
    """WEB-07: neither the number of series nor the memory grows with who writes, and nobody's name is told."""
    growth = told()
    before = exposition([])
    gc.collect()
    held = len(gc.get_objects())
    for number in range(10_000):
        sender = f"canary-{number}@canary.example"
        count_record(record(f"r{number}", sender=sender, from_=sender, recipients=(sender,), message_id=sender))
    gc.collect()
    assert len(gc.get_objects()) - held < 100
    after = exposition([])
    assert b"canary" not in after
    assert after.count(b"\n") == before.count(b"\n")
    assert sum(growth["messages_total"].samples.values()) == 10_001


def test_a_message_in_numbers() -> None:
    metrics = told(duration_ms=30.0, size=5000)
    labels = {"direction": "outbound"}
    assert metrics["messages_total"].value(**labels, front_end="smtp", verdict="relay") == 1
    assert metrics["signatures_total"].value(**labels, status="signed") == 1
    assert metrics["encryptions_total"].value(**labels, status="not-encrypted") == 1
    assert metrics["message_duration_seconds"].value("_sum", **labels) == pytest.approx(0.03)
    assert metrics["message_duration_seconds"].value("_bucket", **labels, le="0.025") == 0
    assert metrics["message_duration_seconds"].value("_bucket", **labels, le="0.05") == 1
    assert metrics["message_size_bytes"].value("_bucket", **labels, le="4000.0") == 0
    assert metrics["message_size_bytes"].value("_bucket", **labels, le="16000.0") == 1
    assert metrics["message_size_bytes"].value("_count", **labels) == 1
    assert not any(metrics["errors_total"].samples.values())


def test_a_bound_belongs_to_its_bucket_and_what_is_above_all_counts() -> None:
    growth = Growth()
    for size in (BYTES[0], BYTES[-1], BYTES[-1] + 1):
        count_record(record(size=int(size)))
    sizes, bounds = growth["message_size_bytes"], (str(BYTES[0]), "6.4e+07", "+Inf")
    assert [sizes.value("_bucket", direction="outbound", le=le) for le in bounds] == [1, 2, 3]


def statuses() -> Iterator[tuple[str, str, str]]:
    for status in Status:
        yield "inbound", "signature", status
    for status in Encryption:
        yield "inbound", "encryption", status
    for finding, words in (("signature", ("signed", "not-signed")), ("encryption", ("encrypted", "not-encrypted"))):
        for word in words:
            yield "outbound", finding, word


@pytest.mark.parametrize(("direction", "finding", "status"), list(statuses()))
def test_every_status_has_its_series(direction: str, finding: str, status: str) -> None:
    metrics = told(direction=direction, **{finding: {"status": status}})
    assert metrics[f"{finding}s_total"].value(direction=direction, status=status) == 1
    assert set(SIGNATURES) | set(ENCRYPTIONS) >= {status}


def test_what_was_never_looked_into_has_no_status() -> None:
    metrics = told(verdict="reject", signature={}, encryption={}, deliveries=())
    assert metrics["messages_total"].value(direction="outbound", front_end="smtp", verdict="reject") == 1
    assert not any(metrics["signatures_total"].samples.values())


def test_a_bug_while_opening_is_an_error() -> None:
    finding = {"status": "neutral", "reason": "internal"}
    assert told(direction="inbound", signature=finding)["errors_total"].value(kind="internal") == 1


def test_what_is_decrypted_and_not_authenticated_is_counted_by_key() -> None:
    name = "decrypted_unauthenticated_total"
    count_record(record(direction="inbound", encryption=opened()))
    growth = told(direction="inbound", encryption=opened())
    for facts in ({"authenticated": True}, {"status": "failed", "reason": "decrypt-failed"}, {"key": "cd" * 32}):
        count_record(record(direction="inbound", encryption=opened(**facts)))
    assert growth[name].value(key="ab" * 8) == 1
    assert growth[name].value(key="cd" * 8) == 1
    assert sum(growth[name].samples.values()) == 2


def test_refusals_by_policy_are_counted_by_reason() -> None:
    missing = {"status": "not-encrypted", "reason": "no-certificate"}
    refused = {"signature": {"status": "not-signed"}, "encryption": missing, "verdict": "reject"}
    assert told(**refused, deliveries=())["refused_total"].value(reason="no-certificate") == 1
    copy = DeliveryRecord(("a@b.test",), "127.0.0.1:25", "550 5.1.1 nobody", signed=False, encrypted=False, size=1)
    by_next_hop = told(**refused, deliveries=(copy,))
    assert by_next_hop["refused_total"].value(reason="no-certificate") == 0
    failed = {"status": "permerror", "reason": "no-certificate"}
    inbound = told(verdict="reject", direction="inbound", signature=failed, deliveries=())
    assert inbound["refused_total"].value(reason="no-certificate") == 0


def test_answers_to_encrypted_mail_that_leave_in_clear_are_counted() -> None:
    finding = {"status": "not-encrypted", "reason": "reply-to-encrypted"}
    assert told(encryption=finding)["replies_in_clear_total"].value() == 1
    assert told(encryption=finding, deliveries=())["replies_in_clear_total"].value() == 0, "kept, not sent"
    assert told()["replies_in_clear_total"].value() == 0


def test_a_content_key_that_is_reused_is_an_error() -> None:
    metrics = told(direction="inbound", encryption=opened(status="failed", reason="key-reused"))
    assert metrics["errors_total"].value(kind="key-reused") == 1
    assert not any(metrics["decrypted_unauthenticated_total"].samples.values())


def test_an_attempt_that_delivers_nothing_is_no_message() -> None:
    facts: dict[str, Any] = {
        "direction": "inbound",
        "signature": {"status": "none"},
        "encryption": {"status": "failed"},
    }
    waiting = told(**facts, retry_of="r0", verdict="defer", deliveries=())
    assert not any(waiting["messages_total"].samples.values())
    copy = DeliveryRecord(("support@example.org",), "127.0.0.1:25", "250 ok", False, False, 10)
    arrived = told(**facts, retry_of="r0", deliveries=(copy,))
    assert arrived["messages_total"].value(direction="inbound", front_end="smtp", verdict="relay") == 1


def test_what_was_asked_for_is_on_the_page() -> None:
    hops = GaugeMetricFamily("smime_gateway_next_hop_up", "Whether it answers.", labels=["door"])
    hops.add_metric(["inbound"], True)
    hops.add_metric(['odd"\\\n'], False)
    told = page([hops])["next_hop_up"]
    assert told.value(door="inbound") == 1
    assert told.value(door='odd"\\\n') == 0
    assert set(page([hops])) - set(page([])) == {"next_hop_up"}


def test_small_and_large_numbers_survive() -> None:
    growth = Growth()
    STAGES[Stage.HOLD].observe(1.25e-7)
    assert growth["stage_duration_seconds"].value("_sum", stage="hold") == pytest.approx(1.25e-7, rel=1e-6)
    DURATION["inbound"].observe(1e9)
    assert growth["message_duration_seconds"].value("_sum", direction="inbound") == pytest.approx(1e9)
