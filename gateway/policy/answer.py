"""The composer's answer: what could be done for a sender and recipients, by the very code that decides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.pki.holding import Holding
from gateway.policy.assess import Holdings, RecipientAnswer, addresses_to_ask, assess
from gateway.policy.rule import Level, Rules
from gateway.reason import Reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What is possible; a reason of None means that it is. Levels are the group's, before any wish of a message."""

    sender: str
    rule: str
    group: str | None = None
    sign_level: Level | None = None
    encrypt_level: Level | None = None
    sign_reason: Reason | None = None
    encrypt_reason: Reason | None = None
    fingerprint: str | None = None
    recipients: tuple[RecipientAnswer, ...] = ()


def answer(
    sender: str,
    recipients: tuple[str, ...],
    rules: Rules,
    find: Callable[[Iterable[str], datetime], Holdings],
    at: datetime,
) -> Answer:
    """Answer for a mail that ``sender`` writes in its From to these recipients, all of them visible."""
    group = rules.group_of(sender)
    if not rules.enabled or group is None:
        reason = Reason.UNKNOWN_SENDER if rules.enabled else Reason.NOT_ENABLED
        rule = "the sender is in no group" if rules.enabled else "enabled: false"
        nobody = tuple(RecipientAnswer(address, reason) for address in recipients)
        return Answer(sender, rule, sign_reason=reason, encrypt_reason=reason, recipients=nobody)
    holdings = find(addresses_to_ask(sender, recipients, rules), at)
    result = assess(sender, recipients, None, rules, holdings, at)
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
        recipients=result.recipients,
    )
