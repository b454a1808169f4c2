"""Mail on which a key was used keeps to one pace, whatever came of it."""

import pytest

from gateway.daemon.pace import STEP, rest
from gateway.engine.transaction import Delivery, Outcome, Verdict
from gateway.mail.envelope import Recipient

TO = (Recipient("support@example.org"),)
PLAIN, USED = Delivery(TO, b""), Delivery(TO, b"", key_used=True)


@pytest.mark.parametrize("taken", [0.0, 0.003, 0.0999, 0.1, 0.25, 7.77])
def test_it_goes_on_at_the_next_step(taken: float) -> None:
    waits = rest(Outcome(Verdict.RELAY, deliveries=(USED, PLAIN)), taken)
    assert 0 < waits <= STEP
    assert (taken + waits) / STEP == pytest.approx(round((taken + waits) / STEP))


def test_all_other_mail_goes_on_at_once() -> None:
    assert rest(Outcome(Verdict.RELAY, deliveries=(PLAIN, PLAIN)), 0.003) == 0
    assert rest(Outcome(Verdict.REJECT), 0.003) == 0
