"""The composer's answer: what could be done for a sender and recipients, by the very code that decides."""

from dataclasses import dataclass
from datetime import datetime

from gateway.pki.holding import Holding
from gateway.policy.assess import RecipientAnswer, assessed
from gateway.policy.decide import decide
from gateway.policy.question import Question
from gateway.policy.rule import Level, Rules
from gateway.reason import Reason
from gateway.reply import Reply
from gateway.story import Story


@dataclass(frozen=True, slots=True)
class Answer:
    """What is possible, where a reason of None means that it is, and what would become of the mail.

    Levels are the group's, before any wish of a message; ``notes`` are those of the record.
    """

    sender: str
    rule: str
    group: str | None = None
    sign_level: Level | None = None
    encrypt_level: Level | None = None
    sign_reason: Reason | None = None
    encrypt_reason: Reason | None = None
    fingerprint: str | None = None
    notes: tuple[str, ...] = ()
    refusal: Reply | None = None
    """Why such a mail would be refused, or deferred; None: it would be relayed."""
    signed: bool = False
    encrypted: bool = False
    recipients: tuple[RecipientAnswer, ...] = ()


def answer(sender: str, recipients: tuple[str, ...], rules: Rules, at: datetime) -> Story[Answer]:
    """Answer for a mail that ``sender`` writes in its From to these recipients, all of them visible."""
    group = rules.group_of(sender)
    question = Question(sender, recipients, sender, local=True)
    if not rules.enabled or group is None:
        reason = Reason.UNKNOWN_SENDER if rules.enabled else Reason.NOT_ENABLED
        rule = "the sender is in no group" if rules.enabled else "enabled: false"
        nobody = tuple(RecipientAnswer(address, reason) for address in recipients)
        refusal = (yield from decide(question, rules, at)).reply
        return Answer(sender, rule, sign_reason=reason, encrypt_reason=reason, refusal=refusal, recipients=nobody)
    result = yield from assessed(sender, recipients, None, rules, at, search=group.encrypt is not Level.NEVER)
    decision = yield from decide(question, rules, at)
    signing = result.signing
    return Answer(
        sender=sender,
        rule=f"group {group.name}: sign {group.sign}, encrypt {group.encrypt}",
        group=group.name,
        sign_level=group.sign,
        encrypt_level=group.encrypt,
        sign_reason=None if isinstance(signing, Holding) else signing,
        encrypt_reason=result.encryption_reason,
        fingerprint=signing.certificate.fingerprint if isinstance(signing, Holding) else None,
        notes=result.notes(sender),
        refusal=decision.reply,
        signed=decision.signed,
        encrypted=decision.encrypted,
        recipients=result.recipients,
    )
