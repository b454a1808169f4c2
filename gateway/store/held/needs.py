"""What held mail waits for, indexed: whoever stores a certificate or key, or trusts one, wakes what waited for it."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, update

from gateway.pki.certificate import Certificate
from gateway.pki.need import Need, NeedKind, brings
from gateway.store import schema
from gateway.store.database import insert_new

READY, WAITING = "ready", "waiting"
_TABLE = schema.held_needs


def replace(connection: Connection, held: str, needs: Iterable[Need]) -> None:
    """Say what one held message waits for from now on."""
    connection.execute(delete(_TABLE).where(_TABLE.c.held == held))
    rows = [{"held": held, "kind": need.kind, "value": need.value, "text": need.text} for need in needs]
    insert_new(connection, _TABLE, rows)


def of(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, frozenset[Need]]:
    """Return the needs of the held messages that fulfil ``conditions``, by their ids."""
    wanted = select(schema.held.c.id).where(*conditions)
    found: dict[str, set[Need]] = {}
    for row in connection.execute(select(_TABLE).where(_TABLE.c.held.in_(wanted))):
        found.setdefault(row.held, set()).add(Need(NeedKind(row.kind), row.value, row.text))
    return {held: frozenset(needs) for held, needs in found.items()}


def wake(connection: Connection, certificate: Certificate, has_key: bool) -> None:
    """Make ready what waited for this certificate, or with ``has_key`` for its key; the oldest will be tried first."""
    wake_for(connection, brings(certificate, has_key))


def wake_for(connection: Connection, met_now: Iterable[Need]) -> None:
    """Make ready what waited for one of these needs; the oldest will be tried first."""
    held = schema.held
    met = or_(*(and_(_TABLE.c.value == need.value, _TABLE.c.kind == need.kind) for need in met_now))
    woken = update(held).where(held.c.state == WAITING, held.c.id.in_(select(_TABLE.c.held).where(met)))
    connection.execute(woken.values(state=READY, due=held.c.received_at, attempts=0, crashes=0))
