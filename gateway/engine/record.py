"""The record: the one account of a message. Journal row, log line, metrics and JSON are readings of it.

No subject, no content and no key material ever stands in it. Its JSON is made and read here and nowhere else; the
dataclasses are its schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, cast

from gateway.engine import finding
from gateway.engine.finding import EncryptionFound, ProtectedField, Signature
from gateway.engine.transaction import Direction, FrontEnd, Verdict
from gateway.policy.wants import Lookup
from gateway.reason import Reason
from gateway.smime.finding import Coverage, Encryption, Layer, Status

Json = dict[str, Any]
"""A JSON object, as the json module reads and writes it."""

T = TypeVar("T")
W = TypeVar("W", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One copy: to whom, by which next hop, what it said. ``size`` in bytes as sent, before dot-stuffing."""

    recipients: tuple[str, ...]
    next_hop: str | None
    reply: str | None
    signed: bool
    encrypted: bool
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One message, its fields in the order of the JSON. ``received_at`` is aware (UTC); ``size`` is in bytes.

    ``layers`` are outermost first. ``rule`` names the rule that won. ``digest``: SHA-256 of what came, hex.
    """

    id: str
    queue_id: str | None = None
    received_at: datetime
    direction: Direction
    front_end: FrontEnd
    door: str
    client: str | None = None
    auth: str | None = None
    sender: str
    recipients: tuple[str, ...]
    message_id: str | None = None
    from_: str | None = None
    size: int
    group: str | None = None
    verdict: Verdict
    reply: str | None = None
    layers: tuple[Layer, ...] = ()
    signature: Signature | None = None
    encryption: EncryptionFound | None = None
    deliveries: tuple[DeliveryRecord, ...] = ()
    rule: str | None = None
    digest: str | None = None
    lookups: tuple[Lookup, ...] = ()
    protected: tuple[ProtectedField, ...] = ()
    notes: tuple[str, ...] = ()
    held: str | None = None
    retry_of: str | None = None
    pass_of: str | None = None
    duration_ms: float = 0.0


def as_json(record: Record) -> Json:
    """Return the record as a JSON object (docs/interface.md §6): its names and order, times in RFC 3339 (UTC)."""
    document: Json = _object(record)
    return document | {name: document[name] or {} for name in ("signature", "encryption")}


def _object(value: Any) -> Json:
    document: Json = {}
    for name in _names(type(value)):
        found = getattr(value, name)
        document[name.rstrip("_")] = found if type(found) in _PLAIN else _plain(found)
    return document


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if isinstance(value, str | int | float) else _object(value)


_PLAIN = frozenset({type(None), str, bool, int, float})
"""What stands in JSON as it is; words are strings, too."""


def from_json(document: Mapping[str, Any]) -> Record:
    """Return the record that ``as_json`` wrote, of this version or of another that shares the store."""
    direction = Direction(document["direction"])
    outbound = direction is Direction.OUTBOUND
    values = {name.rstrip("_"): name for name in _names(Record)}
    return Record(
        **{values[name]: _read(document[name]) for name in values.keys() & document.keys() - _OTHERWISE},
        received_at=datetime.fromisoformat(document["received_at"]),
        direction=direction,
        front_end=_word(FrontEnd, document["front_end"]),
        verdict=_word(Verdict, document["verdict"]),
        layers=tuple(_word(Layer, layer) for layer in document.get("layers", ())),
        signature=_signature(document.get("signature"), outbound),
        encryption=_encryption(document.get("encryption"), outbound),
        deliveries=_each(DeliveryRecord, document.get("deliveries")),
        lookups=_each(Lookup, document.get("lookups")),
        protected=_each(ProtectedField, document.get("protected")),
    )


_OTHERWISE = {
    *("received_at", "direction", "front_end", "verdict", "layers"),
    *("signature", "encryption", "deliveries", "lookups", "protected"),
}
_WORDS: dict[str, type[StrEnum]] = {"reason": Reason, "coverage": Coverage}


def _signature(document: Mapping[str, Any] | None, outbound: bool) -> Signature | None:
    if not document:
        return None
    signers = document.get("signers")
    if outbound:
        status, own = _word(finding.Signing, document["status"]), _each(finding.OwnSigner, signers)
        return _made(finding.SignatureMade, document, status=status, signers=own)
    found = tuple(_made(finding.JudgedSigner, each, status=_word(Status, each["status"])) for each in signers or ())
    return _made(finding.SignatureJudged, document, status=_word(Status, document["status"]), signers=found)


def _encryption(document: Mapping[str, Any] | None, outbound: bool) -> EncryptionFound | None:
    if not document:
        return None
    recipients = document.get("recipients")
    if outbound:
        return _made(
            finding.EncryptionMade,
            document,
            status=_word(finding.Encrypting, document["status"]),
            missing=_each(finding.Missing, document.get("missing")),
            recipients=_each(finding.EncryptedTo, recipients),
        )
    found = _each(finding.RecipientFound, recipients)
    return _made(finding.EncryptionOpened, document, status=_word(Encryption, document["status"]), recipients=found)


def _each(kind: type[T], documents: Sequence[Mapping[str, Any]] | None) -> tuple[T, ...]:
    return tuple(_made(kind, document) for document in documents or ())


def _made(kind: type[T], document: Mapping[str, Any], **known: Any) -> T:
    """Return one value of a JSON object; what this version does not know is left out."""
    names = _names(kind)
    values = {name: _read(value, name) for name, value in document.items() if name in names and name not in known}
    return kind(**values, **known)


def _read(value: Any, name: str = "") -> Any:
    if isinstance(value, list):
        return tuple(_word(Reason, item) if name == "reasons" else item for item in value)
    return _word(_WORDS[name], value) if value is not None and name in _WORDS else value


def _word(kind: type[W], value: str) -> W:
    """Return a word; one that a newer version wrote, which shares the store or was taken back, stands as it is."""
    try:
        return kind(value)
    except ValueError:
        return cast(W, value)


def _names(kind: type) -> tuple[str, ...]:
    """Return the names of the fields of a dataclass."""
    return _KNOWN.get(kind) or _KNOWN.setdefault(kind, tuple(field.name for field in fields(kind)))


_KNOWN: dict[type, tuple[str, ...]] = {}
