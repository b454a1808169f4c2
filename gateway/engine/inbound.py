"""The story of a message arriving: forged results go, layers are opened and judged, what was found stands on top.

Never loses a message: what is malformed, hostile, unsupported or over a limit is delivered as it came, tagged; a bug
while opening delivers the original with ``neutral; reason=internal``, and what could not be asked defers. Refusing
is only for findings that tell an attacker nothing: none that a key was used for.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from gateway.engine.answers import names_of
from gateway.engine.description import message_id, of_inbound
from gateway.engine.finding import Finding, not_judged
from gateway.engine.following import hold_of, lesson_of
from gateway.engine.mark import SEAL, Mark, Sealer, Stamp, read_mark
from gateway.engine.opened import Access, Arrived, Opened
from gateway.engine.opening import Opener
from gateway.engine.results import PROTECTED_SUBJECT, cut_forged, forged_fields, result_fields
from gateway.engine.submission import author_of
from gateway.engine.transaction import Delivery, Hold, Octets, OpenedMail, Outcome, Transaction, Verdict
from gateway.engine.uncovered import with_uncovered
from gateway.engine.wants import Later, Withdrawals
from gateway.errors import Fault, LimitExceeded, Malformed
from gateway.mail.address import folded
from gateway.mail.envelope import FAILURE, Recipient
from gateway.mail.header import Header, edit, read_header
from gateway.mail.message_id import plain_id, under
from gateway.mail.transport import seven_bit
from gateway.reason import Reason
from gateway.reply import EnhancedCode, reply
from gateway.smime.content import left_in_place, put_in_place
from gateway.smime.finding import Encryption, SignatureFinding, Status, status_of
from gateway.smime.open import without_fields
from gateway.smime.protected import subject_field
from gateway.story import Story, ask

BEFORE_A_KEY = frozenset(
    {
        Reason.NO_KEY,
        Reason.NOT_ADDRESSED,
        Reason.UNSUPPORTED_ALGORITHM,
        Reason.WEAK_ALGORITHM,
        Reason.WEAK_KEY,
        Reason.MALFORMED,
        Reason.LIMIT,
    }
)
"""Why an envelope stays closed, as can be told before a key is used."""


@dataclass(frozen=True, slots=True)
class InboundRules:
    """The ``inbound`` settings that are no matter of opening."""

    enabled: bool = True
    domains: frozenset[str] = frozenset()
    """Recipients' domains that are ours, folded; empty: all."""
    reject_signature_fail: bool = False
    reject_signature_policy: bool = False
    reject_undecryptable: bool = False
    protected_subject: bool = True
    """Whether a Subject protected inside takes the outer one's place, where it is vouched for."""
    notify_failure: bool = False
    """Whether the sender of mail that a key was used on may hear that it failed behind us."""

    @property
    def reports(self) -> frozenset[str]:
        """The delivery reports that this sender may get."""
        return frozenset({FAILURE}) if self.notify_failure else frozenset()

    def concerns(self, recipients: Collection[str]) -> bool:
        """Whether a message is for anybody of ours."""
        if not self.domains:
            return True
        return any(folded(recipient).rpartition("@")[2] in self.domains for recipient in recipients)


