"""Answers to mail that was opened, and such mail sent on: encrypted, refused, or taken and kept."""

from dataclasses import replace

import pytest

from gateway.policy.question import Wishes
from gateway.policy.rule import Group, Level, ReplyRule, Rules
from gateway.reason import Reason
from tests.policy.conftest import World

CUSTOMER = "carol@example.com"
"""Has no certificate; in no group."""
SENT_ON = {"author": CUSTOMER, "recipients": ("third@example.net",), "answers": ReplyRule.REQUIRE}


def under(world: World, setting: ReplyRule, **changes: object) -> World:
    group = replace(world.rules.groups[0], sign=Level.NEVER, encrypt=Level.NEVER, replies=setting, **changes)
    world.rules = replace(world.rules, groups=(group,))
    return world


@pytest.mark.parametrize("own", list(ReplyRule))
@pytest.mark.parametrize("remembered", list(ReplyRule))
def test_the_stricter_of_what_is_remembered_and_the_groups_own(
    world: World, own: ReplyRule, remembered: ReplyRule
) -> None:
    under(world, own)
    decision = world.ask(recipients=(CUSTOMER,), answers=remembered)
    if ReplyRule.REQUIRE in (own, remembered):
        assert str(decision.reply).startswith("550 5.7.3 reply-to-encrypted:")
        assert world.ask(answers=remembered).encrypted  # alice has a certificate
    else:
        noted = ReplyRule.WARN in (own, remembered)
        assert decision.reply is None
        assert decision.encrypt_reason is (Reason.REPLY_TO_ENCRYPTED if noted else Reason.POLICY_NEVER)
        assert decision.encrypt_cause is (Reason.POLICY_NEVER if noted else None)


@pytest.mark.parametrize("changes", [{"wishes": Wishes(encrypt=Level.NEVER)}, {"report": True, "sender": ""}])
def test_nothing_lifts_it(world: World, changes: dict[str, object]) -> None:
    under(world, ReplyRule.REQUIRE)
    assert world.ask(recipients=(CUSTOMER,), answers=ReplyRule.IGNORE, **changes).reply is not None
    assert world.ask(answers=ReplyRule.IGNORE, **changes).encrypted


def test_what_answers_nothing_does_not_fall_under_it(world: World) -> None:
    under(world, ReplyRule.REQUIRE)
    assert world.ask(recipients=(CUSTOMER,)).encrypt_reason is Reason.POLICY_NEVER


def test_colleagues_may_read_it(world: World) -> None:
    under(world, ReplyRule.REQUIRE)
    assert world.ask(recipients=("support@example.org",), answers=ReplyRule.IGNORE).reply is None


# --- mail in no group -------------------------------------------------------------------------------------------------


def test_opened_mail_sent_on_is_refused(world: World) -> None:
    decision = world.ask(**SENT_ON)
    assert str(decision.reply).startswith("550 5.7.3 reply-to-encrypted:")
    assert not decision.withheld
    assert decision.copies == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": None},
        {"answers": ReplyRule.IGNORE},
        {"encrypted": True},
        {"recipients": ("support@example.org",)},
        {"recipients": ("journal@example.org", "support+1@example.org")},
    ],
)
def test_it_goes_on_where_nothing_is_given_away(world: World, changes: dict[str, object]) -> None:
    world.rules = replace(world.rules, internal=("journal@example.org",))
    decision = world.ask(**{**SENT_ON, **changes})
    assert (decision.reply, decision.encrypt_reason) == (None, Reason.UNKNOWN_SENDER)


def test_one_stranger_among_colleagues_is_enough(world: World) -> None:
    assert world.ask(**{**SENT_ON, "recipients": ("support@example.org", "third@example.net")}).reply is not None


def test_warn_says_so(world: World) -> None:
    decision = world.ask(**{**SENT_ON, "answers": ReplyRule.WARN})
    assert (decision.reply, decision.encrypt_reason) == (None, Reason.REPLY_TO_ENCRYPTED)
    assert decision.encrypt_cause is Reason.UNKNOWN_SENDER


