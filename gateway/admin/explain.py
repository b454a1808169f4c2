"""What would become of a message, rule by rule and why, with nothing sent, learned, held or remembered.

No private key is used: a message that leaves is told up to its sealing, one that arrives up to the first envelope, and
the key that would be used is named. Only for an ``opener``, who may, it is opened; that is told as a change is, and a
key that fails counts as for mail. Nothing of a content is ever told, only its shape.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from gateway.admin.actor import Actor
from gateway.admin.changes import Effect, Kind, Verb, changing
from gateway.admin.cure import Cure, cure_of
from gateway.admin.findings import inbound_steps
from gateway.admin.groups import own_leaves
from gateway.admin.sentence import Sentence
from gateway.admin.shape import CopyView, inbound_copies, outbound_copies
from gateway.admin.steps import Step, Weight, outbound_steps, step
from gateway.admin.trial import crlf
from gateway.clock import new_id, now
from gateway.engine.engine import make_record
from gateway.engine.inbound import Inbound
from gateway.engine.outbound import Weighed, verdict_of
from gateway.engine.record import Record, as_json
from gateway.engine.submission import author_of
from gateway.engine.transaction import Client, Direction, FrontEnd, Outcome, Transaction, Verdict
from gateway.errors import Absent, Malformed, Refused
from gateway.gather import Gather, Memory
from gateway.mail.address import parse_path
from gateway.mail.arrival import refusal
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import Header, read_header
from gateway.mail.mailbox import mailboxes
from gateway.policy.rule import Group
from gateway.policy.wants import CertificatesOf, Found, Search
from gateway.story import Want, tell
from gateway.wiring import Wiring

TOLD = ("signature", "encryption", "layers", "notes", "group", "rule")
"""What of the record is told of a message that was only explained."""
NAMED = 10
"""Recipients that the audit log names of a message that is opened."""
RECIPIENTS = 500
"""Of one message that is explained."""
_SHOWN = ("to", "cc")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be explained: a message (``content``), or one of which only the envelope is known.

    What is left out is read from the message: its From and, as recipients, its To and Cc. It leaves if a group wrote
    it, else it arrives.
    """

    direction: Direction | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A private key here, by its certificate, and the recipients for whom it opens mail."""

    fingerprint: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExplainView:
    """What would become of it. ``message``: one was given; ``opened``: private keys were used.

    ``signature``, ``encryption``, ``layers``, ``notes``, ``group`` and ``rule`` as in a record. ``steps``: rule
    by rule. ``copies``: what would leave. ``keys``: those that would open it.
    """

    direction: Direction
    sender: str
    recipients: tuple[str, ...]
    message: bool
    opened: bool
    verdict: Verdict
    reply: str | None
    signature: Mapping[str, Any]
    encryption: Mapping[str, Any]
    layers: Sequence[str]
    notes: Sequence[str]
    group: str | None
    rule: str | None
    steps: tuple[Step, ...]
    copies: tuple[CopyView, ...]
    keys: tuple[KeyUse, ...]
    cure: Cure | None


@dataclass(frozen=True, slots=True)
class _Told:
    """What the engine made of it."""

    outcome: Outcome
    steps: tuple[Step, ...]
    copies: tuple[CopyView, ...] = ()


def explained(
    wiring: Wiring, question: Question, opener: Actor | None = None, groups: Collection[str] | None = None
) -> ExplainView:
    """Explain a message. ``groups``: only mail of these may be asked about; of one that arrives, only for their people.

    Raises ``Fault``, and ``Refused`` for what is no question, or of others' mail.
    """
    transaction = _limited(wiring, _transaction(wiring, question, may_open=opener is not None), groups)
    opened = opener is not None and question.content is not None and transaction.direction is Direction.INBOUND
    if opened and opener is not None:
        _audit(wiring, opener, transaction)
    told = _tell(wiring, transaction)
    outcome = told.outcome
    record = make_record(transaction, outcome, (), outcome.reply, 0.0)
    document = as_json(record)
    return ExplainView(
        direction=transaction.direction,
        sender=transaction.envelope.sender,
        recipients=transaction.envelope.addresses,
        message=question.content is not None,
        opened=opened,
        verdict=outcome.verdict,
        reply=record.reply,
        **{name: document[name] for name in TOLD},
        steps=told.steps,
        copies=told.copies if question.content is not None else (),
        keys=tuple(_keys(wiring, transaction, question, record)),
        cure=cure_of(wiring.store, record),
    )


def _audit(wiring: Wiring, opener: Actor, transaction: Transaction) -> None:
    """Take down who has which message opened, before it is: what cannot be taken down stays closed."""
    name, people = sha256(transaction.content).hexdigest(), ", ".join(transaction.envelope.addresses[:NAMED])
    with changing(wiring, opener, Verb.OPEN) as note:
        note(Effect(Kind.MESSAGE, name, "opened", f"to explain it, for {people}"))


def _tell(wiring: Wiring, transaction: Transaction) -> _Told:
    limit = wiring.options.limits.message_size
    refused = refusal(transaction.content, size=len(transaction.content), limit=limit)
    if refused is not None:
        text = Sentence("It is refused at the door: {reply}", reply=str(refused))
        return _Told(Outcome(Verdict.REJECT, refused), (step("door", Weight.DECIDES, text),))
    noting, at = Noting(Gather(wiring.store, Memory.FAILURES)), transaction.received_at
    if transaction.direction is Direction.INBOUND:
        outcome = tell(wiring.engine.inbound.story(transaction, at), noting)
        return _Told(outcome, tuple(inbound_steps(outcome)), inbound_copies(outcome.deliveries))
    weighed = tell(wiring.engine.outbound.weigh(transaction, at), noting)
    if isinstance(weighed, Outcome):
        text = Sentence("It is refused: {reply}", reply=str(weighed.reply))
        return _Told(weighed, (step("header", Weight.DECIDES, text),))
    return _weighed(wiring, weighed, noting.found, at)


def _weighed(wiring: Wiring, weighed: Weighed, found: Found, at: datetime) -> _Told:
    decision, rules = weighed.decision, wiring.engine.outbound.rules
    reply = None if decision.withheld else decision.reply
    steps = outbound_steps(weighed.submission.question, rules, decision, found, at)
    return _Told(Outcome(verdict_of(decision), reply, finding=weighed.finding), tuple(steps), outbound_copies(weighed))


class Noting:
    """Answers a story, and keeps which certificates were found for it."""

    def __init__(self, gather: Gather) -> None:
        self._gather = gather
        self.found = Found()

    def __call__(self, want: Want[Any]) -> Any:
        answer = self._gather(want)
        if isinstance(want, CertificatesOf | Search):
            self.found = replace(answer, holdings={**self.found.holdings, **answer.holdings})
        return answer


def _transaction(wiring: Wiring, question: Question, *, may_open: bool) -> Transaction:
    content = question.content
    sender, recipients, direction = question.sender, question.recipients, question.direction
    if content is not None:
        content = crlf(content)
        header = _header(content)
        author = None if header is None else author_of(header)
        sender = (author or "") if sender is None else sender
        recipients = recipients or tuple(_shown(header))
        ours = author is not None and wiring.engine.outbound.rules.group_of(author) is not None
        direction = direction or (Direction.OUTBOUND if ours else Direction.INBOUND)
    if direction is None or sender is None or not recipients:
        raise Refused("say direction, sender and recipients, or give a message that names them")
    if len(recipients) > RECIPIENTS:
        raise Refused(f"more than {RECIPIENTS} recipients")
    envelope = _envelope(sender, recipients)
    return Transaction(
        id=new_id(),
        direction=direction,
        front_end=FrontEnd.CLI,
        door=FrontEnd.CLI,
        client=Client(),
        envelope=envelope,
        content=_plain_mail(envelope) if content is None else content,
        received_at=now(),
        may_open=may_open,
    )


def _envelope(sender: str, recipients: Sequence[str]) -> Envelope:
    try:
        people = [parse_path(address, postmaster=True) for address in dict.fromkeys(recipients)]
        return Envelope(parse_path(sender, null=True), tuple(map(Recipient, people)))
    except Malformed as error:
        raise Refused(f"{error}; write user@example.org") from error


def _plain_mail(envelope: Envelope) -> bytes:
    """Return the least mail that such an envelope may hold."""
    author = f"From: <{envelope.sender}>\r\n" if envelope.sender else ""
    to = ",\r\n ".join(f"<{address}>" for address in envelope.addresses)
    return f"{author}To: {to}\r\n\r\n".encode()


def _header(content: bytes) -> Header | None:
    try:
        return read_header(content)
    except Malformed:
        return None


def _shown(header: Header | None) -> Iterator[str]:
    if header is None:
        return
    for field in (each for name in _SHOWN for each in header.named(name)):
        try:
            yield from (mailbox.address for mailbox in mailboxes(header.value(field), groups=True))
        except Malformed:
            continue


def _limited(wiring: Wiring, transaction: Transaction, groups: Collection[str] | None) -> Transaction:
    """Return what may be asked about: no key of another group may open it, so nobody of another group receives it."""
    if groups is None:
        return transaction
    rules, envelope = wiring.engine.outbound.rules, transaction.envelope
    if transaction.direction is Direction.OUTBOUND:
        header = _header(transaction.content)
        author = None if header is None else author_of(header)
        theirs = envelope.recipients if author is not None and _is_of(rules.group_of(author), groups) else ()
    else:
        theirs = tuple(to for to in envelope.recipients if _is_of(rules.group_for([to.address]), groups))
    if not theirs:
        raise Absent("mail of other groups may not be asked about")
    return replace(transaction, envelope=replace(envelope, recipients=theirs))


def _is_of(group: Group | None, groups: Collection[str]) -> bool:
    return group is not None and group.name in groups


def _keys(wiring: Wiring, transaction: Transaction, question: Question, record: Record) -> Iterator[KeyUse]:
    if transaction.direction is Direction.OUTBOUND:
        return
    used = getattr(record.encryption, "key", None)
    inbound: Inbound = wiring.engine.inbound
    for item in own_leaves(wiring.store, transaction.received_at):
        fingerprint = item.entry.certificate.fingerprint
        if question.content is not None and fingerprint != used:
            continue
        entitled = inbound.opener.entitlement.entitled(item.names, transaction.envelope.addresses)
        if entitled:
            yield KeyUse(fingerprint, tuple(sorted(entitled)))
