"""Who gets which copy of mail that a private key was used for, and when none is used."""

from dataclasses import replace

import pytest

from gateway.engine import opening
from gateway.engine.inbound import InboundRules
from gateway.engine.transaction import (
    Client,
    Delivery,
    Direction,
    FrontEnd,
    Hold,
    Outcome,
    Transaction,
)
from gateway.engine.wants import FailuresOf, KeyOf, NamedBy
from gateway.errors import Fault
from gateway.mail.envelope import Envelope, Recipient
from gateway.policy.rule import Group, Level, Rules
from gateway.reason import Reason
from tests.authority import Issued
from tests.engine.world import AT, HELPDESK
from tests.inbound.content_key import cbc, wrapped
from tests.inbound.made import ALICE, CANARY, TEXT, Desk, mail, opaque, p7m, words

SALES, HR = "sales@example.org", "hr@example.org"
TO = (Recipient(SALES, ("NOTIFY=SUCCESS",)), Recipient(HELPDESK, ("NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;x@y")))


def arriving(content: bytes, *to: Recipient, **options: bool) -> Transaction:
    client, envelope = Client("192.0.2.7"), Envelope(ALICE, to or TO)
    return Transaction("1", Direction.INBOUND, FrontEnd.SMTP, "mx", client, envelope, content, AT, **options)


