"""Step by step: what is found of mail that arrives, told in the order in which the engine looks."""

from collections.abc import Iterator

from gateway.admin.reasons import Part
from gateway.admin.sentence import Sentence
from gateway.admin.steps import SHORT, Step, Weight, step
from gateway.engine.finding import EncryptionOpened, Finding, JudgedSigner, SignatureJudged
from gateway.engine.transaction import Outcome, Verdict
from gateway.reason import Reason
from gateway.smime.finding import Encryption, Status


def inbound_steps(outcome: Outcome) -> Iterator[Step]:
    """Yield what was found of a message, and what becomes of it."""
    finding = outcome.finding
    if finding.pass_of is not None:
        text = Sentence("It was judged here before, and nothing changed since: record {id}", id=finding.pass_of)
        yield step("seal", Weight.DECIDES, text)
        return
    if finding.group is not None:
        yield step("groups", Weight.HOLDS, Sentence("It is for group {group}", group=finding.group))
    else:
        yield step("groups", Weight.LACKS, Sentence("It is for no group"))
    encryption, signature = finding.encryption, finding.signature
    reason = None if signature is None else signature.reason
    if reason in (Reason.TRANSIT, Reason.NOT_ENABLED):
        rule = "inbound.domains" if reason is Reason.TRANSIT else "enabled"
        yield step(rule, Weight.DECIDES, Sentence("It goes on as it is, not looked into"), reason, Part.ARRIVED)
        return
    if isinstance(encryption, EncryptionOpened):
        yield _opened(encryption)
    closed = encryption is not None and encryption.status is Encryption.FAILED
    # Of what is closed nobody knows whether something inside is signed.
    if isinstance(signature, SignatureJudged) and not (closed and signature.status is Status.NONE):
        yield from _judged(finding, signature)
    if isinstance(encryption, EncryptionOpened) and _would_open(encryption):
        yield step("inbound", Weight.DECIDES, Sentence("It would be opened; what is inside is not looked at here"))
    else:
        yield from _after(outcome)


def _would_open(found: EncryptionOpened) -> bool:
    """Whether only that no key was to be used kept it closed."""
    return found.status is Encryption.FAILED and found.reason is Reason.NOT_ADDRESSED and found.key is not None


def _opened(found: EncryptionOpened) -> Step:
    key = (found.key or "")[:SHORT]
    if found.status is Encryption.NONE:
        return step("encryption", Weight.HOLDS, Sentence("It is not encrypted"))
    if found.status is Encryption.DECRYPTED:
        text = Sentence("It is encrypted with {cipher} and opened by key {key}", cipher=found.cipher, key=key)
        return step("encryption", Weight.HOLDS, text)
    if found.status is Encryption.PARTIAL:
        text = Sentence("A part of it is encrypted, and stays as it is")
        return step("encryption", Weight.LACKS, text, found.reason, Part.ARRIVED)
    if _would_open(found):
        text = Sentence("It is encrypted with {cipher}; key {key} would open it", cipher=found.cipher or "?", key=key)
        return step("encryption", Weight.HOLDS, text)
    text = Sentence("It is encrypted with {cipher} and stays closed", cipher=found.cipher or "?")
    return step("encryption", Weight.LACKS, text, found.reason, Part.ARRIVED)


def _judged(finding: Finding, found: SignatureJudged) -> Iterator[Step]:
    if found.status is Status.NONE:
        yield step("signature", Weight.HOLDS, Sentence("It is not signed"))
        return
    for signer in found.signers:
        yield from _signer(finding, signer)
    if not found.signers:
        text = Sentence("The signature could not be judged: {detail}", detail=found.detail or found.reason)
        yield step("signature", Weight.LACKS, text, found.reason, Part.ARRIVED)
    text = Sentence("The signature of the whole is {status}", status=found.status)
    weight = Weight.HOLDS if found.status is Status.PASS else Weight.LACKS
    yield step("signature", weight, text, found.reason, Part.ARRIVED)


def _signer(finding: Finding, signer: JudgedSigner) -> Iterator[Step]:
    name = ", ".join(signer.addresses) or signer.subject or "?"
    if not signer.reasons:
        yield step("signer", Weight.HOLDS, Sentence("The signature of {name} holds", name=name))
        if signer.anchor is not None:
            text = Sentence("Its path ends in anchor {anchor}", anchor=signer.anchor[:SHORT])
            yield step("path", Weight.HOLDS, text)
        if finding.author is not None:
            yield step("from", Weight.HOLDS, Sentence("From is {author}", author=finding.author))
    for reason in signer.reasons:
        text = Sentence("The signature of {name} is not acceptable", name=name)
        yield step("signer", Weight.LACKS, text, reason, Part.ARRIVED)


def _after(outcome: Outcome) -> Iterator[Step]:
    if outcome.verdict is Verdict.REJECT:
        text = Sentence("It is refused: {reply}", reply=str(outcome.reply))
        yield step("inbound", Weight.DECIDES, text)
        return
    if outcome.learn is not None:
        text = Sentence("The certificate of {address} would be learned", address=outcome.learn.address)
        yield step("learn", Weight.HOLDS, text)
    if outcome.hold is not None and outcome.hold.needs:
        needs = ", ".join(sorted(need.text or need.value[:SHORT] for need in outcome.hold.needs))
        text = Sentence("It would be held until this comes: {needs}", needs=needs)
        yield step("inbound.hold", Weight.HOLDS, text, outcome.hold.reason, Part.ARRIVED)
    opened = any(delivery.opened for delivery in outcome.deliveries)
    text = (
        Sentence("It is delivered opened, and tagged") if opened else Sentence("It is delivered as it came, and tagged")
    )
    yield step("inbound", Weight.DECIDES, text)
