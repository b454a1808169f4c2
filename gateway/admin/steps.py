"""Rule by rule: what is decided over mail that leaves, told in the order in which ``policy.decide`` asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.admin.certificate_view import Use
from gateway.admin.reasons import Part, plain
from gateway.admin.sentence import Sentence
from gateway.pki.holding import Holding
from gateway.policy.assess import Assessment, RecipientAnswer, assess
from gateway.policy.decide import Decision, demands
from gateway.policy.question import Question
from gateway.policy.rule import Group, Level, Rules, strictest_on_answers
from gateway.policy.wants import Found
from gateway.reason import Reason

_OF_GROUP = Sentence("{what}: {level}, as the group says")
_ORIGINS = {
    "message": Sentence("{what}: {level}, as the message asks"),
    "automatic report": Sentence("{what}: {level}, for it is an automatic report"),
    "overrides.exempt": Sentence("{what}: {level}, for its content type is exempt"),
    "reply to encrypted mail": Sentence("{what}: {level}, for it answers mail that came encrypted"),
}
"""By who set the level (``policy.decide.Demand``)."""
SHORT = 16
"""Digits of a fingerprint in a sentence."""


class Weight(StrEnum):
    """What a step means for the message: it holds, something is lacking, or nothing behind it is asked any more."""

    HOLDS = "holds"
    LACKS = "lacks"
    DECIDES = "decides"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule. ``rule``: the key of the configuration, or what else was asked; ``text``: what it came to.

    ``reason``: why something is lacking or left out, ``meaning`` in plain words.
    """

    rule: str
    weight: Weight
    text: Sentence
    reason: Reason | None = None
    meaning: Sentence | None = None


def step(rule: str, weight: Weight, text: Sentence, reason: Reason | None = None, part: Part | None = None) -> Step:
    """Make a step; ``part``: in whose words the reason is told."""
    meaning = None if reason is None or part is None else Sentence(plain(part, reason).meaning)
    return Step(rule, weight, text, reason, meaning)


def outbound_steps(question: Question, rules: Rules, decision: Decision, found: Found, at: datetime) -> Iterator[Step]:
    """Yield the rules that were asked over a message; ``found``: the certificates that were found for it."""
    group = rules.group_of(question.author) if question.author is not None else None
    yield from _wishes(question)
    if question.wishes.unknown is None:
        yield from _of_anybody(question, rules, group)
        if rules.enabled and group is not None and question.author is not None:
            yield from _of_group(question, rules, group, question.author, decision, found, at)
    yield _end(decision)


def _wishes(question: Question) -> Iterator[Step]:
    wishes = question.wishes
    if wishes.unknown is not None:
        text = Sentence("The message asks for something unknown: {field}", field=wishes.unknown)
        yield step("overrides", Weight.DECIDES, text, Reason.OVERRIDE, Part.REFUSED)
        return
    for name, level in (("X-SMIME-Gateway-Sign", wishes.sign), ("X-SMIME-Gateway-Encrypt", wishes.encrypt)):
        if level is not None:
            text = Sentence("The message asks for {level} ({field}, or a tag in its subject)", level=level, field=name)
            yield step("overrides", Weight.HOLDS, text)


def _of_anybody(question: Question, rules: Rules, group: Group | None) -> Iterator[Step]:
    if not rules.enabled:
        text = Sentence("The gateway is switched off")
        yield step("enabled", Weight.DECIDES, text, Reason.NOT_ENABLED, Part.UNPROTECTED)
    elif question.author is None:
        fault = Sentence("From is not one address: {fault}", fault=question.fault or "")
        claimed = any(rules.group_of(address) for address in question.claimed)
        weight = Weight.DECIDES if claimed else Weight.LACKS
        yield step("groups", weight, fault, Reason.FROM_AMBIGUOUS, Part.REFUSED)
    elif group is None:
        text = Sentence("{address} is in no group", address=question.author)
        yield step("groups", Weight.LACKS, text, Reason.UNKNOWN_SENDER, Part.UNPROTECTED)
        refuses = rules.reject_unknown_sender and question.sender
        text = (
            Sentence("Mail of nobody's group is refused") if refuses else Sentence("Mail of nobody's group is relayed")
        )
        yield step("unknown_sender", Weight.DECIDES, text)
    else:
        yield step(
            "groups", Weight.HOLDS, Sentence("{address} is in group {group}", address=question.author, group=group.name)
        )


