"""Header fields protected inside a layer (RFC 9788; the older ``protected-headers`` of Thunderbird, NeoMutt and KMail).

A sender who encrypts hides the Subject: outside stands ``...`` or ``[...]``, the real one in the header of what is
encrypted or signed, whose Content-Type says so (``hp``, ``protected-headers``). There it is as good as its layer: what
is neither authenticated nor signed may have been changed by anybody, and an automatic answer would quote it to him; so
it would to whoever sends on what he cannot read, unchanged and under his own name.
HP-Outer repeats what the sender wrote outside and is no field of the message. A legacy display part is left as it is.

Of the other fields it is only told where they differ; none is put in the place of what mail servers saw and checked.
"""

import re
from dataclasses import dataclass

from gateway.mail.address import folded
from gateway.mail.author import read_author
from gateway.mail.encoded_word import decode_words, encode_words
from gateway.mail.entity import Entity
from gateway.mail.header import Header
from gateway.smime.content import is_clean

COMPARED = ("From", "Sender", "Reply-To", "To", "Cc", "Date", "Message-ID", "In-Reply-To", "References", "Subject")
"""A closed list: other names inside are somebody's content, and do not belong into a record."""

_LOWER = {name: name.lower() for name in COMPARED}

PLACEHOLDERS = frozenset({"", "...", "[...]"})
SUBJECT_LIMIT = 4000
"""Octets of a Subject; a longer one is nobody's."""
WORD_LIMIT = 900
LINE = 78
TEXT_LIMIT = 1000

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Surrogates, too: UTF-7 yields lone ones, which are in no other charset."""
_WORD = re.compile(r"(?<! ) *+[^ ]++")


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that says something else inside; of a Subject only the name is told. ``outer`` None: it is not there."""

    name: str
    inner: str | None = None
    outer: str | None = None


@dataclass(frozen=True, slots=True)
class Protected:
    """What the header inside says: ``subject`` is the value of a field, ASCII; None: the outer one's, or unusable.

    ``by_another``: From inside names somebody else than From outside.
    """

    subject: str | None = None
    differences: tuple[Difference, ...] = ()
    by_another: bool = False


def read_protected(payload: Entity, outer: Header) -> Protected:
    """Return what the header of ``payload``, the content of the innermost layer, says beside the message's own."""
    header = payload.header
    if not header.reads_one_way or not is_clean(header.content[header.start : header.end]):
        return Protected()
    inside = {field.name for field in header.fields}
    found = [_difference(name, header, outer) for name, lower in _LOWER.items() if lower in inside]
    differences = tuple(difference for difference in found if difference is not None)
    if Difference("Subject") in differences and (_protects(payload) or _is_placeholder(outer)):
        return Protected(_subject(header), differences, _is_by_another(header, outer))
    return Protected(None, differences)


def subject_field(name: str, subject: str) -> bytes:
    """Return a field with the value of ``Protected.subject``, folded where it has blanks and nowhere else."""
    head = f"{name}:"
    lines = [head]
    for word in _WORD.findall(f" {subject}"):
        if len(lines[-1]) + len(word) > LINE and lines[-1] != head:
            lines.append("")
        lines[-1] += word
    return "\r\n".join((*lines, "")).encode("ascii")


def _protects(payload: Entity) -> bool:
    parameters = payload.content_type.parameters
    legacy = parameters.get("protected-headers", "").lower().startswith("v1")
    return legacy or parameters.get("hp", "").lower() in ("clear", "cipher")


def _is_by_another(header: Header, outer: Header) -> bool:
    inside = read_author(header).address
    return bool(header.named("from")) and (inside is None or folded(inside) != folded(read_author(outer).address or ""))


def _is_placeholder(outer: Header) -> bool:
    return all(outer.text(field) in PLACEHOLDERS for field in outer.named("subject"))


def _subject(header: Header) -> str | None:
    """Return the value of the one Subject; None where it is not one plain text for every reader."""
    fields = header.named("subject")
    value = header.value(fields[0]).replace(b"\t", b" ")
    text = decode_words(value)
    if len(fields) != 1 or len(value) > SUBJECT_LIMIT or not text.strip() or _CONTROL.search(text):
        return None
    written = value if value.isascii() else encode_words(text).replace(b"\r\n", b"")
    return written.decode("ascii") if max(map(len, written.split(b" "))) <= WORD_LIMIT else None


def _difference(name: str, header: Header, outer: Header) -> Difference | None:
    inside, outside = _text(header, name), _text(outer, name)
    if inside is None or inside == outside:
        return None
    return Difference(name) if name == "Subject" else Difference(name, inside, outside)


def _text(header: Header, name: str) -> str | None:
    """Return the values of all fields of a name for the human eye; None: there is none."""
    texts = [_CONTROL.sub(" ", header.text(field)) for field in header.named(name.lower())]
    return " ".join(", ".join(texts).split())[:TEXT_LIMIT] if texts else None
