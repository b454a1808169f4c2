"""Views: frozen values whose fields are the keys of the JSON object that programs get. Lists of them come in pages."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from itertools import dropwhile, islice
from typing import Any, Generic, TypeVar

from gateway.clock import rfc3339

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list, in its order. ``next``: after which the others follow; None: there are none."""

    items: tuple[T, ...]
    next: str | None = None


def page(found: Iterable[T], name: Callable[[T], str], limit: int | None) -> Page[T]:
    """Return the first ``limit`` of what was found; ``name`` is what one is called in ``after``."""
    items = list(islice(found, None if limit is None else limit + 1))
    if limit is None or len(items) <= limit:
        return Page(tuple(items))
    return Page(tuple(items[:limit]), name(items[limit - 1]))


def following(found: Iterable[T], name: Callable[[T], str], after: str | None) -> Iterator[T]:
    """Yield what comes behind the one that is called ``after``; None: all."""
    rest = iter(found)
    return rest if after is None else islice(dropwhile(lambda item: name(item) != after, rest), 1, None)


def as_json(view: Any) -> Any:
    """Return a view as what ``json`` writes: times in RFC 3339, enums as their words."""
    if is_dataclass(view):
        return {field.name: as_json(getattr(view, field.name)) for field in fields(view)}
    if isinstance(view, Mapping):
        return {key: as_json(value) for key, value in view.items()}
    if isinstance(view, datetime):
        return rfc3339(view)
    if isinstance(view, Enum):
        return view.value
    if isinstance(view, Iterable) and not isinstance(view, str):
        return [as_json(item) for item in view]
    return view
