"""What the decision over an outbound message has to know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.pki.holding import Holding
from gateway.story import Want

Holdings = Mapping[str, Sequence[Holding]]
"""Stored leaves by the address that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a source was asked, and said: ``result`` is a word (``lookup.answer.Result``), ``ms`` how long it took."""

    address: str
    source: str
    result: str
    ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of addresses: every leaf that may hold each. ``unasked``: those of which a source that might know
    more could not be asked; that is no answer, neither yes nor no. ``lookups``: who was asked just now."""

    holdings: Holdings = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()
    lookups: tuple[Lookup, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificatesOf(Want[Found]):
    """Every leaf that may hold these addresses, with what is known against it at the time ``at``."""

    addresses: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class Search(Want[Found]):
    """The same once the sources have been asked that may know more of these addresses; it may take seconds."""

    addresses: frozenset[str]
    at: datetime
