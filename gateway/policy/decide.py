"""The decision over one outbound message: pure, and the only place where a message is refused by policy.

Fails closed: what a rule requires and cannot be had is a refusal that names reason and addresses; no path from here
leads to plaintext that a rule wanted encrypted. The copies keep hidden recipients out of everyone else's CMS.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.pki.certificate import Certificate
from gateway.pki.holding import Holding
from gateway.policy.assess import Assessment, RecipientAnswer, assess, assessed
from gateway.policy.question import Question
from gateway.policy.rule import Group, Level, ReplyRule, Rules, strictest_on_answers
from gateway.policy.wants import Found, Lookup
from gateway.reason import Reason
from gateway.reply import EnhancedCode, Reply, reply
from gateway.story import Story


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy to make: its recipients' addresses and the certificates to encrypt to (none: not encrypted)."""

    recipients: tuple[str, ...]
    certificates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What must happen. ``reply``: refuse with it, or, where it is 4xx, defer. ``signer``: sign with it.

    ``rule`` names the rules that won.

    ``own`` is the sender's own certificate among those encrypted to, where its key can open what was made.
    ``capabilities``: the content ciphers that all who are encrypted to announced.
    ``notes`` for the record.
    ``sign_reason`` and ``encrypt_reason`` say why a protection is left out or was not ours to make. ``encrypt_cause``:
    where the latter only says that the message answers encrypted mail, what kept it from being encrypted.
    """

    rule: str
    copies: tuple[Copy, ...] = ()
    reply: Reply | None = None
    group: str | None = None
    signer: Holding | None = None
    own: Holding | None = None
    signed: bool = False
    encrypted: bool = False
    sign_reason: Reason | None = None
    encrypt_reason: Reason | None = None
    encrypt_cause: Reason | None = None
    missing: tuple[RecipientAnswer, ...] = ()
    withheld: bool = False
    """The refusal may not be told: it would return what was opened to a stranger. The message is taken and kept."""
    capabilities: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    lookups: tuple[Lookup, ...] = ()

    @property
    def untouched(self) -> bool:
        """Nothing is to be made: the message leaves as it came."""
        return self.signer is None and not any(copy.certificates for copy in self.copies)

    @property
    def plain(self) -> bool:
        """Whether some copy is not encrypted."""
        return not all(copy.certificates for copy in self.copies)


@dataclass(frozen=True, slots=True)
class Demand:
    """The level that holds for one protection, and who set it."""

    level: Level
    origin: str
    reason: Reason | None = None
    """Why the level is ``never``, or is ``required`` though nobody wrote so."""


def decide(question: Question, rules: Rules, at: datetime) -> Story[Decision]:
    """Decide over one message; ``at`` is the time certificates must serve. Certificates are asked for once, if ever."""
    group = rules.group_of(question.author) if question.author is not None else None
    decision = yield from _decided(question, rules, group, at)
    if decision.reply is None:
        return decision
    secret = question.holds_opened or _on_answer(question, group) is ReplyRule.REQUIRE
    comes_back = question.sender != "" and not rules.is_ours(question.sender)
    return replace(decision, withheld=secret and comes_back)


def _on_answer(question: Question, group: Group | None) -> ReplyRule | None:
    """Return what holds for a message that answers opened mail: the stricter of that mail's setting and its group's."""
    if question.answers is None or group is None:
        return question.answers
    return strictest_on_answers((question.answers, group.replies))


def _decided(question: Question, rules: Rules, group: Group | None, at: datetime) -> Story[Decision]:
    early = _early(question, rules, group)
    if early is not None:
        return early
    if group is None or question.author is None:
        return _sent_on(question, rules)
    sign, encrypt = demands(question, group)
    rule = f"group {group.name}: sign {sign.level} ({sign.origin}), encrypt {encrypt.level} ({encrypt.origin})"
    if question.encrypted:
        return _already_encrypted(question, group, sign, rule)
    asked = question.author, question.recipients, question.visible, rules
    if sign.level is Level.NEVER and encrypt.level is Level.NEVER:
        assessment = assess(*asked, Found(), at)
    else:
        assessment = yield from assessed(*asked, at, search=encrypt.level is not Level.NEVER)
    made = replace(_protect(question, group, sign, encrypt, assessment, rule), lookups=assessment.lookups)
    if not made.encrypted and made.reply is None and _on_answer(question, group) is ReplyRule.WARN:
        return _answering(made)
    return made


def _answering(made: Decision) -> Decision:
    """Return a decision that leaves an answer to encrypted mail in clear, and says so."""
    return replace(made, encrypt_reason=Reason.REPLY_TO_ENCRYPTED, encrypt_cause=made.encrypt_reason)


def demands(question: Question, group: Group) -> tuple[Demand, Demand]:
    """Return what is demanded of signing and of encryption: the group's level, or the message's wish in its place."""
    wishes = question.wishes
    sign = _demand(group.sign, wishes.sign, group, question)
    encrypt = _demand(group.encrypt, wishes.encrypt, group, question)
    if _on_answer(question, group) is ReplyRule.REQUIRE and encrypt.level is not Level.REQUIRED:
        encrypt = Demand(Level.REQUIRED, "reply to encrypted mail", Reason.REPLY_TO_ENCRYPTED)
    return sign, encrypt


def _demand(level: Level, wish: Level | None, group: Group, question: Question) -> Demand:
    origin = f"group {group.name}"
    reason = Reason.POLICY_NEVER
    if wish is not None and level is not Level.REQUIRED:
        level, origin, reason = wish, "message", Reason.OVERRIDE
    if question.report and level is Level.IF_POSSIBLE:
        return Demand(Level.NEVER, "automatic report", Reason.AUTOMATIC)
    if question.exempt and wish is None and level is Level.IF_POSSIBLE:
        return Demand(Level.NEVER, "overrides.exempt", Reason.EXEMPT)
    return Demand(level, origin, reason if level is Level.NEVER else None)


def _early(question: Question, rules: Rules, group: Group | None) -> Decision | None:
    """Return the decision that needs no certificate, if there is one."""
    wishes = question.wishes
    if wishes.unknown is not None:
        text = f"{wishes.unknown} takes never, if-possible or required"
        return _refuse("request field", Reason.OVERRIDE, text)
    if not rules.enabled:
        if wishes.required:
            return _refuse("enabled: false", Reason.NOT_ENABLED, "the gateway is switched off")
        return _relay(question, Reason.NOT_ENABLED, "enabled: false")
    if question.author is None and any(rules.group_of(address) for address in question.claimed):
        return _refuse("no usable From", Reason.FROM_AMBIGUOUS, question.fault or "no author")
    if group is None:
        return _unknown_sender(question, rules)
    if not question.local and not group.submitters.admit(question.client, question.login):
        text = f"this client may not send as group {group.name}"
        rule = f"group {group.name}: submitters"
        return _refuse(rule, Reason.NOT_AUTHORISED, text, group, enhanced=EnhancedCode.NOT_AUTHORIZED)
    return None


def _unknown_sender(question: Question, rules: Rules) -> Decision | None:
    if question.wishes.required:
        text = "the message asks for protection and its From is in no group"
        return _refuse("request field", Reason.UNKNOWN_SENDER, text)
    if rules.reject_unknown_sender and question.sender:
        rule, text = "unknown_sender: reject", "the From is in no group"
        return _refuse(rule, Reason.UNKNOWN_SENDER, text, enhanced=EnhancedCode.NOT_AUTHORIZED)
    return None


def _sent_on(question: Question, rules: Rules) -> Decision:
    """Decide over mail of nobody's group: it goes on as it is, unless that would give away what was opened here."""
    stays = question.encrypted or all(map(rules.is_internal, question.recipients))
    if stays or question.answers in (None, ReplyRule.IGNORE):
        return _relay(question, Reason.UNKNOWN_SENDER, "unknown_sender: relay")
    if question.answers is ReplyRule.WARN:
        return _answering(_relay(question, Reason.UNKNOWN_SENDER, "opened mail sent on: warn"))
    text = "it was encrypted when it came, and mail whose From is in no group is never encrypted"
    return _refuse("opened mail sent on: require", Reason.REPLY_TO_ENCRYPTED, text)


