"""The story of a message leaving: read, ask, decide, seal.

Fails closed: whatever cannot be read or made is refused or deferred; no path sends what a rule wanted protected.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from gateway.cms.algorithm import raised, scheme_for
from gateway.cms.signed import Signer
from gateway.engine.algorithms import Algorithms
from gateway.engine.answers import answered_by
from gateway.engine.description import of_outbound
from gateway.engine.finding import Finding, not_made
from gateway.engine.mark import Sealer
from gateway.engine.submission import Submission, read_submission
from gateway.engine.transaction import Delivery, Hold, Outcome, Transaction, Verdict
from gateway.engine.wants import ChainOf, KeyOf
from gateway.errors import Fault, Malformed
from gateway.mail.envelope import Envelope
from gateway.pki.certificate import Certificate
from gateway.pki.key import PrivateKey
from gateway.policy.decide import Copy, Decision, decide
from gateway.policy.question import Question
from gateway.policy.rule import Rules
from gateway.reason import Reason
from gateway.reply import EnhancedCode, reply
from gateway.smime import seal
from gateway.smime.finding import Layer
from gateway.smime.open import root_layer
from gateway.story import Story, ask


@dataclass(frozen=True, slots=True)
class Weighed:
    """An outbound message over which it was decided, before anything is made of it."""

    submission: Submission
    decision: Decision
    algorithms: Algorithms
    finding: Finding


@dataclass(frozen=True, slots=True)
class Outbound:
    """Outbound mail under one set of rules. Its methods are called from many threads at once."""

    rules: Rules
    algorithms: Algorithms
    sealer: Sealer
    of_groups: Mapping[str, Algorithms] = field(default_factory=dict)
    """Of the groups that have algorithms of their own, by the group's name."""

    def story(self, transaction: Transaction, at: datetime) -> Story[Outcome]:
        """Tell what becomes of an outbound message; ``at`` is the time certificates must serve.

        Raises ``Fault`` where a key is gone in between, and ``SealFault`` when the result does not read back.
        """
        weighed = yield from self.weigh(transaction, at)
        if isinstance(weighed, Outcome):
            return weighed
        submission, decision, algorithms = weighed.submission, weighed.decision, weighed.algorithms
        finding = weighed.finding
        if decision.withheld:
            return _withheld(transaction, finding)
        if decision.reply is not None:
            return Outcome(verdict_of(decision), decision.reply, finding=finding)
        if decision.untouched:
            whole = Delivery(transaction.envelope.recipients, submission.content, decision.signed, decision.encrypted)
            return Outcome(Verdict.RELAY, deliveries=(whole,), finding=finding)
        material = yield from _material(decision, algorithms, at)
        deliveries = _deliveries(transaction.envelope, submission, decision, algorithms, material)
        return Outcome(Verdict.RELAY, deliveries=deliveries, finding=finding)

    def weigh(self, transaction: Transaction, at: datetime) -> Story[Weighed | Outcome]:
        """Tell what is decided over a message; the outcome of one that cannot be read. No key is asked for."""
        try:
            submission = yield from read_submission(transaction, self.rules, self.sealer)
        except Malformed as error:
            text = f"{Reason.MALFORMED}: the message's header block cannot be read: {error}"
            refusal = reply(550, EnhancedCode.OTHER_MEDIA, text)
            return Outcome(Verdict.REJECT, refusal, finding=not_made(Reason.MALFORMED))
        submission = replace(submission, question=(yield from self._question(submission)))
        decision = yield from decide(submission.question, self.rules, at)
        algorithms = self.of_groups.get(decision.group or "", self.algorithms)
        return Weighed(submission, decision, algorithms, of_outbound(submission, decision, algorithms))

    def give_up(self) -> Outcome:
        """Refuse a message without looking at it."""
        text = f"{Reason.INTERNAL}: the gateway cannot process this message; ask its administrator"
        return Outcome(Verdict.REJECT, reply(554, EnhancedCode.OTHER_SYSTEM, text), finding=not_made(Reason.INTERNAL))

    def _question(self, submission: Submission) -> Story[Question]:
        """Return the question with what the message answers (row DEC-13)."""
        found = yield from answered_by(submission, self.rules)
        if found is None:
            return submission.question
        encrypted = root_layer(submission.content, submission.header) is Layer.ENCRYPTED
        return replace(submission.question, answers=found.setting, holds_opened=found.holds, encrypted=encrypted)


