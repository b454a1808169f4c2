"""Lists of records as files: all of them in their order, in bounded memory; no cell that a spreadsheet calculates."""

import csv
import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest

from gateway.admin import export
from gateway.admin.activity import Query
from gateway.wiring import Wiring
from tests.store.journal.records import record

Export = Callable[[Wiring, Query], Iterator[str]]


@pytest.fixture
def paged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two records."""
    monkeypatch.setattr(export, "AT_ONCE", 2)


def wrote(wiring: Wiring, count: int, **facts: Any) -> list[str]:
    made = [record(f"{number:022x}", **facts) for number in range(count)]
    wiring.store.journal.write(made)
    return [each.id for each in reversed(made)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_all_that_match_are_told_once_newest_first(anywhere: Wiring, paged: None, count: int) -> None:
    names = wrote(anywhere, count)
    anywhere.store.journal.write([record("f" * 22, direction="inbound")])
    query = Query(direction="outbound")
    rows = list(csv.DictReader(StringIO("".join(export.as_csv(anywhere, query)), newline="")))
    assert [row["id"] for row in rows] == names
    assert [each["id"] for each in json.loads("".join(export.as_json(anywhere, query)))] == names


def test_a_list_is_made_piece_by_piece(anywhere: Wiring, paged: None) -> None:
    wrote(anywhere, 5)
    for way, pieces in ((export.as_csv, 4), (export.as_json, 4)):
        assert len(list(way(anywhere, Query()))) == pieces


def test_what_is_removed_meanwhile_ends_the_list(anywhere: Wiring, paged: None) -> None:
    names = wrote(anywhere, 5)
    pieces = export.as_json(anywhere, Query())
    text = next(pieces)
    anywhere.store.journal.prune(record().received_at.replace(year=2100))
    assert [each["id"] for each in json.loads(text + "".join(pieces))] == names[:2]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '=cmd|" /C calc"!A0'])
def test_no_cell_is_a_formula(anywhere: Wiring, text: str) -> None:
    wrote(anywhere, 1, sender=text, message_id=text, recipients=(text,))
    (row,) = csv.DictReader(StringIO("".join(export.as_csv(anywhere, Query())), newline=""))
    assert (row["sender"], row["message_id"], row["recipients"]) == (f"'{text}",) * 3


def test_what_matters_stands_in_the_row(anywhere: Wiring) -> None:
    missing = {
        "status": "not-encrypted",
        "reason": "expired",
        "missing": [{"address": "a@b.example", "reason": "expired"}],
    }
    wrote(anywhere, 1, encryption=missing, from_='Süß, "x"@example.org')
    (row,) = csv.DictReader(StringIO("".join(export.as_csv(anywhere, Query())), newline=""))
    assert (row["encryption_reason"], row["missing"]) == ("expired", "a@b.example (expired)")
    assert row["from"] == 'Süß, "x"@example.org'