def _already_encrypted(question: Question, group: Group, sign: Demand, rule: str) -> Decision:
    if sign.level is Level.REQUIRED:
        text = "signing is required and the message is already encrypted"
        return _refuse(rule, Reason.ALREADY_PROTECTED, text, group)
    return Decision(
        rule=rule,
        copies=(Copy(question.recipients),),
        group=group.name,
        encrypted=True,
        sign_reason=Reason.ALREADY_PROTECTED,
        encrypt_reason=Reason.ALREADY_PROTECTED,
    )


def _protect(
    question: Question, group: Group, sign: Demand, encrypt: Demand, assessment: Assessment, rule: str
) -> Decision:
    signer, sign_reason = _signer(question, sign, assessment)
    if sign.level is Level.REQUIRED and signer is None and not question.signed:
        text = f"signing is required and not possible: {question.author} ({sign_reason})"
        return _refuse(rule, sign_reason, text, group)
    copies, encrypt_reason = _copies(question, encrypt, assessment)
    missing = assessment.missing if encrypt.level is not Level.NEVER else ()
    if encrypt.level is Level.REQUIRED and copies is None and encrypt_reason is not Reason.INTERNAL_RECIPIENT:
        if missing and all(answer.reason is Reason.LOOKUP_FAILED for answer in missing):
            return _later(rule, group, missing)
        text = _impossible(missing, encrypt_reason)
        refused = _refuse(rule, encrypt.reason or encrypt_reason, text, group, missing)
        return replace(refused, sign_reason=None, encrypt_cause=encrypt_reason if encrypt.reason else None)
    return Decision(
        rule=rule,
        copies=copies or (Copy(question.recipients),),
        group=group.name,
        signer=signer,
        own=assessment.own if assessment.own is not None and assessment.own.has_key else None,
        signed=signer is not None or question.signed,
        encrypted=copies is not None,
        sign_reason=sign_reason,
        encrypt_reason=encrypt_reason,
        missing=missing,
        capabilities=assessment.capabilities,
        notes=() if signer is None or question.author is None else assessment.notes(question.author),
    )


