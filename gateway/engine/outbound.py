"""The story of a message leaving: read, gather, decide, seal.

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
from gateway.engine.mark import SEAL, Sealer
from gateway.engine.ports import Certificates, Keys, OpenedMail
from gateway.engine.submission import Submission, author_of, read_submission
from gateway.engine.transaction import Delivery, Hold, Outcome, Transaction, Verdict
from gateway.errors import Fault, Malformed
from gateway.mail.envelope import Envelope, Recipient
from gateway.mail.header import read_header
from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.pki.key import PrivateKey
from gateway.policy.decide import Copy, Decision, addresses_needed, decide
from gateway.policy.question import Question
from gateway.policy.rule import Rules
from gateway.reason import Reason
from gateway.reply import EnhancedCode, reply
from gateway.smime import seal
from gateway.smime.layer import Layer
from gateway.smime.open import root_layer

QUICK = 20_000
"""Bytes of a message that is read in well under ten milliseconds, whatever it holds (row LIM-05)."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """Outbound mail under one set of rules. Its methods are called from many threads at once."""

    rules: Rules
    algorithms: Algorithms
    certificates: Certificates
    keys: Keys
    replies: OpenedMail
    sealer: Sealer
    of_groups: Mapping[str, Algorithms] = field(default_factory=dict)
    """Of the groups that have algorithms of their own, by the group's name."""

    def is_quick(self, transaction: Transaction) -> bool:
        """Whether ``process`` takes a moment and asks no port: a small message of nobody's group, without a seal, while
        nothing was ever opened that it could be.
        """
        if len(transaction.content) > QUICK or not self.replies.empty:
            return False
        try:
            header = read_header(transaction.content)
        except Malformed:
            return False
        author = author_of(header)
        return author is not None and self.rules.group_of(author) is None and not header.named(SEAL.lower())

    def process(self, transaction: Transaction, at: datetime) -> Outcome:
        """Return what becomes of an outbound message; ``at`` is the time certificates must serve.

        Raises ``Fault`` when the store cannot be asked and ``SealFault`` when the result does not read back.
        """
        try:
            submission = read_submission(transaction, self.rules, self.sealer)
        except Malformed as error:
            text = f"{Reason.MALFORMED}: the message's header block cannot be read: {error}"
            return Outcome(
                Verdict.REJECT, reply(550, EnhancedCode.OTHER_MEDIA, text), finding=not_made(Reason.MALFORMED)
            )
        decision = self._decide(submission, at)
        algorithms = self.of_groups.get(decision.group or "", self.algorithms)
        finding = of_outbound(submission, decision, algorithms)
        if decision.withheld:
            return _withheld(transaction, finding)
        if decision.reply is not None:
            return Outcome(Verdict.REJECT, decision.reply, finding=finding)
        deliveries = self._deliveries(transaction.envelope, submission, decision, algorithms, at)
        return Outcome(Verdict.RELAY, deliveries=deliveries, finding=finding)

    def give_up(self) -> Outcome:
        """Refuse a message without looking at it."""
        text = f"{Reason.INTERNAL}: the gateway cannot process this message; ask its administrator"
        return Outcome(Verdict.REJECT, reply(554, EnhancedCode.OTHER_SYSTEM, text), finding=not_made(Reason.INTERNAL))

    def _decide(self, submission: Submission, at: datetime) -> Decision:
        question = self._question(submission)
        needed = addresses_needed(question, self.rules)
        holdings = self.certificates.find(needed, at) if needed else {}
        return decide(question, self.rules, holdings, at)

    def _question(self, submission: Submission) -> Question:
        """Return the question with what the message answers (row DEC-13)."""
        found = answered_by(submission, self.rules, self.replies)
        if found is None:
            return submission.question
        encrypted = root_layer(submission.content, submission.header) is Layer.ENCRYPTED
        return replace(submission.question, answers=found.setting, holds_opened=found.holds, encrypted=encrypted)

    def _deliveries(
        self, envelope: Envelope, submission: Submission, decision: Decision, algorithms: Algorithms, at: datetime
    ) -> tuple[Delivery, ...]:
        if decision.untouched:
            return (Delivery(envelope.recipients, submission.content, decision.signed, decision.encrypted),)
        frame, entity = seal.take_apart(submission.content, submission.header)
        if decision.signer is not None:
            entity = self._sign(entity, decision.signer, decision.own, algorithms, at)
        plain = frame.around(entity) if decision.signer is not None and decision.plain else submission.content
        # One cipher for all copies: none is to be weaker than the others (row OUT-04).
        cipher = raised(algorithms.cipher, decision.capabilities)
        own = None if decision.own is None else (decision.own.certificate, self._key(decision.own.certificate))
        encrypt = partial(seal.encrypt, entity, cipher=cipher, rsa=algorithms.encrypt_rsa)
        sealed = [copy for copy in decision.copies if copy.certificates]
        if len(sealed) > 1:
            made = {copy: Delivery((), seal=partial(_around, frame, encrypt, copy, own)) for copy in sealed}
        else:
            unchecked = {copy: encrypt(copy.certificates) for copy in sealed}
            del entity, encrypt  # a large message is now in memory once less
            made = {copy: Delivery((), frame.around(each.checked(own))) for copy, each in unchecked.items()}
        return tuple(
            replace(
                made.get(copy) or Delivery((), plain),
                recipients=_recipients(envelope, copy),
                signed=decision.signed,
                encrypted=copy in made,
            )
            for copy in decision.copies
        )

    def _sign(
        self, entity: seal.Entity, signing: Holding, own: Holding | None, algorithms: Algorithms, at: datetime
    ) -> seal.Entity:
        """Sign, and have the certificate travel along that answers are to be encrypted to (RFC 8551 §2.5.3)."""
        certificate = signing.certificate
        scheme = scheme_for(certificate, algorithms.digest, algorithms.sign_rsa)
        other = None if own is None or own.certificate == certificate else own.certificate
        above = [*self.certificates.chain(certificate)]
        if other is not None:
            above += [other, *self.certificates.chain(other)]
        # One that has expired helps nobody, and some readers build their path over it and fail.
        chain = dict.fromkeys(issuer.der for issuer in above if issuer.fault_at(at) is None)
        signer = Signer(certificate, self._key(certificate), scheme, other)
        return seal.sign(entity, signer, tuple(chain), at, opaque=algorithms.opaque)

    def _key(self, certificate: Certificate) -> PrivateKey:
        key = self.keys.key(certificate.public_key_id)
        if key is None:
            raise Fault(f"the private key of certificate {certificate.fingerprint[:16]} is gone from the store")
        return key


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


def _recipients(envelope: Envelope, copy: Copy) -> tuple[Recipient, ...]:
    return tuple(recipient for recipient in envelope.recipients if recipient.address in copy.recipients)