def broken(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


@pytest.fixture
def sealed(desk: Desk) -> bytes:
    return cbc(wrapped(desk.certificate))


def recipients(outcome: Outcome) -> list[list[tuple[str, ...]]]:
    return [[(to.address, *to.parameters) for to in delivery.recipients] for delivery in outcome.deliveries]


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize(
    ("rules", "notify"), [(InboundRules(), "NEVER"), (InboundRules(notify_failure=True), "FAILURE")]
)
def test_readers_first_then_the_others(
    desk: Desk, sealed: bytes, opens: bool, rules: InboundRules, notify: str
) -> None:
    desk.inbound_rules = rules
    content = mail(p7m(sealed if opens else broken(sealed)))
    outcome = desk.process(arriving(content))
    assert recipients(outcome) == [
        [(HELPDESK, f"NOTIFY={notify}", "ORCPT=rfc822;x@y")],
        [(SALES, "NOTIFY=NEVER")],
    ]
    assert [delivery.key_used for delivery in outcome.deliveries] == [True, False]
    assert words(outcome, 0)[1] == ("decrypted" if opens else "failed decrypt-failed")
    assert words(outcome, 1)[1] == "failed not-addressed"


@pytest.mark.parametrize("opens", [True, False])
def test_as_it_came_it_looks_like_one_that_did_not_open(desk: Desk, sealed: bytes, opens: bool) -> None:
    content = mail(p7m(sealed if opens else broken(sealed)))
    outcome = desk.process(arriving(content))
    first = outcome.deliveries[0]
    assert first.as_it_came is not None
    closed: Delivery = first.as_it_came()
    assert closed.as_it_came is None
    assert (closed.recipients, closed.key_used, closed.opened) == (first.recipients, True, False)
    assert words(replace(outcome, deliveries=(closed,)))[1] == "failed decrypt-failed"
    assert bytes(closed.content).endswith(content)


def test_too_many_failures_split_it_alike(desk: Desk, sealed: bytes) -> None:
    """Else somebody could count them."""
    desk.failures_per_hour = 0
    outcome = desk.process(arriving(mail(p7m(sealed))))
    assert [delivery.key_used for delivery in outcome.deliveries] == [True, False]
    assert words(outcome)[1] == "failed rate"


def test_a_bug_after_the_key_was_used_splits_it_alike(
    desk: Desk, sealed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(opening, "decrypt", bug)
    outcome = desk.process(arriving(mail(p7m(sealed))))
    assert recipients(outcome)[0][0][0] == HELPDESK
    assert [delivery.key_used for delivery in outcome.deliveries] == [True, False]
    assert words(outcome)[0] == "neutral internal"


@pytest.mark.parametrize("what", ["no key", "not addressed", "plain", "opaque"])
def test_what_is_told_before_a_key_is_used_changes_nothing(desk: Desk, alice: Issued, sealed: bytes, what: str) -> None:
    content = {
        "no key": mail(p7m(cbc(wrapped(alice)))),
        "not addressed": mail(p7m(sealed)),
        "plain": mail(TEXT),
        "opaque": mail(opaque(TEXT, alice)),
    }[what]
    outcome = desk.process(arriving(content, TO[0]))
    (delivery,) = outcome.deliveries
    assert (delivery.key_used, delivery.as_it_came) == (False, None)
    assert recipients(outcome) == [[(SALES, "NOTIFY=NEVER")]]


@pytest.mark.parametrize(
    ("to", "options"),
    [(TO, {"can_split": False}), (TO[1:], {"may_open": False}), (TO[1:], {"may_open": False, "can_split": False})],
)
def test_mail_that_stays_closed_for_now_uses_no_key_and_is_held(
    desk: Desk, sealed: bytes, to: tuple[Recipient, ...], options: dict[str, bool]
) -> None:
    outcome = desk.process(arriving(mail(p7m(sealed)), *to, **options))
    (delivery,) = outcome.deliveries
    assert not [want for want in desk.asked if isinstance(want, KeyOf)], "a private key is used"
    assert not delivery.key_used
    assert words(outcome)[1] == "failed not-addressed"
    assert outcome.hold == Hold(Reason.NOT_ADDRESSED, frozenset(), unreadable=True)


def test_nobody_entitled_is_nothing_to_wait_for(desk: Desk, sealed: bytes) -> None:
    outcome = desk.process(arriving(mail(p7m(sealed)), TO[0], may_open=False, can_split=False))
    assert outcome.hold is None


@pytest.mark.parametrize("opens", [True, False])
def test_an_envelope_inside_parts_nobody_that_opens_or_not(desk: Desk, opens: bool) -> None:
    """The outer one may be anybody's, made around what he has intercepted."""
    desk.rules = Rules(groups=(Group("support", (HELPDESK, HR), Level("never"), Level("never")),))
    desk.hold(HR, key=True, kind="p256")
    inner = cbc(wrapped(desk.issued[HR]))
    outer = cbc(wrapped(desk.certificate), entity=p7m(inner if opens else broken(inner)))
    outcome = desk.process(arriving(mail(p7m(outer)), Recipient(HELPDESK), Recipient(HR)))
    assert [[to.address for to in delivery.recipients] for delivery in outcome.deliveries] == [[HELPDESK, HR]]
    assert (CANARY in bytes(outcome.deliveries[0].content)) is opens


def test_dec_08_a_failure_counts_though_the_story_does_not_come_to_its_end(desk: Desk, sealed: bytes) -> None:
    """DEC-08: else whoever can make it fail, or be deferred, behind the key has as many tries as he likes."""
    asked: list[NamedBy] = []

    def once(want: NamedBy) -> object:
        asked.append(want)
        if len(asked) > 1:
            raise Fault("the store is gone")
        return named(want)

    named = desk.answers[NamedBy]
    desk.answers[NamedBy] = once
    with pytest.raises(Fault):
        desk.process(arriving(mail(p7m(broken(sealed)))))
    assert desk.failed == [desk.certificate.certificate.public_key_id]


def test_dec_08_what_failed_while_it_was_opened_counts_too(desk: Desk, sealed: bytes) -> None:
    """DEC-08: a hundred that come at once are all let through; what opens is opened only if few of them failed."""
    counts = iter([0, desk.failures_per_hour])
    desk.answers[FailuresOf] = lambda want: next(counts)
    outcome = desk.process(arriving(mail(p7m(sealed))))
    assert words(outcome)[1] == "failed rate"
    assert CANARY not in bytes(outcome.deliveries[0].content)
    assert outcome.deliveries[0].key_used
    assert outcome.remember is None
