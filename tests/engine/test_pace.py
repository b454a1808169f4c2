"""Mail on which a key was used keeps to one pace, whatever came of it."""

from datetime import UTC, datetime

import pytest

from gateway.engine.finish import MEGABYTE, STEP, rest, step
from gateway.engine.transaction import Client, Delivery, Direction, FrontEnd, Outcome, Transaction, Verdict
from gateway.mail.envelope import Envelope, Recipient

TO = (Recipient("support@example.org"),)
PLAIN, USED = Delivery(TO, b""), Delivery(TO, b"", key_used=True)
AT = datetime(2026, 6, 1, tzinfo=UTC)


def of(size: int) -> Transaction:
    return Transaction(
        "1", Direction.INBOUND, FrontEnd.SMTP, "in", Client(), Envelope("a@b.example", TO), bytes(size), AT
    )


@pytest.mark.parametrize("taken", [0.0, 0.003, 0.0999, 0.1, 0.25, 7.77])
@pytest.mark.parametrize("size", [0, 5000, 3 * MEGABYTE])
def test_it_goes_on_at_the_next_step(taken: float, size: int) -> None:
    length = step(of(size))
    waits = rest(of(size), Outcome(Verdict.RELAY, deliveries=(USED, PLAIN)), taken)
    assert 0 < waits <= length
    assert (taken + waits) / length == pytest.approx(round((taken + waits) / length))


def test_a_step_grows_with_the_mail() -> None:
    assert step(of(0)) == pytest.approx(STEP)
    assert step(of(9 * MEGABYTE)) == pytest.approx(10 * STEP)


def test_all_other_mail_goes_on_at_once() -> None:
    assert rest(of(5000), Outcome(Verdict.RELAY, deliveries=(PLAIN, PLAIN)), 0.003) == 0
    assert rest(of(5000), Outcome(Verdict.REJECT), 0.003) == 0
