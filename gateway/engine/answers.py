"""Which opened mail an outbound message answers, holds or is, as far as ``replies_to_encrypted`` goes (RFC 9787 §5.4).

The rule follows the content: a message of a group falls under it by any name of opened mail, one of somebody in no
group only where it clearly is such mail, sent on by a helpdesk that leaves the customer in From.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.engine.submission import ANSWERING, Submission, author_of
from gateway.engine.wants import AnyOpened, OpenedUnder, SentOnUnder
from gateway.errors import Malformed
from gateway.mail.content_type import content_type
from gateway.mail.entity import decoded_body, read_entity
from gateway.mail.header import Header, read_header
from gateway.mail.message_id import names, own_fields
from gateway.policy.rule import ReplyRule, Rules, strictest_on_answers
from gateway.smime.finding import Layer
from gateway.smime.open import root_layer
from gateway.story import Story, ask

NAMES = 2000
"""Names that are looked at of one kind of field: the last, where an answer has what it answers."""
OWN_FIELDS, OWN_SIZE = 10, 4096
"""First and last Message-ID fields of one mail that are looked at, and octets of each."""
KEPT = 50
"""Names of one mail, as it came, that are remembered."""
NESTED = 3
"""Messages inside one another that have a transfer encoding each, which none should have."""
MESSAGES = frozenset({"message/rfc822", "message/global"})


def record_name(record_id: str) -> str:
    """Return the name of the mail that was opened under this record; no Message-ID has it."""
    return f"record {record_id}"


def names_in(header: Header, *fields: str) -> frozenset[str]:
    """Return the names in all fields called so, and in the mail's own Message-ID."""
    own = own_fields(header)
    values = [header.value(field)[:OWN_SIZE] for field in (own[:OWN_FIELDS] + own[-OWN_FIELDS:])]
    found = set(deque(names(values), NAMES))
    for name in fields:
        found.update(deque(names(map(header.value, header.named(name))), NAMES))
    return frozenset(found)


def names_of(record_id: str, header: Header, head: Header, *, again: bool) -> frozenset[str]:
    """Return the names of mail that arrived: by its record, by ``header`` as it came and by ``head`` as it goes on.

    ``again``: as an answer to the mail as it came first, which is known by it, too.
    """
    goes = names_in(head)
    came = goes if head is header and not again else names_in(header, *(ANSWERING[:1] if again else ()))
    return frozenset({record_name(record_id), *goes, *sorted(came)[:KEPT]})


@dataclass(frozen=True, slots=True)
class Answered:
    """The strictest ``setting`` of the opened mail that a message answers, ``holds`` or is.

    ``holds``: what was opened may stand in it word for word; else it only answers.
    """

    setting: ReplyRule
    holds: bool


def answered_by(submission: Submission, rules: Rules) -> Story[Answered | None]:
    """Return what opened mail the message answers, holds or is; None: it does not."""
    mark, author = submission.mark, submission.question.author
    opened = mark is not None and mark.id is not None and mark.decrypted
    if not opened and not (yield from ask(AnyOpened())):
        return None
    if author is not None and rules.group_of(author) is not None:
        found = yield from _of_a_group(submission)
    else:
        setting = yield from _sent_on(submission)
        found = None if setting is None else Answered(setting, holds=True)
    return Answered(ReplyRule.IGNORE, holds=True) if found is None and opened else found


def _of_a_group(submission: Submission) -> Story[Answered | None]:
    header = submission.header
    held = set(names_in(header))
    for attached in _attached(submission.content, header):
        held |= names_in(attached)
    if submission.mark is not None and submission.mark.decrypted and submission.mark.id is not None:
        held.add(record_name(submission.mark.id))
    setting = yield from ask(OpenedUnder(frozenset(held | names_in(header, *ANSWERING))))
    if setting is None:
        return None
    return Answered(setting, holds=(yield from ask(OpenedUnder(frozenset(held)))) is not None)


def _sent_on(submission: Submission) -> Story[ReplyRule | None]:
    header = submission.header
    by_record = None
    if submission.records:
        by_record = yield from ask(OpenedUnder(frozenset(map(record_name, submission.records))))
    if _is_report(header):
        return by_record
    mails = [(names_in(mail), author_of(mail)) for mail in (header, *_attached(submission.content, header))]
    found = [by_record]
    if (yield from ask(OpenedUnder(frozenset().union(*(known for known, _ in mails))))) is not None:
        for known, author in mails:
            found.append((yield from ask(SentOnUnder(known, author))))
    return strictest_on_answers(setting for setting in found if setting is not None)


def _attached(content: bytes, header: Header, depth: int = 0) -> Iterator[Header]:
    """Yield the header of every message that is attached at any depth and not still encrypted."""
    if depth > NESTED or not _has_parts(header):
        return
    try:
        entities = list(read_entity(content, header=header).walk())
    except Malformed:
        return
    for entity in entities:
        if entity.content_type.type not in MESSAGES:
            continue
        try:
            inner = decoded_body(entity)
            inner_header = read_header(inner)
        except Malformed:
            continue
        if root_layer(inner, inner_header) is not Layer.ENCRYPTED:
            yield inner_header
        if not entity.children:
            yield from _attached(inner, inner_header, depth + 1)


def _has_parts(header: Header) -> bool:
    return _type(header).startswith(("multipart/", "message/"))


def _is_report(header: Header) -> bool:
    return _type(header) == "multipart/report"


def _type(header: Header) -> str:
    for field in header.named("content-type"):
        try:
            return content_type(header.value(field)).type
        except Malformed:
            return ""
    return ""
