"""Filters of an LDAP search (RFC 4515) with places for an address, read once and encoded (RFC 4511 §4.5.1.7).

The address is put into values of a filter that was taken apart before: it cannot change what the filter asks. Not read:
extensible matches.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.asn1.der import context, octets, primitive, tlv
from gateway.errors import Malformed

DEPTH = 10
PLACES = ("address", "local", "domain")
_ITEM = re.compile(r"([A-Za-z0-9.;-]{1,100}) ?([<>~]?=) ?([^()]*+)")
_PIECE = re.compile(r"\\([0-9A-Fa-f]{2})|\{(\w+)\}|([^\\{}*]++)")
_JOINED = {"&": 0, "|": 1}
_COMPARED = {"=": 3, ">=": 5, "<=": 6, "~=": 8}
_NOT, _SUBSTRINGS, _PRESENT = 2, 4, 7
_FIRST, _INNER, _LAST = 0, 1, 2

Value = tuple[bytes | str, ...]
"""Octets as they stand, and names of places."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """``operator``: its tag. ``values``: one; of a substring match, what is around the asterisks; none: presence."""

    attribute: bytes
    operator: int
    values: tuple[Value, ...] = ()

    def encoded(self, places: Mapping[str, bytes]) -> bytes:
        """Return it with ``places`` filled."""
        if self.operator == _PRESENT:
            return tlv(primitive(_PRESENT), self.attribute)
        filled = [
            b"".join(part if isinstance(part, bytes) else places[part] for part in value) for value in self.values
        ]
        if self.operator != _SUBSTRINGS:
            return tlv(context(self.operator), octets(self.attribute), octets(filled[0]))
        ends = {0: _FIRST, len(filled) - 1: _LAST}
        parts = [tlv(primitive(ends.get(at, _INNER)), part) for at, part in enumerate(filled) if part]
        return tlv(context(_SUBSTRINGS), octets(self.attribute), tlv(0x30, *parts))


@dataclass(frozen=True, slots=True)
class Joined:
    """All, one of, or none of some filters; ``operator``: its tag."""

    operator: int
    filters: tuple["Comparison | Joined", ...]

    def encoded(self, places: Mapping[str, bytes]) -> bytes:
        """Return it with ``places`` filled."""
        return tlv(context(self.operator), *(each.encoded(places) for each in self.filters))


Filter = Comparison | Joined


def read_filter(text: str) -> Filter:
    """Return a filter such as ``(|(mail={address})(proxyAddresses=smtp:{address}))``. Raises ``Malformed``."""
    found, at = _filter(text.strip(), 0, 0)
    if at != len(text.strip()):
        raise Malformed(f"something stands behind the filter, at character {at + 1}")
    return found


def places_in(found: Filter) -> set[str]:
    """Return the places of a filter."""
    if isinstance(found, Joined):
        return set().union(*map(places_in, found.filters))
    return {part for value in found.values for part in value if isinstance(part, str)}


def _filter(text: str, at: int, depth: int) -> tuple[Filter, int]:
    if depth > DEPTH:
        raise Malformed(f"filters nested deeper than {DEPTH}")
    if text[at : at + 1] != "(":
        raise Malformed(f"a filter begins with a parenthesis; there is none at character {at + 1}")
    sign = text[at + 1 : at + 2]
    if sign not in ("&", "|", "!"):
        return _comparison(text, at + 1)
    filters, at = _filters(text, at + 2, depth + 1)
    if sign == "!" and len(filters) != 1:
        raise Malformed("! takes one filter")
    return Joined(_NOT if sign == "!" else _JOINED[sign], tuple(filters)), at


def _filters(text: str, at: int, depth: int) -> tuple[Sequence[Filter], int]:
    found: list[Filter] = []
    while text[at : at + 1] == "(":
        inner, at = _filter(text, at, depth)
        found.append(inner)
    if not found or text[at : at + 1] != ")":
        raise Malformed(f"a closing parenthesis is missing at character {at + 1}")
    return found, at + 1


def _comparison(text: str, at: int) -> tuple[Filter, int]:
    match = _ITEM.match(text, at)
    if match is None or text[match.end() : match.end() + 1] != ")":
        raise Malformed(f"no comparison such as (mail={{address}}) at character {at + 1}")
    attribute, operator, value = match[1].encode("ascii"), match[2], match[3]
    after = match.end() + 1
    if operator == "=" and value.strip() == "*":
        return Comparison(attribute, _PRESENT), after
    values = tuple(map(_value, value.split("*")))
    if len(values) > 1 and operator != "=":
        raise Malformed(f"an asterisk behind {operator}")
    return Comparison(attribute, _SUBSTRINGS if len(values) > 1 else _COMPARED[operator], values), after


def _value(text: str) -> Value:
    parts: list[bytes | str] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None or (match[2] is not None and match[2] not in PLACES):
            raise Malformed(f"in a value: write {', '.join(f'{{{place}}}' for place in PLACES)}, or \\ and two digits")
        if match[1] is not None:
            parts.append(bytes.fromhex(match[1]))
        else:
            parts.append(match[2] or match[3].encode())
        at = match.end()
    return tuple(parts)