def _signer(question: Question, sign: Demand, assessment: Assessment) -> tuple[Holding | None, Reason | None]:
    if question.signed:
        return None, Reason.ALREADY_PROTECTED
    if sign.level is Level.NEVER:
        return None, sign.reason
    if question.arrived:
        # Mail from outside that somebody forwards: whoever wrote the group's address there must not be signed for.
        return None, Reason.TRANSIT
    if isinstance(assessment.signing, Reason):
        return None, assessment.signing
    return assessment.signing, None


def _copies(
    question: Question, encrypt: Demand, assessment: Assessment
) -> tuple[tuple[Copy, ...] | None, Reason | None]:
    """Return the copies of an encrypted message, or why it is not encrypted."""
    reason = encrypt.reason if encrypt.level is Level.NEVER else assessment.encryption_reason
    if reason is not None:
        return None, reason
    own = () if assessment.own is None else (assessment.own.certificate,)
    sealed = [answer for answer in assessment.recipients if answer.holding is not None]
    shown = [answer for answer in sealed if not answer.hidden]
    copies = [_copy(shown, own)] if shown else []
    copies += [_copy([answer], own) for answer in sealed if answer.hidden]
    plain = tuple(answer.address for answer in assessment.recipients if answer.holding is None)
    if plain:
        copies.append(Copy(plain))
    if len(copies) > 1 and not question.can_split:
        hidden = any(answer.hidden for answer in sealed)
        return None, Reason.HIDDEN_RECIPIENT if hidden else Reason.MIXED_RECIPIENTS
    return tuple(copies), None


def _copy(answers: list[RecipientAnswer], own: tuple[Certificate, ...]) -> Copy:
    certificates = [answer.holding.certificate for answer in answers if answer.holding is not None]
    unique = dict.fromkeys((*certificates, *own))
    return Copy(tuple(answer.address for answer in answers), tuple(unique))


def _relay(question: Question, reason: Reason, rule: str) -> Decision:
    return Decision(rule, (Copy(question.recipients),), sign_reason=reason, encrypt_reason=reason)


def _refuse(
    rule: str,
    reason: Reason | None,
    text: str,
    group: Group | None = None,
    missing: tuple[RecipientAnswer, ...] = (),
    *,
    enhanced: EnhancedCode = EnhancedCode.NO_CONVERSION,
) -> Decision:
    return Decision(
        rule=rule,
        reply=reply(550, enhanced, f"{reason}: {text}"),
        group=group.name if group else None,
        sign_reason=reason,
        encrypt_reason=reason,
        missing=missing,
    )


def _later(rule: str, group: Group, missing: tuple[RecipientAnswer, ...]) -> Decision:
    """Defer: what is required is neither there nor known to be nowhere."""
    text = f"{Reason.LOOKUP_FAILED}: encryption is required, and nobody could say whether it is possible"
    refused = _refuse(rule, Reason.LOOKUP_FAILED, text, group, missing)
    return replace(refused, reply=reply(451, EnhancedCode.DIRECTORY_FAILURE, text), sign_reason=None)


TEXT_LIMIT = 400
"""Characters of a refusal's list of addresses: a reply line may have 512 octets (RFC 5321 §4.5.3.1.5)."""


def _impossible(missing: tuple[RecipientAnswer, ...], reason: Reason | None) -> str:
    text = "encryption is required and not possible"
    if not missing:
        return f"{text} for these recipients in one message ({reason})"
    named: list[str] = []
    for count, answer in enumerate(missing):
        entry = f"{answer.address} ({answer.reason})"
        if sum(map(len, named)) + len(entry) > TEXT_LIMIT:
            named.append(f"and {len(missing) - count} more")
            break
        named.append(entry)
    return f"{text}: {', '.join(named)}"
