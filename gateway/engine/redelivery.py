"""Another attempt at a held message: how it is told apart from the one that came, and what is to be done with it now.

A re-delivered message gets a Message-ID of its own, for most helpdesks drop one they know, and answers the original
(RFC 5322 §3.6.4), so that it is appended to the same ticket. That is written into the outer header *before* the
message is processed again: results and seal then stand over the fields as they leave. The Subject is touched by that
processing alone, where a protected one is opened.

What a key was used on in vain goes again, too, as it came: machines answer mail, and by the number of their answers its
sender would learn whether it opened.
"""

from enum import StrEnum

from gateway.engine.transaction import Outcome, Verdict
from gateway.mail.header import Field, edit, read_header
from gateway.mail.message_id import cited_ids, thread
from gateway.policy.redelivery import Redeliver
from gateway.reason import Reason
from gateway.smime.finding import Encryption


class Step(StrEnum):
    """What is to be done after a message was processed again."""

    DELIVER = "deliver"
    WAIT = "wait"
    KEEP = "keep"
    LATER = "later"
    GIVE_UP = "give up"


_STEPS: dict[Reason | None, Step] = {Reason.NOT_ADDRESSED: Step.WAIT, Reason.RATE: Step.LATER}
"""Of what stays closed; given up for any other reason."""


def next_step(outcome: Outcome, rule: Redeliver, *, unreadable: bool, asked: bool) -> Step:
    """Return what to do. ``unreadable``: it could not be decrypted when it came; ``asked``: somebody wants it now."""
    if outcome.verdict is not Verdict.RELAY:
        return Step.GIVE_UP
    if outcome.hold is not None and (outcome.hold.unreadable or not unreadable):
        return Step.WAIT
    encryption = outcome.finding.encryption
    if unreadable and not is_decrypted(outcome):
        reason = encryption.reason if encryption else None
        return _STEPS.get(reason, Step.GIVE_UP)
    return Step.DELIVER if _is_wanted(rule, unreadable=unreadable, asked=asked) else Step.KEEP


def goes_again(outcome: Outcome, step: Step, rule: Redeliver, *, unreadable: bool, asked: bool) -> bool:
    """Return whether the message is delivered before ``step``: also where a key was used, and it stays closed."""
    if step not in (Step.WAIT, Step.GIVE_UP):
        return step is Step.DELIVER
    used = any(delivery.key_used for delivery in outcome.deliveries)
    return used and not is_decrypted(outcome) and _is_wanted(rule, unreadable=unreadable, asked=asked)


def is_decrypted(outcome: Outcome) -> bool:
    """Whether the message was opened."""
    return outcome.finding.encryption is not None and outcome.finding.encryption.status is Encryption.DECRYPTED


def _is_wanted(rule: Redeliver, *, unreadable: bool, asked: bool) -> bool:
    return asked or rule is Redeliver.ALL or (unreadable and rule is Redeliver.UNREADABLE)


def as_answer(content: bytes, message_id: str | None, *, auto_submitted: bool) -> bytes:
    """Return a message under a new Message-ID (with its brackets; None: it keeps its own) that answers the original.

    Of a field that stands there more than once, one is left. Raises ``Malformed`` for a header over its limits.
    """
    header = read_header(content)
    fields: list[bytes] = []
    drop: tuple[Field, ...] = ()
    if message_id is not None:
        drop = header.named("message-id")
        fields = [b"Message-ID: %s\r\n" % message_id.encode()]
        if originals := cited_ids(header):
            references = (*thread(header), *originals)
            drop += (*header.named("in-reply-to"), *header.named("references"))
            fields += [b"In-Reply-To: %s\r\n" % originals[0], b"References: %s\r\n" % b"\r\n ".join(references)]
    if auto_submitted and not header.named("auto-submitted"):
        fields.append(b"Auto-Submitted: auto-generated\r\n")
    return edit(content, header, drop=drop, prepend=b"".join(fields))
