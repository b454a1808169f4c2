"""What people name by the beginning of its id: certificates, keys, CRLs, held mail and records.

Ids are lower-case hexadecimal digits, so that those with one beginning stand together in an index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_

from gateway.errors import Absent, Refused
from gateway.reason import Reason

T = TypeVar("T")
_DIGITS = "0123456789abcdef"
_LAST = "g"
"""Behind every hexadecimal digit."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How one kind of thing is told of: ``none`` and ``several`` are meant by a beginning (``{}`` in the text)."""

    none: str
    several: str
    reason: Reason | None = None

    def only(self, found: Sequence[T], beginning: str) -> T:
        """Return the one that was found. Raises ``Absent`` where there is none, ``Refused`` where there are several."""
        if not found:
            raise Absent(self.none.format(beginning), self.reason)
        if len(found) > 1:
            raise Refused(f"{self.several.format(beginning)}: write more of it")
        return found[0]


def is_beginning(name: str) -> bool:
    """Return whether a text is an id or the beginning of one, in lower case."""
    return bool(name) and not name.strip(_DIGITS)


def fingerprint(name: str) -> str:
    """Return a fingerprint or the beginning of one as stored: lower case, without colons and blanks.

    Raises ``Refused``.
    """
    plain = name.replace(":", "").replace(" ", "").lower()
    if not is_beginning(plain) or len(plain) > 64:
        raise Refused(f"{name!r} is no SHA-256 fingerprint and no beginning of one")
    return plain


def begins(column: ColumnElement[Any], beginning: str) -> ColumnElement[bool]:
    """Return the condition that the id in ``column`` begins so."""
    return and_(column >= beginning, column < beginning + _LAST)
