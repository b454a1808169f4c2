"""A list of records as a file for others: CSV or JSON, page after page, so that any number takes no more memory."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

from gateway.admin.activity import Document, Query, listed
from gateway.errors import Refused
from gateway.wiring import Wiring

AT_ONCE = 500
COLUMNS = (
    *("received_at", "id", "direction", "door", "verdict", "from", "sender", "recipients", "message_id", "queue_id"),
    *("group", "signature", "signature_reason", "encryption", "encryption_reason", "missing", "size", "client"),
    *("reply", "rule", "held", "retry_of", "pass_of"),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet would calculate, or read as another one."""


def as_csv(wiring: Wiring, query: Query) -> Iterator[str]:
    """Yield the records that match, newest first, as CSV (RFC 4180) under a line of names, piece by piece.

    A cell that a spreadsheet would take for a formula begins with ``'``. Raises ``Fault``, ``Refused``.
    """
    yield _lines([COLUMNS])
    for page in _pages(wiring, query):
        yield _lines([_row(document) for document in page])


def as_json(wiring: Wiring, query: Query) -> Iterator[str]:
    """Yield the same as a JSON array of records, piece by piece. Raises ``Fault``, ``Refused``."""
    begin = "["
    for page in _pages(wiring, query):
        yield begin + ",".join(f"\n{json.dumps(document)}" for document in page)
        begin = ","
    yield "\n]\n" if begin == "," else "[]\n"


def _pages(wiring: Wiring, query: Query) -> Iterator[tuple[Document, ...]]:
    after = None
    while True:
        try:
            page = listed(wiring, query, after, AT_ONCE)
        except Refused:
            if after is None:
                raise
            return  # what it goes on behind is so old that it has just been removed, and all that follows with it
        if page.items:
            yield page.items
        if page.next is None:
            return
        after = page.next


def _lines(rows: list[tuple[Any, ...]]) -> str:
    text = StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _row(document: Document) -> tuple[Any, ...]:
    signature, encryption = document.get("signature") or {}, document.get("encryption") or {}
    missing = [f"{each['address']} ({each['reason']})" for each in encryption.get("missing", ())]
    told = document | {
        "recipients": " ".join(document.get("recipients", ())),
        "signature": signature.get("status"),
        "signature_reason": signature.get("reason"),
        "encryption": encryption.get("status"),
        "encryption_reason": encryption.get("reason"),
        "missing": ", ".join(missing),
    }
    return tuple(told.get(name) for name in COLUMNS)


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
