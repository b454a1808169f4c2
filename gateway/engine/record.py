"""The record: the one account of a message. Journal row, log line, metrics and JSON are readings of it.

No subject, no content and no key material ever stands in it.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One copy: to whom, by which next hop, what it said. ``size`` in bytes as sent, before dot-stuffing."""

    recipients: tuple[str, ...]
    next_hop: str | None
    reply: str | None
    signed: bool
    encrypted: bool
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """One message, as docs/interface.md §6 lists its fields. ``received_at`` is aware (UTC); ``size`` is in bytes.

    ``layers`` are outermost first. ``signature`` and ``encryption`` hold ``status``, ``reason`` and, as they apply,
    ``signers``, ``recipients``, ``missing``. ``verdict``: relay, reject or defer. ``rule`` names the rule that won.
    ``digest``: SHA-256 of the content as it came, hex. ``lookups``: ``address``, ``source``, ``result``, ``ms``.
    ``protected``: ``name``, ``inner``, ``outer`` of fields that differ (a Subject's name only). ``notes``: words.
    """

    id: str
    received_at: datetime
    direction: str
    front_end: str
    door: str
    verdict: str
    sender: str
    recipients: tuple[str, ...]
    size: int
    queue_id: str | None = None
    client: str | None = None
    auth: str | None = None
    message_id: str | None = None
    from_: str | None = None
    group: str | None = None
    rule: str | None = None
    digest: str | None = None
    lookups: tuple[dict[str, Any], ...] = ()
    protected: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    reply: str | None = None
    layers: tuple[str, ...] = ()
    signature: dict[str, Any] = field(default_factory=dict)
    encryption: dict[str, Any] = field(default_factory=dict)
    deliveries: tuple[DeliveryRecord, ...] = ()
    held: str | None = None
    retry_of: str | None = None
    pass_of: str | None = None
    duration_ms: float = 0.0


_ORDER = (
    "id",
    "queue_id",
    "received_at",
    "direction",
    "front_end",
    "door",
    "client",
    "auth",
    "sender",
    "recipients",
    "message_id",
    "from_",
    "size",
    "group",
    "verdict",
    "reply",
    "layers",
    "signature",
    "encryption",
    "deliveries",
    "rule",
    "digest",
    "lookups",
    "protected",
    "notes",
    "held",
    "retry_of",
    "pass_of",
    "duration_ms",
)

_LISTS = ("recipients", "layers", "lookups", "protected", "notes")


def as_json(record: Record) -> dict[str, Any]:
    """Return the record as a JSON object (docs/interface.md §6): its names and order, times in RFC 3339 (UTC)."""
    document = {name.rstrip("_"): getattr(record, name) for name in _ORDER}
    document["received_at"] = record.received_at.isoformat().replace("+00:00", "Z")
    document["deliveries"] = [asdict(delivery) for delivery in record.deliveries]
    return document


def from_json(document: dict[str, Any]) -> Record:
    """Return the record that ``as_json`` wrote."""
    values = {name: document[name.rstrip("_")] for name in _ORDER if name.rstrip("_") in document}
    values["received_at"] = datetime.fromisoformat(document["received_at"])
    values["deliveries"] = tuple(
        DeliveryRecord(**delivery | {"recipients": tuple(delivery["recipients"])})
        for delivery in document["deliveries"]
    )
    lists = {name: tuple(document.get(name, ())) for name in _LISTS}
    return Record(**values | lists)
