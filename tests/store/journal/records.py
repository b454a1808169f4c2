"""Records for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.engine.record import DeliveryRecord, Record, from_json

AT = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)
TYPED = {"received_at", "deliveries", "recipients", "layers", "notes"}


def record(id_: str = "r1", **facts: Any) -> Record:
    """An ordinary message, outbound if nothing else is said; ``facts`` replace fields, findings as in the JSON."""
    inbound = facts.get("direction") == "inbound"
    values: dict[str, Any] = {
        "id": id_,
        "received_at": AT.isoformat(),
        "direction": "outbound",
        "front_end": "smtp",
        "door": "outbound",
        "verdict": "relay",
        "sender": "support@example.org",
        "recipients": ["alice@example.com", "bob@example.com"],
        "size": 1234,
        "from": "Support@Example.org",
        "signature": {"status": "none" if inbound else "signed"},
        "encryption": {"status": "none"} if inbound else {"status": "not-encrypted", "reason": "no-certificate"},
        "layers": ["signed"],
    }
    deliveries = (DeliveryRecord(("alice@example.com",), "127.0.0.1:25", "250 2.0.0 ok", True, False, 4000),)
    told = {name.rstrip("_"): value for name, value in facts.items() if name not in TYPED}
    typed = {"deliveries": deliveries} | {name: value for name, value in facts.items() if name in TYPED}
    return replace(from_json(values | told), **typed)
