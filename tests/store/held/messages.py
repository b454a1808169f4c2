"""Messages to hold, for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.engine.transaction import Client, Direction, FrontEnd, Transaction
from gateway.mail.envelope import Envelope, Recipient
from gateway.pki.need import Need, NeedKind, by_key_id
from gateway.reason import Reason
from gateway.store import Store
from gateway.store.held.entries import Held, HoldLimits
from gateway.store.held.message import to_hold

AT = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)
LEASE = timedelta(minutes=30)
ROOMY = HoldLimits(max_size=100_000_000, max_total=1_000_000_000, max_per_sender=1000)
NOWHERE: Need = by_key_id(NeedKind.RECIPIENT, b"nobody has it")
CLIENT = Client("192.0.2.7", None, "mx.example.net", xforward=(("IDENT", "4fXq"), ("ADDR", "198.51.100.9")))


def arrived(content: bytes = b"Subject: x\r\n\r\ny\r\n", **facts: Any) -> Transaction:
    """An inbound message; ``facts`` replace fields, ``sender`` and ``recipients`` those of the envelope."""
    recipients = facts.pop("recipients", ("support@example.org",))
    envelope = Envelope(
        facts.pop("sender", "alice@example.com"),
        tuple(Recipient(address, ("NOTIFY=FAILURE",)) for address in recipients),
        ("BODY=8BITMIME", "SMTPUTF8"),
    )
    values: dict[str, Any] = {"id": "r1", "door": "inbound", "client": CLIENT, "received_at": AT}
    return Transaction(
        direction=Direction.INBOUND, front_end=FrontEnd.SMTP, envelope=envelope, content=content, **values | facts
    )


def hold(store: Store, *needs: Need, limits: HoldLimits = ROOMY, judged_under: int | None = None, **facts: Any) -> Held:
    """Hold a message that cannot be read; ``facts`` as for ``arrived``."""
    transaction = arrived(**facts)
    message = to_hold(
        transaction, Reason.NO_KEY, frozenset(needs or {NOWHERE}), unreadable=True, message_id="<m1@example.com>"
    )
    generation = store.generation.current() if judged_under is None else judged_under
    return store.held.hold(message, transaction.content, limits, generation)


def held(store: Store, *needs: Need, **facts: Any) -> str:
    """Hold a message that is new, and return its id."""
    done = hold(store, *needs, **facts)
    assert done.new
    assert done.id is not None
    return done.id