def test_of_nobody_readable_too(world: World) -> None:
    assert world.ask(**{**SENT_ON, "author": None, "claimed": (CUSTOMER,)}).reply is not None


# --- what may be returned ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "withheld"),
    [
        ("", False),
        ("support@example.org", False),
        ("support+4711@example.org", False),
        ("colleague@mail.example.org", False),
        ("journal@example.net", False),
        (CUSTOMER, True),
        ("x@sub.mail.example.org", True),
    ],
)
@pytest.mark.parametrize("of_a_group", [True, False])
def test_it_is_refused_only_where_it_comes_back_to_us(
    world: World, sender: str, withheld: bool, of_a_group: bool
) -> None:
    under(world, ReplyRule.REQUIRE)
    world.rules = replace(world.rules, internal=("journal@example.net",), domains=("mail.example.org",))
    changes = {"recipients": (CUSTOMER,)} if of_a_group else {"author": CUSTOMER, "recipients": ("t@example.net",)}
    decision = world.ask(sender=sender, answers=ReplyRule.REQUIRE, **changes)
    assert decision.reply is not None
    assert decision.withheld is withheld


def test_other_refusals_are_told_to_anybody(world: World) -> None:
    decision = world.levels("never", "required").ask(sender=CUSTOMER, recipients=(CUSTOMER,))
    assert (decision.reply is None, decision.withheld) == (False, False)
    assert not world.ask(sender=CUSTOMER, recipients=(CUSTOMER,), answers=ReplyRule.WARN).withheld


@pytest.mark.parametrize("setting", list(ReplyRule))
@pytest.mark.parametrize(
    "changes",
    [
        {"wishes": Wishes(encrypt=Level.REQUIRED)},
        {"wishes": Wishes(unknown="X-SMIME-Gateway-Encrypt")},
        {"author": None, "claimed": ("support@example.org",)},
        {"author": "support@example.org", "recipients": (CUSTOMER,)},
        {},
    ],
)
def test_what_holds_opened_text_is_returned_to_no_stranger_whyever_it_is_refused(
    world: World, setting: ReplyRule, changes: dict[str, object]
) -> None:
    under(world, setting).levels("never", "required")
    world.rules = replace(world.rules, reject_unknown_sender=True)
    asked = {**SENT_ON, "answers": setting, "holds_opened": True, **changes}
    assert world.ask(**asked, sender=CUSTOMER).withheld
    told = world.ask(**asked, sender="support@example.org")
    assert (told.reply is not None, told.withheld) == (True, False)


def test_whatever_else_refuses_an_answer_is_not_told_to_a_stranger(world: World) -> None:
    under(world.levels("never", "required"), ReplyRule.REQUIRE)
    assert world.ask(sender=CUSTOMER, recipients=(CUSTOMER,), answers=ReplyRule.IGNORE).withheld


# --- whose setting counts ---------------------------------------------------------------------------------------------


def test_the_strictest_setting_of_the_groups_it_was_opened_for() -> None:
    def group(name: str, setting: ReplyRule, *recipients: str) -> Group:
        address = f"{name}@example.org"
        return Group(name, (address,), Level.NEVER, Level.NEVER, replies=setting, recipients=recipients)

    shared = "inbox@mail.example.org"
    rules = Rules(
        groups=(
            group("a", ReplyRule.IGNORE, shared),
            group("b", ReplyRule.WARN),
            group("c", ReplyRule.REQUIRE, shared),
        )
    )
    assert rules.on_answers(["a@example.org"]) is ReplyRule.IGNORE
    assert rules.on_answers(["a@example.org", "b+7@example.org"]) is ReplyRule.WARN
    assert rules.on_answers([shared]) is ReplyRule.REQUIRE
    assert rules.on_answers(["nobody@example.org"]) is ReplyRule.IGNORE
