"""Message-IDs: the one that is plain, the names by which an answer may know a mail, and a mail under an id of ours.

Mail comes under ids that are none (RFC 5322 §3.6.4): without brackets, with blanks, comments or 8-bit octets inside,
twice, too long. An answer names them as the program of whoever answers read them. So a *name* is what remains of every
piece between angle brackets, and of every word with an ``@``, when blanks, controls, quotes and letter case are left
out; encoded words decoded and not, comments kept and not, a long one cut and not. Two mails whose ids differ in
nothing else are one here, which can only make a rule on answers stricter.
"""

import re
from collections.abc import Iterable, Iterator

from gateway.errors import Malformed
from gateway.mail.encoded_word import decode_raw, decode_words
from gateway.mail.header import Field, Header, edit, read_header, spelt
from gateway.mail.lexical import without_comments

PLAIN_LIMIT = 250
"""Octets of a plain Message-ID, brackets included: longer ones are folded or cut by somebody on the way."""
REFERENCES_LIMIT = 100
"""Message-IDs in References; of more, the first and the last stay."""
CUT = 150
"""Characters of a name that stand for all of it: some ticket systems keep no more than a little over that."""
CITED = 10
"""Old Message-IDs of one mail that go to References."""

_SPELT = re.compile(spelt("message-id:"))
_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.:-]++"
_PLAIN = re.compile(rb"<" + _ATEXT + rb"@(?:" + _ATEXT + rb"|\[[A-Za-z0-9.:-]++\])>")
_MESSAGE_ID = re.compile(rb"<[^<>\s]++>")
_BRACKETED = re.compile(rb"<([^<>]++)>")
_SEVERAL = re.compile(rb"=\?|\(")
"""In what is read in several ways: encoded words, comments."""
_BRACKET = re.compile(r"[<>]")
_UNSEEN = dict.fromkeys((*range(0x20), 0x7F, ord('"'), ord("\\")))
_ODD = re.compile(rb"[^!-~]++|[<>]++")


def plain_id(header: Header) -> bytes | None:
    """Return the one Message-ID of the one field, brackets included, where every reader finds just that; else None."""
    fields = own_fields(header)
    if len(fields) != 1 or not header.raw(fields[0]).lower().startswith(b"message-id:"):
        return None
    value = header.value(fields[0])
    plain = len(value) <= PLAIN_LIMIT and b"=?" not in value and _PLAIN.fullmatch(value)
    return value if plain else None


def own_fields(header: Header) -> tuple[Field, ...]:
    """Return the Message-ID fields, and the lines that are no field and that some reader takes for one."""
    return (*header.named("message-id"), *header.taken_for(_SPELT))


def names(values: Iterable[bytes]) -> Iterator[str]:
    """Yield the names in field values (Message-ID, In-Reply-To, References), some perhaps more than once."""
    for value in values:
        for text in _readings(value):
            pieces = _BRACKET.split(text)
            for piece in pieces:
                # Prose around ids in brackets ("Your message of Monday <id>") names nothing.
                words = [word for word in piece.split() if "@" in word or len(pieces) == 1]
                for word in dict.fromkeys((piece, *words)):
                    if word:
                        yield from _reduced(word)


def _readings(value: bytes) -> Iterable[str]:
    if value.isascii() and not _SEVERAL.search(value):
        return (value.decode("ascii"),)
    # Beside an id in Latin-1, one in UTF-8 is still to be known.
    texts = dict.fromkeys((decode_raw(value), value.decode("utf-8", "replace"), decode_words(value)))
    for text in tuple(texts):
        try:
            texts[without_comments(text)] = None
        except Malformed:
            continue
    return texts


def _reduced(word: str) -> Iterator[str]:
    """Yield what is left of a word, as it is, as it survives where only ASCII does, and where it is cut."""
    text = "".join(word.translate(_UNSEEN).split()).strip(",;").lower()
    if len(text) <= CUT and text.isascii() and "?" not in text:
        if text:
            yield text
        return
    plain = text.encode("ascii", "ignore").decode().replace("?", "")
    for name in dict.fromkeys((text, plain, text[:CUT], plain[:CUT])):
        if name:
            yield name


def under(header: Header, message_id: bytes) -> Header:
    """Return a message's header block under this one Message-ID (brackets included); the old ones go to References.

    Raises ``LimitExceeded`` where the header has no room for that.
    """
    old, references = own_fields(header), header.named("references")
    cited = cited_ids(header)
    field = b"Message-ID: %s\r\n" % message_id
    replaced: dict[Field, bytes] = {old[0]: field} if old else {}
    prepended = b"" if old else field
    drop = old[1:]
    if cited:
        line = b"References: %s\r\n" % b"\r\n ".join((*thread(header), *cited))
        replaced |= {references[0]: line} if references else {}
        prepended += b"" if references else line
        drop += references[1:]
    block = bytes(header.content[: header.body])
    return read_header(edit(block, header, drop=drop, replace=replaced, prepend=prepended))


def cited_ids(header: Header) -> tuple[bytes, ...]:
    """Return the mail's own Message-IDs, brackets included, as another mail's References may cite them."""
    found: dict[bytes, None] = {}
    for field in own_fields(header):
        value = header.value(field)
        for piece in _BRACKETED.findall(value) or (value,):
            plain = _ODD.sub(b"", piece)
            if 0 < len(plain) <= 998 - len(b" <>"):
                found[b"<%s>" % plain] = None
    return tuple(found)[:CITED]


def thread(header: Header) -> list[bytes]:
    """Return the Message-IDs above a message, with their brackets: its References, else the one it answers."""
    ids = _ids(header, "references")
    if ids:
        return ids
    answered = _ids(header, "in-reply-to")
    return answered if len(answered) == 1 else []


def _ids(header: Header, name: str) -> list[bytes]:
    ids = [found for field in header.named(name) for found in _MESSAGE_ID.findall(header.value(field))]
    return ids if len(ids) < REFERENCES_LIMIT else [ids[0], *ids[2 - REFERENCES_LIMIT :]]
