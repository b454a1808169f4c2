"""Records for tests."""

from datetime import UTC, datetime
from typing import Any

from gateway.engine.record import DeliveryRecord, Record

AT = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)


def record(id_: str = "r1", **facts: Any) -> Record:
    """An ordinary outbound message; ``facts`` replace fields."""
    values: dict[str, Any] = {
        "id": id_,
        "received_at": AT,
        "direction": "outbound",
        "front_end": "smtp",
        "door": "outbound",
        "verdict": "relay",
        "sender": "support@example.org",
        "recipients": ("alice@example.com", "bob@example.com"),
        "size": 1234,
        "from_": "Support@Example.org",
        "signature": {"status": "signed"},
        "encryption": {"status": "not-encrypted", "reason": "no-certificate"},
        "layers": ("signed",),
        "deliveries": (DeliveryRecord(("alice@example.com",), "127.0.0.1:25", "250 2.0.0 ok", True, False, 4000),),
    }
    return Record(**values | facts)
