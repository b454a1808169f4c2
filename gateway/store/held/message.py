"""One held message: what is known of it, how it is made of a transaction, and how it stands in its row.

What never changes of it is one JSON document (``facts``), to which the content is bound; the rest are columns.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from gateway.engine.transaction import Client, Transaction
from gateway.errors import Refused
from gateway.mail.address import index_key
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.need import Need
from gateway.reason import Reason
from gateway.store import schema
from gateway.store.held import needs
from gateway.store.prefix import Naming, begins, is_beginning

_TABLE = schema.held
_NAMED = Naming("no held message has an id that begins with {}", "several held messages have an id that begins with {}")


class State(StrEnum):
    """Where an entry stands."""

    WAITING = needs.WAITING
    READY = needs.READY
    TRYING = "trying"
    JUDGED = "judged"
    FAILED = "failed"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """What is known of one held message. ``id`` is made of content and recipients: the same mail is held once.

    ``record_id``: the record of its arrival. ``unreadable``: it could not be decrypted, and not only not judged.
    ``size`` in bytes. ``attempts`` since it was last made ready. ``asked``: an administrator asked for the attempt.
    """

    id: str
    record_id: str
    received_at: datetime
    door: str
    client: Client
    envelope: Envelope
    message_id: str | None
    reason: Reason
    unreadable: bool
    needs: frozenset[Need]
    size: int
    attempts: int = 0
    state: State = State.WAITING
    due: datetime | None = None
    asked: bool = False
    note: str | None = None


def to_hold(
    transaction: Transaction, reason: Reason, wanted: frozenset[Need], *, unreadable: bool, message_id: str | None
) -> HeldMessage:
    """Return what is to be held of a message that just arrived."""
    return HeldMessage(
        id=_id(transaction.content, transaction.envelope),
        record_id=transaction.id,
        received_at=transaction.received_at,
        door=transaction.door,
        client=transaction.client,
        envelope=transaction.envelope,
        message_id=message_id,
        reason=reason,
        unreadable=unreadable,
        needs=wanted,
        size=len(transaction.content),
    )


def redelivery_message_id(held: str, domain: str, *, named: bool = False) -> str:
    """Return the Message-ID, with its angle brackets, under which a held message is delivered, whenever that is.

    ``named``: because an administrator named it, though its content key opened something else.
    """
    return f"<held.{held}{'.named' if named else ''}@{domain}>"


def new_row(message: HeldMessage, generation: int) -> dict[str, Any]:
    """Return the row of a message that was not held before."""
    envelope = message.envelope
    facts = {
        "record_id": message.record_id,
        "door": message.door,
        "client": asdict(message.client),
        "sender": envelope.sender,
        "recipients": [[recipient.address, recipient.parameters] for recipient in envelope.recipients],
        "parameters": envelope.parameters,
        "message_id": message.message_id,
        "unreadable": message.unreadable,
    }
    return {
        "id": message.id,
        "received_at": message.received_at,
        "sender": _hash(index_key(envelope.sender)),
        "size": message.size,
        "facts": json.dumps(facts, separators=(",", ":")),
        "reason": message.reason,
        "state": message.state,
        "due": message.received_at,
        "attempts": 0,
        "crashes": 0,
        "asked": False,
        "generation": generation,
        "note": message.note,
        "door": message.door,
    }


def _message(row: Row[Any], wanted: frozenset[Need]) -> HeldMessage:
    facts = json.loads(row.facts)
    client = facts["client"]
    recipients = tuple(Recipient(address, tuple(parameters)) for address, parameters in facts["recipients"])
    return HeldMessage(
        id=row.id,
        record_id=facts["record_id"],
        received_at=row.received_at,
        door=facts["door"],
        client=Client(**client | {"xforward": tuple((name, value) for name, value in client["xforward"])}),
        envelope=Envelope(facts["sender"], recipients, tuple(facts["parameters"])),
        message_id=facts["message_id"],
        reason=Reason(row.reason),
        unreadable=facts["unreadable"],
        needs=wanted,
        size=row.size,
        attempts=row.attempts,
        state=State(row.state),
        due=row.due if row.state == State.READY else None,
        asked=row.asked,
        note=row.note,
    )


def messages(connection: Connection, *conditions: ColumnElement[bool]) -> list[HeldMessage]:
    """Return the held messages that fulfil ``conditions``, newest last."""
    rows = connection.execute(select(_TABLE).where(*conditions).order_by(_TABLE.c.received_at, _TABLE.c.id)).all()
    wanted = needs.of(connection, *conditions)
    return [_message(row, wanted.get(row.id, frozenset())) for row in rows]


def words(message: HeldMessage) -> str:
    """Return what a message is searched by: ids, addresses, door, reason and state."""
    envelope = message.envelope
    plain = (message.id, message.record_id, message.message_id or "", message.door, message.reason, message.state)
    return "\n".join((*plain, envelope.sender, *envelope.addresses))


def one_message(connection: Connection, name: str) -> HeldMessage:
    """Return the message with that id or unambiguous prefix. Raises ``Refused``."""
    prefix = name.lower()
    if not is_beginning(prefix):
        raise Refused(f"{name!r} is no id of held mail and no beginning of one")
    return _NAMED.only(messages(connection, begins(_TABLE.c.id, prefix)), prefix)


def _id(content: bytes, envelope: Envelope) -> str:
    made = sha256(sha256(content).digest())
    for address in sorted(envelope.addresses):
        made.update(_hash(address))
    return made.hexdigest()[:32]


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