def verdict_of(decision: Decision) -> Verdict:
    """Return what becomes of a message over which it was decided so; what is withheld is taken."""
    if decision.reply is None or decision.withheld:
        return Verdict.RELAY
    return Verdict.DEFER if decision.reply.temporary else Verdict.REJECT


@dataclass(frozen=True, slots=True)
class _Material:
    """What a message is sealed with. ``chain``: certificates (DER) that travel along. ``own``: to read back with."""

    at: datetime
    signer: Signer | None = None
    chain: tuple[bytes, ...] = ()
    own: tuple[Certificate, PrivateKey] | None = None


def _material(decision: Decision, algorithms: Algorithms, at: datetime) -> Story[_Material]:
    own = None if decision.own is None else decision.own.certificate
    read_back = (own, (yield from _key(own))) if own is not None and decision.encrypted else None
    if decision.signer is None:
        return _Material(at, own=read_back)
    certificate = decision.signer.certificate
    # The certificate that answers are to be encrypted to travels along (RFC 8551 §2.5.3).
    other = None if own is None or own == certificate else own
    above = [*(yield from ask(ChainOf(certificate)))]
    if other is not None:
        above += [other, *(yield from ask(ChainOf(other)))]
    # One that has expired helps nobody, and some readers build their path over it and fail.
    chain = dict.fromkeys(issuer.der for issuer in above if issuer.fault_at(at) is None)
    scheme = scheme_for(certificate, algorithms.digest, algorithms.sign_rsa)
    return _Material(at, Signer(certificate, (yield from _key(certificate)), scheme, other), tuple(chain), read_back)


def _key(certificate: Certificate) -> Story[PrivateKey]:
    key = yield from ask(KeyOf(certificate.public_key_id))
    if key is None:
        raise Fault(f"the private key of certificate {certificate.fingerprint[:16]} is gone from the store")
    return key


def _deliveries(
    envelope: Envelope, submission: Submission, decision: Decision, algorithms: Algorithms, material: _Material
) -> tuple[Delivery, ...]:
    frame, entity = seal.take_apart(submission.content, submission.header)
    if material.signer is not None:
        entity = seal.sign(entity, material.signer, material.chain, material.at, opaque=algorithms.opaque)
    plain = frame.around(entity) if material.signer is not None and decision.plain else submission.content
    # One cipher for all copies: none is to be weaker than the others (row OUT-04).
    cipher = raised(algorithms.cipher, decision.capabilities)
    encrypt = partial(seal.encrypt, entity, cipher=cipher, rsa=algorithms.encrypt_rsa)
    sealed = [copy for copy in decision.copies if copy.certificates]
    made = partial(_delivery, envelope, decision)
    if len(sealed) > 1:
        later = {copy: made(copy, seal=partial(_around, frame, encrypt, copy, material.own)) for copy in sealed}
        return tuple([later.get(copy) or made(copy, plain) for copy in decision.copies])
    unchecked = {copy: encrypt(copy.certificates) for copy in sealed}
    del entity, encrypt  # a large message is now in memory once less
    now = {copy: made(copy, frame.around(each.checked(material.own))) for copy, each in unchecked.items()}
    return tuple([now.get(copy) or made(copy, plain) for copy in decision.copies])


def _withheld(transaction: Transaction, finding: Finding) -> Outcome:
    """Take a message that may not leave, for the mail server would return it to a sender who is not ours."""
    text = f"{Reason.REPLY_TO_ENCRYPTED}: kept and not sent (record {transaction.id})"
    hold = Hold(Reason.REPLY_TO_ENCRYPTED, frozenset(), unreadable=False)
    return Outcome(Verdict.RELAY, reply(250, EnhancedCode.OTHER, text), hold=hold, finding=finding)


def _around(
    frame: seal.Frame,
    encrypt: Callable[[Sequence[Certificate]], seal.Unchecked],
    copy: Copy,
    own: tuple[Certificate, PrivateKey] | None,
) -> bytes:
    """Make one of many copies. Raises ``SealFault``."""
    return frame.around(encrypt(copy.certificates).checked(own))


def _delivery(
    envelope: Envelope, decision: Decision, copy: Copy, content: bytes = b"", seal: Callable[[], bytes] | None = None
) -> Delivery:
    recipients = tuple([recipient for recipient in envelope.recipients if recipient.address in copy.recipients])
    return Delivery(recipients, content, decision.signed, bool(copy.certificates), seal=seal)
