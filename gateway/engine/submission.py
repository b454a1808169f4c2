"""Reading an outbound message: its author, its wishes and its visible recipients, as a ``policy.Question``.

Our own fields (requests and forged results alike) and subject tags are taken out of what leaves; nothing else changes.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.engine.mark import Mark, Sealer, read_mark
from gateway.engine.results import PREFIX, our_fields
from gateway.engine.transaction import FrontEnd, Transaction
from gateway.errors import Malformed
from gateway.mail.address import folded
from gateway.mail.author import read_author
from gateway.mail.content_type import content_type
from gateway.mail.encoded_word import encode_words
from gateway.mail.entity import read_entity
from gateway.mail.header import Field, Header, edit, read_header, spelt
from gateway.mail.mailbox import Mailbox, addresses_seen, mailboxes
from gateway.policy.question import Question, Wishes
from gateway.policy.rule import Level, Rules, strictest
from gateway.smime.finding import Layer
from gateway.smime.open import root_layer
from gateway.story import Story

SIGN_FIELD = PREFIX + "sign"
ENCRYPT_FIELD = PREFIX + "encrypt"
REPORT_TYPES = frozenset({"delivery-status", "disposition-notification"})
"""report-type of multipart/report (RFC 3464, RFC 8098)."""
ANSWERING = ("in-reply-to", "references")
VISIBLE_FIELDS = ("to", "cc", "resent-to", "resent-cc")
CLAIMING_FIELDS = ("from", "sender", "resent-from")
_CLAIMING_LINE = re.compile(spelt(*(f"{name}:" for name in CLAIMING_FIELDS)))
_REQUEST_LINE = re.compile(spelt(f"{SIGN_FIELD}:", f"{ENCRYPT_FIELD}:"))


@dataclass(frozen=True, slots=True)
class Submission:
    """An outbound message as read: what leaves if nothing is made of it, and what policy is asked."""

    content: bytes
    header: Header
    question: Question
    layer: Layer | None
    mark: Mark | None
    """What its seal said."""
    records: frozenset[str]
    """The records of ours that it named."""


def read_submission(transaction: Transaction, rules: Rules, sealer: Sealer) -> Story[Submission]:
    """Read an outbound message; a seal of ``sealer``, valid or expired, says that it once arrived.

    Raises ``Malformed`` or ``LimitExceeded`` for a header block that cannot be read.
    """
    header = read_header(transaction.content)
    mark = yield from read_mark(sealer, transaction.content, header, transaction.received_at)
    records = frozenset(header.value(field).decode("ascii", "replace") for field in header.named(PREFIX + "id"))
    wishes, tags = _wishes(header, rules)
    content = _without(transaction.content, header, tags)
    if content is not transaction.content:
        header = read_header(content)
    read = read_author(header, fold=rules.fold)
    author = read.address
    layer = root_layer(content, header) if author and rules.group_of(author) else None
    envelope, client = transaction.envelope, transaction.client
    question = Question(
        sender=envelope.sender,
        recipients=tuple(dict.fromkeys(envelope.addresses)),
        author=author,
        fault=read.fault,
        claimed=() if author else (envelope.sender, *_claimed(header)),
        # One recipient is hidden from nobody.
        visible=_visible(header, rules) if len(envelope.recipients) > 1 else None,
        wishes=wishes,
        report=not envelope.sender and _is_report(header),
        exempt=bool(author and rules.exempt) and _holds(content, header, rules.exempt),
        signed=layer is Layer.SIGNED,
        encrypted=layer is Layer.ENCRYPTED,
        arrived=mark is not None and mark.arrived,
        client=client.address,
        login=client.login,
        local=transaction.front_end is FrontEnd.CLI,
        can_split=transaction.can_split,
    )
    return Submission(content, header, question, layer, mark, records)


def _wishes(header: Header, rules: Rules) -> tuple[Wishes, dict[Field, bytes]]:
    """Return what the message asks for, and the Subject field to put in place of the tagged one."""
    signs: list[Level] = []
    encrypts: list[Level] = []
    unknown = None
    if rules.honour_headers:
        for field in header.fields:
            if field.name in (SIGN_FIELD, ENCRYPT_FIELD):
                try:
                    level = Level(header.value(field).decode("ascii", "replace").lower())
                except ValueError:
                    unknown = "X-SMIME-Gateway-Sign" if field.name == SIGN_FIELD else "X-SMIME-Gateway-Encrypt"
                else:
                    (signs if field.name == SIGN_FIELD else encrypts).append(level)
        if header.taken_for(_REQUEST_LINE):
            unknown = "a request in a line that is no header field"
    replaced = _tagged(header, rules, signs, encrypts)
    return Wishes(strictest(signs), strictest(encrypts), unknown), replaced


def _tagged(header: Header, rules: Rules, signs: list[Level], encrypts: list[Level]) -> dict[Field, bytes]:
    tags = (
        (rules.tags.sign, Level.REQUIRED, None),
        (rules.tags.encrypt, None, Level.REQUIRED),
        (rules.tags.plain, Level.NEVER, Level.NEVER),
    )
    replaced: dict[Field, bytes] = {}
    if not any(tag for tag, _, _ in tags):
        return replaced
    # A customer wrote the subject of an answer, or the answer to it: that asks for no less protection.
    answers = any(header.named(name) for name in ANSWERING)
    for field in header.named("subject"):
        text = raw = header.text(field)
        for tag, sign, encrypt in tags:
            if tag and tag.lower() in text.lower():
                text = _without_tag(text, tag)
                weakens = Level.NEVER in (sign, encrypt)
                signs += [sign] if sign and not (weakens and answers) else []
                encrypts += [encrypt] if encrypt and not (weakens and answers) else []
        if text != raw:
            replaced[field] = b"Subject: " + encode_words(text) + b"\r\n"
    return replaced


def _without_tag(text: str, tag: str) -> str:
    """Return ``text`` with one blank in the place of each ``tag``, in any case, and of the blanks around it."""
    pieces = re.split(re.escape(tag), text, flags=re.IGNORECASE)
    return " ".join([piece.strip() for piece in pieces]).strip()


def _without(content: bytes, header: Header, replaced: dict[Field, bytes]) -> bytes:
    ours = our_fields(header)
    if not ours and not replaced:
        return content
    return edit(content, header, drop=ours, replace=replaced)


def _holds(content: bytes, header: Header, types: Collection[str]) -> bool:
    """Whether a message is, or has as a part of multipart/alternative or /mixed, one of some content types."""
    try:
        open_ = [read_entity(content, header=header)]
    except Malformed:
        return False
    while open_:
        entity = open_.pop()
        if entity.content_type.type in types:
            return True
        if entity.content_type.type in ("multipart/alternative", "multipart/mixed"):
            open_ += entity.children
    return False


def author_of(header: Header) -> str | None:
    """Return the one mailbox of the one From field, or None where that is not what every reader finds."""
    return read_author(header).address


def _claimed(header: Header) -> tuple[str, ...]:
    fields = [field for name in CLAIMING_FIELDS for field in header.named(name)]
    values = [*map(header.value, fields), *map(header.raw, header.taken_for(_CLAIMING_LINE))]
    return tuple(address for value in values for address in addresses_seen(value))


def _visible(header: Header, rules: Rules) -> frozenset[str]:
    """Whom the message shows as its recipients; a field that does not parse shows, and so reveals, nobody."""
    fields = [field for name in VISIBLE_FIELDS for field in header.named(name)]
    found = [mailbox for field in fields for mailbox in _recipients(header.value(field))]
    return frozenset([folded(mailbox.address, fold=rules.fold) for mailbox in found])


def _recipients(value: bytes) -> tuple[Mailbox, ...]:
    try:
        return mailboxes(value, groups=True)
    except Malformed:
        return ()


def _is_report(header: Header) -> bool:
    fields = header.named("content-type")
    if len(fields) != 1:
        return False
    try:
        kind = content_type(header.value(fields[0]))
    except Malformed:
        return False
    return kind.type == "multipart/report" and kind.parameters.get("report-type", "").lower() in REPORT_TYPES
