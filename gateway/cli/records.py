"""Records for people: rows of a table, and one record in full."""

from collections.abc import Iterator
from typing import Any

from gateway.admin.activity import Document
from gateway.cli.printing import SHORT
from gateway.engine.record import Record
from gateway.log import outcome, status

COLUMNS = ("time (UTC)", "id", "way", "result", "from -> to")
SHOWN = 3
"""Recipients in a row."""
_WAYS = {"inbound": "in", "outbound": "out"}


def row(record: Record) -> tuple[str, ...]:
    """Return a record's row: when, its id, what became of it, why, and whose it is."""
    result = [found.replace("(", " (").replace(",", ", ") for found in _statuses(record)]
    recipients = list(record.recipients[:SHOWN])
    more = len(record.recipients) - len(recipients)
    to = ", ".join([*recipients, f"+{more}"] if more else recipients)
    return (
        f"{record.received_at:%m-%d %H:%M}",
        record.id[:SHORT],
        _WAYS.get(record.direction, record.direction),
        ", ".join([outcome(record), *result]),
        f"{record.from_ or record.sender or '<>'} -> {to}" if to else f"client {record.client}",
    )


def _statuses(record: Record) -> Iterator[str]:
    for finding in (record.signature, record.encryption):
        found = status(finding)
        if found is not None and found != "none":
            yield found


def details(document: Document, indent: str = "") -> Iterator[str]:
    """Yield the lines of a record in full: what is there, under its field's name; what is in it, further in."""
    for key, value in document.items():
        label = f"{indent}{key.replace('_', ' ')}:"
        if isinstance(value, dict) and any(map(_said, value.values())):
            yield label
            yield from details(value, f"{indent}  ")
        elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
            for each in value:
                yield label
                yield from details(each, f"{indent}  ")
        elif _said(value) and not isinstance(value, dict):
            yield f"{label} {_text(value)}"


def _said(value: Any) -> bool:
    return value not in (None, "", [], {})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
