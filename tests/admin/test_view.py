"""Views become JSON by their fields; lists are cut where more follows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from gateway.admin.view import Page, as_json, page


class Word(StrEnum):
    ONE = "one"


@dataclass(frozen=True)
class Inner:
    word: Word
    at: datetime | None


@dataclass(frozen=True)
class Outer:
    text: str
    inner: tuple[Inner, ...]
    facts: dict[str, frozenset[int]]


def test_fields_are_keys_in_their_order() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC)
    view = Outer("x", (Inner(Word.ONE, at), Inner(Word.ONE, None)), {"sizes": frozenset({3})})
    document = as_json([view])
    assert document == [
        {
            "text": "x",
            "inner": [{"word": "one", "at": "2026-01-02T03:04:05.006000Z"}, {"word": "one", "at": None}],
            "facts": {"sizes": [3]},
        }
    ]
    assert list(document[0]) == ["text", "inner", "facts"]
    assert type(document[0]["inner"][0]["word"]) is str


@pytest.mark.parametrize(("limit", "items", "following"), [(None, 3, None), (3, 3, None), (2, 2, "1"), (1, 1, "0")])
def test_a_page_names_its_last_one_where_more_follow(limit: int | None, items: int, following: str | None) -> None:
    assert page(iter(range(3)), str, limit) == Page(tuple(range(items)), following)
