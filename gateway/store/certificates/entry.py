"""A stored certificate as lists have it: made of columns, no certificate is read."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Select, select

from gateway.pki.kinds import KeyKind
from gateway.pki.summary import Summary
from gateway.policy.state import Status
from gateway.reason import Reason
from gateway.store import schema
from gateway.store.certificates.said import SAID, Origin, Said, Trust, said

_TABLE, _KEYS = schema.certificates, schema.keys
_SUMMARY = tuple(field.name for field in fields(Summary) if field.name != "addresses")
_COLUMNS = (*_SUMMARY, "mail_names", *SAID, "issuer_id", "added_at", "changed_at", "changed_by")


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored certificate; ``trusted``, ``distrusted``, ``learned``, ``fault`` as those of ``pki.holding.Holding``.

    ``changed_at``, ``changed_by``: when and by whom something was ``said`` of it last, where that was noted.
    """

    certificate: Summary
    said: Said
    has_key: bool
    issuer_id: str
    added_at: datetime | None
    changed_at: datetime | None
    changed_by: str | None
    fault: Reason | None = None

    @property
    def trusted(self) -> bool:
        """Whether it serves."""
        return self.said.is_trusted

    @property
    def distrusted(self) -> bool:
        """Whether an administrator said no."""
        return self.said.trust is Trust.DISTRUSTED

    @property
    def learned(self) -> bool:
        """Whether nobody brought it by hand, and nobody spoke of it."""
        return self.said.is_learned

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return self.said.origin

    @property
    def approved(self) -> bool:
        """Whether an administrator wants it used to encrypt to."""
        return self.said.approved

    @property
    def pinned(self) -> bool:
        """Whether an administrator wants no other in its place."""
        return self.said.pinned

    def found_wrong(self, fault: Reason | None) -> "Entry":
        """Return it with what evidence says against it."""
        return replace(self, fault=fault)


@dataclass(frozen=True, slots=True)
class Listed:
    """A stored certificate, how it stands at the time that was asked for, and the addresses it is found by, folded."""

    entry: Entry
    status: Status
    names: tuple[str, ...]


def entries(*columns: Column[Any]) -> Select[Any]:
    """Return the query for entries, to be narrowed; each row makes an ``entry``."""
    has_key = _KEYS.c.public_key_id.is_not(None).label("has_key")
    joined = _TABLE.outerjoin(_KEYS, _KEYS.c.public_key_id == _TABLE.c.public_key_id)
    return select(*(_TABLE.c[name] for name in _COLUMNS), has_key, *columns).select_from(joined)


def entry(row: Any) -> Entry:
    """Return what a row of ``entries`` says."""
    summary = {name: getattr(row, name) for name in _SUMMARY}
    return Entry(
        certificate=Summary(**summary | _typed(row)),
        said=said(row),
        has_key=bool(row.has_key),
        issuer_id=row.issuer_id,
        added_at=row.added_at,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
    )


def _typed(row: Any) -> dict[str, Any]:
    return {"addresses": tuple(json.loads(row.mail_names)), "key_kind": KeyKind(row.key_kind)}


def by_fingerprint(connection: Connection, fingerprints: Iterable[str]) -> list[Entry]:
    """Return the stored ones among these certificates."""
    wanted = entries().where(_TABLE.c.fingerprint.in_(sorted(fingerprints)))
    return [entry(row) for row in connection.execute(wanted)]
