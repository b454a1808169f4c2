"""Mail that passed the gateway of the console's stand: records of every kind, and what is held."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.clock import new_id, now
from gateway.engine.engine import make_record
from gateway.engine.record import Record
from gateway.engine.transaction import Client, Direction, FrontEnd, Receipt, Transaction
from gateway.gather import try_out
from gateway.mail.envelope import Envelope, Recipient
from gateway.reply import EnhancedCode, reply
from gateway.store import schema
from gateway.store.held.entries import HoldLimits
from gateway.store.held.message import to_hold
from gateway.wiring import Wiring
from tests.authority import Authority
from tests.e2e.console.stand import HOSTILE, LONG
from tests.letters import SECRET, encrypted, head, signed
from tests.store.journal.records import record

DESK = "support@example.org"
ADA = "ada@example.com"
CUSTOMER = "alice@customer.example"
ROOMY = HoldLimits(max_size=100_000_000, max_total=1_000_000_000, max_per_sender=1000)
LETTER = f"From: Support <{DESK}>\r\nTo: {ADA}\r\nSubject: x\r\n\r\n".encode() + SECRET + b"\r\n"


def letter(*to: str, fields: str = "") -> bytes:
    """A mail of the helpdesk."""
    people = ", ".join(to)
    return f"{fields}From: Support <{DESK}>\r\nTo: {people}\r\nSubject: x\r\n\r\n".encode() + SECRET + b"\r\n"


def passed(
    wiring: Wiring, content: bytes, direction: Direction, *to: str, at: datetime | None = None, hold: bool = False
) -> Record:
    """Have a message go through the engine, journal it (received at ``at``), hold it where asked for."""
    sender = DESK if direction is Direction.OUTBOUND else CUSTOMER
    envelope = Envelope(sender, tuple(map(Recipient, to or (DESK,))))
    client = Client("192.0.2.7", None, "mx.example.net", xforward=(("IDENT", "4fXq7z"),))
    transaction = Transaction(new_id(), direction, FrontEnd.SMTP, direction, client, envelope, content, at or now())
    outcome = try_out(wiring.engine, wiring.store, transaction, now())
    answer = outcome.reply or reply(250, EnhancedCode.OTHER, "ok: queued as 4fXq8A")
    receipts = tuple(Receipt(each.ready(), "127.0.0.1:10026", answer) for each in outcome.deliveries)
    made = make_record(transaction, outcome, receipts, answer, 0.0123)
    if hold:
        assert outcome.hold is not None
        wanted = to_hold(
            transaction, outcome.hold.reason, outcome.hold.needs, unreadable=True, message_id="<7@customer.example>"
        )
        kept = wiring.store.held.hold(wanted, content, ROOMY, wiring.store.generation.current())
        made = replace(made, held=kept.id)
    wiring.store.journal.write([made])
    return made


def deliver(wiring: Wiring, authority: Authority) -> dict[str, Record]:
    """Have a day's mail pass; return the records by a short name."""
    hour, at = timedelta(hours=1), now()
    desk = authority.leaf(DESK)
    customer = authority.leaf(CUSTOMER, common_name="Alice Customer")
    stranger = Authority(name="Somebody's CA").leaf(CUSTOMER, common_name="Alice Customer")
    out, in_ = Direction.OUTBOUND, Direction.INBOUND
    for number in range(19, -1, -1):
        passed(wiring, letter(ADA), out, ADA, at=at - number * hour)
        if number % 3 == 0:
            passed(wiring, letter("bob@example.net"), out, "bob@example.net", at=at - number * hour)
        if number % 4 == 1:
            passed(wiring, head() + signed(customer), in_, at=at - number * hour)
    found = {
        "hostile": record(
            new_id(),
            received_at=at - 3 * hour,
            sender="mallory@example.net",
            from_=HOSTILE,
            message_id=f"<{HOSTILE}@x>",
            queue_id=HOSTILE,
            recipients=(LONG, "=1+1@example.org"),
            rule=HOSTILE,
            reply=HOSTILE,
            notes=(HOSTILE,),
            direction="inbound",
            verdict="defer",
        )
    }
    wiring.store.journal.write([found["hostile"]])
    required = "X-SMIME-Gateway-Encrypt: required\r\n"
    return found | {
        "refused": passed(wiring, letter(ADA, "bob@example.net", fields=required), out, ADA, "bob@example.net"),
        "clear": passed(wiring, letter(ADA, "bob@example.net"), out, ADA, "bob@example.net"),
        "sealed": passed(wiring, letter(ADA), out, ADA),
        "good": passed(wiring, head() + signed(customer), in_),
        "doubtful": passed(wiring, head() + signed(stranger), in_),
        "closed": passed(wiring, encrypted(head(), desk), in_, hold=True),
        "closed again": passed(wiring, encrypted(head(), customer), in_, hold=True),
        "plain": passed(wiring, head() + b"\r\nHello\r\n", in_),
    }


def give_up(wiring: Wiring, held: str) -> None:
    """Have an attempt at held mail be the last one."""
    with wiring.store.database.write() as connection:
        table = schema.held
        connection.execute(table.update().where(table.c.id == held).values(state="failed", note="refused: 550 no"))


def records(found: dict[str, Record]) -> Iterator[str]:
    """Yield the ids."""
    return (each.id for each in found.values())
