"""The wall clock is set while the gateway runs (row REL-10): by ten years ahead or back, and put right again.

Certificates are judged by it, for there is nothing else; timeouts, watchdogs and what waits for its turn are not.
"""

import time
from datetime import timedelta

import pytest

from tests.e2e.client import Rough, letter, submit
from tests.e2e.conftest import ALICE, BOB, People
from tests.e2e.daemon import PLAIN, STRICT, SUPPORT, Daemon
from tests.e2e.sink import Mail, Sink
from tests.faults.control import Control
from tests.letters import SECRET, encrypted, head

YEARS = int(timedelta(days=3652).total_seconds())
AWHILE = 1.5
"""Seconds in which processes give signs of life, and look for work, more than once."""


def of(hop: Sink, message_id: str) -> list[Mail]:
    return hop.found(lambda mail: mail.field("message-id") == message_id.encode())


@pytest.mark.parametrize(("ahead", "reason"), [(YEARS, "expired"), (-YEARS, "not-yet-valid")])
def test_rel_10_within_a_session(
    controlled: tuple[Daemon, Control], hop: Sink, people: People, ahead: int, reason: str
) -> None:
    """No session ends, no process is taken for stuck; certificates do not serve, and nothing leaves without them."""
    daemon, control = controlled
    people.introduce(daemon)
    daemon.start()
    begun, strict = letter(sender=PLAIN), letter(sender=STRICT)
    with Rough(daemon.doors["outbound"]) as client:
        client.open(ALICE, sender=PLAIN)
        client.send(begun.content[:100])
        control.set_clock(ahead)
        time.sleep(AWHILE)
        client.send(begun.content[100:] + b".\r\n")
        assert client.reply().startswith("250 2.0.0")
        assert client.say("NOOP").startswith("250")
    assert of(hop, begun.id)[0].content == begun.content

    answer = submit(daemon.doors["outbound"], strict.content, ALICE, sender=STRICT)
    assert (answer.code, answer.text[:5]) == (550, "5.7.3")
    assert reason in answer.text
    arriving = encrypted(head(message_id="<jump@customer.example>"), people.issued[SUPPORT])
    assert submit(daemon.doors["inbound"], arriving, SUPPORT, sender="alice@customer.example").code == 250
    assert SECRET in of(hop, "<jump@customer.example>")[0].content

    control.set_clock(0)
    assert submit(daemon.doors["outbound"], strict.content, ALICE, sender=STRICT).code == 250
    (mail,) = of(hop, strict.id)
    assert b"smime-type=enveloped-data" in mail.content
    assert "is replaced" not in daemon.log
    assert daemon.stop() == 0


def test_rel_10_between_a_failure_and_its_retry(controlled: tuple[Daemon, Control], hop: Sink, people: People) -> None:
    """The ledger knows the copy that was taken before, and no age can make it forget."""
    daemon, control = controlled
    people.introduce(daemon)
    daemon.start()
    hop.dots[BOB] = "451 4.2.0 Busy"
    sent = letter(to=ALICE)
    assert submit(daemon.doors["outbound"], sent.content, ALICE, BOB).code == 451
    assert [mail.recipients for mail in of(hop, sent.id)] == [(ALICE,)]
    control.set_clock(YEARS)
    other = letter(sender=PLAIN)
    assert submit(daemon.doors["outbound"], other.content, ALICE, sender=PLAIN).code == 250
    time.sleep(AWHILE)
    control.set_clock(0)
    hop.dots.clear()
    assert submit(daemon.doors["outbound"], sent.content, ALICE, BOB).code == 250
    assert sorted(mail.recipients for mail in of(hop, sent.id)) == [(ALICE,), (BOB,)]


def test_rel_10_what_was_held_under_a_wrong_clock(
    controlled: tuple[Daemon, Control], hop: Sink, people: People
) -> None:
    """It is tried as soon as its key comes, and not in ten years."""
    daemon, control = controlled
    daemon.start()
    control.set_clock(YEARS)
    arriving = encrypted(head(message_id="<held@customer.example>"), people.issued[SUPPORT])
    assert submit(daemon.doors["inbound"], arriving, SUPPORT, sender="alice@customer.example").code == 250
    assert SECRET not in of(hop, "<held@customer.example>")[0].content
    control.set_clock(0)
    daemon.import_(people.secret(SUPPORT))
    (mail,) = hop.wait(lambda mail: mail.field("x-smime-gateway-retry-of") is not None)
    assert SECRET in mail.content