def _of_group(
    question: Question, rules: Rules, group: Group, author: str, decision: Decision, found: Found, at: datetime
) -> Iterator[Step]:
    if group.submitters.networks or group.submitters.users:
        yield _submitters(question, group)
    if decision.sign_reason is Reason.NOT_AUTHORISED:
        return
    sign, encrypt = demands(question, group)
    for name, demand in ((Use.SIGN, sign), (Use.ENCRYPT, encrypt)):
        text = _ORIGINS.get(demand.origin, _OF_GROUP).filled(what=name, level=demand.level)
        yield step(f"groups[].{name}", Weight.HOLDS, text, demand.reason, Part.UNPROTECTED)
    if question.answers is not None:
        setting = strictest_on_answers((question.answers, group.replies))
        text = Sentence("It answers mail that came encrypted: {setting}", setting=setting)
        yield step("groups[].replies_to_encrypted", Weight.HOLDS, text)
    if question.encrypted:
        text = Sentence("The message is encrypted already")
        yield step("already-protected", Weight.DECIDES, text, Reason.ALREADY_PROTECTED, Part.UNPROTECTED)
        return
    assessment = assess(author, question.recipients, question.visible, rules, found, at)
    if sign.level is not Level.NEVER:
        yield _signer(question, author, assessment)
    if encrypt.level is not Level.NEVER:
        yield from map(_recipient, assessment.recipients)
        yield from _together(decision, assessment)


def _submitters(question: Question, group: Group) -> Step:
    if question.local:
        text = Sentence("Only some clients may send as group {group}; that is not asked here", group=group.name)
        return step("groups[].submitters", Weight.HOLDS, text)
    if group.submitters.admit(question.client, question.login):
        text = Sentence("This client may send as group {group}", group=group.name)
        return step("groups[].submitters", Weight.HOLDS, text)
    text = Sentence("This client may not send as group {group}", group=group.name)
    return step("groups[].submitters", Weight.DECIDES, text, Reason.NOT_AUTHORISED, Part.REFUSED)


def _signer(question: Question, author: str, assessment: Assessment) -> Step:
    signing = assessment.signing
    if question.signed:
        text = Sentence("The message is signed already")
        return step("signer", Weight.HOLDS, text, Reason.ALREADY_PROTECTED, Part.UNPROTECTED)
    if question.arrived:
        text = Sentence("It came from outside and is not signed again")
        return step("signer", Weight.LACKS, text, Reason.TRANSIT, Part.UNPROTECTED)
    if isinstance(signing, Reason):
        text = Sentence("{address} cannot sign", address=author)
        return step("signer", Weight.LACKS, text, signing, Part.UNPROTECTED)
    return step(
        "signer", Weight.HOLDS, _by(signing, Sentence("{address} signs with certificate {fingerprint}"), author)
    )


def _by(holding: Holding, template: Sentence, address: str) -> Sentence:
    return template.filled(address=address, fingerprint=holding.certificate.fingerprint[:SHORT])


def _recipient(answer: RecipientAnswer) -> Step:
    if answer.holding is not None:
        template = Sentence("To {address} it is encrypted with certificate {fingerprint}")
        if answer.hidden:
            template = Sentence("To {address}, who is hidden, a copy is encrypted with certificate {fingerprint}")
        return step("recipient", Weight.HOLDS, _by(answer.holding, template, answer.address))
    if answer.reason is Reason.INTERNAL_RECIPIENT:
        text = Sentence("{address} is a colleague: a copy of their own, not encrypted", address=answer.address)
        return step("internal", Weight.HOLDS, text)
    text = Sentence("To {address} it cannot be encrypted", address=answer.address)
    return step("recipient", Weight.LACKS, text, answer.reason, Part.UNPROTECTED)


def _together(decision: Decision, assessment: Assessment) -> Iterator[Step]:
    """What follows from all recipients together."""
    if assessment.missing and len(assessment.counted) > 1:
        text = Sentence("Encryption is for all recipients or for none")
        yield step("recipients", Weight.LACKS, text)
    if decision.encrypt_reason in (Reason.HIDDEN_RECIPIENT, Reason.MIXED_RECIPIENTS):
        text = Sentence("The copies would have to differ, which a milter cannot make")
        yield step("recipients", Weight.LACKS, text, decision.encrypt_reason, Part.UNPROTECTED)


def _end(decision: Decision) -> Step:
    if decision.withheld:
        text = Sentence("It is taken, kept and not sent: a refusal would give away what came encrypted")
        return step(decision.rule, Weight.DECIDES, text, decision.encrypt_reason, Part.REFUSED)
    if decision.reply is not None:
        text = Sentence("It is refused: {reply}", reply=str(decision.reply))
        if decision.reply.temporary:
            text = Sentence("It is put off: {reply}", reply=str(decision.reply))
        return step(decision.rule, Weight.DECIDES, text, decision.encrypt_reason or decision.sign_reason, Part.REFUSED)
    text = {
        (True, True): Sentence("It leaves signed and encrypted"),
        (True, False): Sentence("It leaves signed, not encrypted"),
        (False, True): Sentence("It leaves encrypted, not signed"),
        (False, False): Sentence("It leaves as it is"),
    }[decision.signed, decision.encrypted]
    return step(decision.rule, Weight.DECIDES, text)