@dataclass(frozen=True, slots=True)
class Inbound:
    """Inbound mail under one set of rules. Its methods are called from many threads at once."""

    rules: InboundRules
    opener: Opener
    sealer: Sealer
    authserv_id: str

    def story(self, transaction: Transaction, at: datetime) -> Story[Outcome]:
        """Tell what becomes of an inbound message; ``at`` is when certificates must hold."""
        content = transaction.content
        try:
            header = read_header(content)
        except Malformed as error:
            return self._unread(transaction, Reason.LIMIT if isinstance(error, LimitExceeded) else Reason.MALFORMED)
        if header.is_full:
            # Opened and sent on, it would be refused as unreadable, and returned to whoever sent it (row DEC-13).
            return self._unread(transaction, Reason.LIMIT)
        # Of a header that ends here for some and there for others nobody knows which From a reader will see (SIG-09).
        author = author_of(header) if header.reads_one_way and not header.is_divided else None
        named = message_id(header)
        mark = yield from read_mark(self.sealer, content, header, transaction.received_at)
        if mark is not None and mark.fault is None:
            finding = replace(
                not_judged(None, self._group(transaction)), author=author, message_id=named, pass_of=mark.id
            )
            deliveries = (Delivery(_reporting(transaction), content),)
            return Outcome(Verdict.RELAY, deliveries=deliveries, finding=finding)
        forged = forged_fields(header, self.sealer.authserv_ids)
        reason = self._not_ours(transaction)
        if reason is not None:
            plain = edit(content, header, drop=forged) if forged else content
            finding = replace(not_judged(reason, self._group(transaction)), author=author, message_id=named)
            deliveries = (Delivery(_reporting(transaction), plain),)
            return Outcome(Verdict.RELAY, deliveries=deliveries, finding=_noted(finding, mark))
        try:
            renamed = None if plain_id(header) else under(header, f"<{transaction.id}@{self.authserv_id}>".encode())
        except LimitExceeded:
            return self._unread(transaction, Reason.LIMIT)
        outcome = yield from self._judged(transaction, header, renamed, author, named, at)
        return outcome if mark is None else replace(outcome, finding=_noted(outcome.finding, mark))

    def give_up(self, transaction: Transaction) -> Outcome:
        """Deliver a message as it came, without reading it; what claims to be ours is cut out."""
        return self._unread(transaction, Reason.INTERNAL)

    def _unread(self, transaction: Transaction, reason: Reason) -> Outcome:
        """A header over its limits is not read; what claims to be ours is cut out of it all the same."""
        recipients = _reporting(transaction)
        content = cut_forged(transaction.content, self.sealer.authserv_ids)
        not_ours = self._not_ours(transaction)
        if not_ours is not None:
            finding = not_judged(not_ours, self._group(transaction))
            return Outcome(Verdict.RELAY, deliveries=(Delivery(recipients, content),), finding=finding)
        opened = Opened(signature=_unjudged(reason))
        made = b"".join((*self._fields(transaction, opened), content))
        finding = of_inbound(opened, None, None, self._group(transaction))
        return Outcome(Verdict.RELAY, deliveries=(Delivery(recipients, made),), finding=finding)

    def _fields(self, transaction: Transaction, opened: Opened, aside: str | None = None) -> tuple[bytes, ...]:
        """Return our fields; ``aside``: a protected Subject that is not put in the outer one's place."""
        signature, encryption = opened.signature, opened.encryption
        fields = result_fields(self.authserv_id, transaction.id, signature, encryption, transaction.retry_of)
        return fields if aside is None else (*fields, subject_field(PROTECTED_SUBJECT, aside))

    def _group(self, transaction: Transaction) -> str | None:
        """Return the name of the group that a message is for."""
        group = self.opener.entitlement.rules.group_for(transaction.envelope.addresses)
        return None if group is None else group.name

    def _not_ours(self, transaction: Transaction) -> Reason | None:
        if not self.rules.enabled:
            return Reason.NOT_ENABLED
        return None if self.rules.concerns(transaction.envelope.addresses) else Reason.TRANSIT

    def _judged(
        self,
        transaction: Transaction,
        header: Header,
        renamed: Header | None,
        author: str | None,
        named: str | None,
        at: datetime,
    ) -> Story[Outcome]:
        """``renamed``: the header under a Message-ID of ours, used if a key was; None: its own will do."""
        # Counted before anything is judged: what is withdrawn meanwhile breaks the seal.
        stamp = self.sealer.stamp(transaction.received_at, (yield from ask(Withdrawals())))
        arrived = Arrived(
            transaction.content, header, author, transaction.envelope.addresses, at, transaction.id, transaction.asked
        )
        came = transaction.arrived_at or at
        opened = yield from self._open(arrived, came, _access(transaction))
        # Whatever the key produced: nothing that gets back to a sender may tell.
        head = renamed if renamed is not None and opened.key_used else header
        finding = of_inbound(opened, author, named or message_id(head), self._group(transaction))
        made = partial(self._tagged, transaction, header, head, stamp)
        refused = self._refusal(opened)
        if refused is not None:
            refusal = reply(550, EnhancedCode.NOT_AUTHORIZED, refused)
            return Outcome(Verdict.REJECT, refusal, finding=finding, unknown=tuple(opened.unknown), bug=opened.bug)
        hold = Hold(Reason.NOT_ADDRESSED, frozenset(), unreadable=True) if opened.withheld else hold_of(opened)
        deliveries = yield from self._copies(transaction, opened, partial(self._open, arrived, came), made)
        if len(deliveries) > 1 and hold is not None and not hold.unreadable:
            # What could be read is not kept: held mail goes to all its recipients again but those it stays closed for.
            hold = None
        return Outcome(
            Verdict.RELAY,
            deliveries=deliveries,
            hold=hold,
            learn=lesson_of(opened, author),
            remember=self._opened_mail(transaction, header, head, author, opened),
            unknown=tuple(opened.unknown),
            bug=opened.bug,
            finding=finding,
        )

    def _opened_mail(
        self, transaction: Transaction, header: Header, head: Header, author: str | None, opened: Opened
    ) -> OpenedMail | None:
        """Return what is to be known of a mail that was opened, for its answers (row DEC-13)."""
        if opened.encryption.status is not Encryption.DECRYPTED:
            return None
        names = names_of(transaction.id, header, head, again=transaction.retry_of is not None)
        setting = self.opener.entitlement.rules.on_answers(opened.entitled or ())
        return OpenedMail(names, author, setting)

    def _copies(
        self,
        transaction: Transaction,
        opened: Opened,
        view: Callable[[Access], Story[Opened]],
        made: Callable[[Opened, tuple[Recipient, ...]], Delivery],
    ) -> Story[tuple[Delivery, ...]]:
        """Return the copies: one for those for whom a key was used, whatever came of it, and one for the others.

        ``view`` opens the message anew, ``made`` makes a copy of what was opened.
        """
        everybody = transaction.envelope.recipients
        if not opened.key_used:
            return (made(opened, _reporting(transaction)),)
        entitled = frozenset(transaction.envelope.addresses) if opened.entitled is None else opened.entitled
        readers = tuple(to.limited_to(self.rules.reports) for to in everybody if to.address in entitled)
        others = tuple(to.limited_to((FAILURE,)) for to in everybody if to.address not in entitled)

        def as_it_came() -> Story[Delivery]:
            return replace(made(_failed((yield from view(Access.NONE))), readers), key_used=True)

        first = replace(made(opened, readers), key_used=True, as_it_came=(yield from ask(Later(as_it_came))))
        return (first, made((yield from view(Access.NONE)), others)) if others else (first,)

    def _open(self, arrived: Arrived, came: datetime, access: Access) -> Story[Opened]:
        """Open and judge a message; ``came``: when it did, first."""
        filled = Opened()
        try:
            opened = yield from self.opener.open(arrived, access, filled)
            named, fold = arrived.author is not None, self.opener.judge.fold
            found = with_uncovered(opened.signature, arrived.header, named=named, arrived=came, fold=fold)
            opened.signature = found
            return opened
        except Fault:
            raise
        except Exception as error:  # noqa: BLE001 - a bug in opening must not cost the message; it is tagged
            # Whether a key had been used is not known here: it goes on as if one had been.
            unjudged = _unjudged(Reason.INTERNAL)
            return Opened(unjudged, key_used=True, entitled=filled.entitled, bug=error)

    def _refusal(self, opened: Opened) -> str | None:
        """Return why policy refuses the message, told in words that are no oracle."""
        signature, encryption = opened.signature, opened.encryption
        closed = encryption.status is Encryption.FAILED and encryption.reason in BEFORE_A_KEY
        if closed and self.rules.reject_undecryptable:
            return f"{encryption.reason}: the message cannot be decrypted here"
        if encryption.status is not Encryption.NONE:
            return None
        if signature.status is Status.FAIL and self.rules.reject_signature_fail:
            return f"{signature.reason}: the signature is wrong"
        if signature.status is Status.POLICY and self.rules.reject_signature_policy:
            return f"{signature.reason}: the signature is not acceptable"
        return None

    def _tagged(
        self,
        transaction: Transaction,
        header: Header,
        head: Header,
        stamp: Stamp,
        opened: Opened,
        recipients: tuple[Recipient, ...],
    ) -> Delivery:
        """Return one copy with our results on top, sealed; ``head`` takes the place of the message's ``header``."""
        forged = forged_fields(head, self.sealer.authserv_ids)
        inside = opened.protected.subject
        shown = inside if self.rules.protected_subject and opened.vouched else None
        subject = None if shown is None else subject_field("Subject", shown)
        if opened.inner is None:
            block, text = left_in_place(head, forged, subject), memoryview(transaction.content)[header.body :]
        else:
            inner = read_header(opened.inner) if opened.standing is None else opened.standing.header
            block, text = put_in_place(head, forged, inner, subject)
        fields = self._fields(transaction, opened, inside if shown is None else None)
        made = self._sealed(stamp, b"".join((*fields, block)), text)
        changed = opened.inner is not None
        return Delivery(recipients, made, opened=changed, recode=partial(self._seven_bit, stamp) if changed else None)

    def _sealed(self, stamp: Stamp, head: bytes, text: memoryview) -> bytes:
        """Return a finished message with its seal; ``head`` is its header, ``text`` what stands below."""
        seal = b""
        with suppress(Malformed):  # a header that our fields bring over its limits would not be recognised either
            seal = self.sealer.seal(read_header(head), text, stamp)
        return b"".join((seal, head, text))

    def _seven_bit(self, stamp: Stamp, content: Octets) -> Octets:
        """Return the content of a delivery in 7 bits, sealed anew."""
        made = seven_bit(bytes(content))
        with suppress(Malformed):
            header = read_header(made)
            block = without_fields(header, header.named(SEAL.lower()))
            return self._sealed(stamp, block, memoryview(made)[header.body :])
        return made


def _access(transaction: Transaction) -> Access:
    if not transaction.may_open:
        return Access.NONE
    return Access.ANY if transaction.can_split else Access.ALL


def _reporting(transaction: Transaction) -> tuple[Recipient, ...]:
    """Return the recipients; of what comes from outside nobody is told that it arrived, or is late."""
    return tuple(to.limited_to((FAILURE,)) for to in transaction.envelope.recipients)


def _failed(closed: Opened) -> Opened:
    """Return what was seen of a message without a key as one sees it whom the key did not help."""
    if closed.encryption.status is Encryption.FAILED:
        closed.encryption = replace(closed.encryption, reason=Reason.DECRYPT_FAILED)
    return closed


def _unjudged(reason: Reason) -> SignatureFinding:
    return SignatureFinding(status_of(reason), (reason,))


def _noted(finding: Finding, mark: Mark | None) -> Finding:
    """Return what the record says, with why a seal was not believed."""
    return finding if mark is None else replace(finding, notes=(*finding.notes, f"seal: {mark.fault}"))
