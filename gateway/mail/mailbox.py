"""The addresses in a header field, read twice (RFC 5322 §3.4, RFC 6532; rows SIG-09, LIM-03, LIM-04).

``mailboxes`` is strict: it answers only where every reader gives the same answer. Of the obsolete forms it takes the
dot in display names (``John Q. Public <john@example.org>``) alone, and beyond them the address itself as its display
name and names in 8 bits. Comments and blanks may stand around an address but not inside it, an address may not be an
encoded word, and a list has no empty places.
``addresses_seen`` is the opposite: whatever some reader might take for an address, for checks that must fail closed.
Both are one pass per reading and use no recursion.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from gateway.errors import LimitExceeded, Malformed
from gateway.mail.address import ATOM, DOMAIN, LOCAL, check_length, folded, is_visible
from gateway.mail.encoded_word import decode_raw, decode_words
from gateway.mail.header import unfold
from gateway.mail.lexical import QUOTED_STRING, without_comments

VALUE_LIMIT = 64 * 1024

_BLANKS = r"[ \t]*+"
_WORD = rf"(?:{ATOM}|{QUOTED_STRING})"
_PHRASE = rf"{_WORD}(?:{_BLANKS}(?:{_WORD}|\.))*+"
_MAILBOX = re.compile(
    rf"{_BLANKS}(?:(?:({LOCAL}@{DOMAIN}){_BLANKS})?+<{_BLANKS}({LOCAL})@({DOMAIN}){_BLANKS}>"
    rf"|(?:{_PHRASE})?+{_BLANKS}<{_BLANKS}({LOCAL})@({DOMAIN}){_BLANKS}>|({LOCAL})@({DOMAIN})){_BLANKS}",
    re.DOTALL,
)
_GROUP = re.compile(rf"{_BLANKS}{_PHRASE}{_BLANKS}:{_BLANKS}", re.DOTALL)
_GROUP_END = re.compile(rf";{_BLANKS}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_RUN = re.compile(r"[^\s<>(),;:\"\\\x00-\x20\x7f]++")
_SEEN_DOMAIN = re.compile(r"\[[^\]]*+\]|[\w.-]++")
_NOT_FIRST = "'`*=|[]{}.?/"
_SQUEEZED = re.compile(r"[\"\\\x00-\x08\x0a-\x1f\x7f]++")
_BLANK_RUN = re.compile(r"[ \t]++")
_AROUND_MARK = re.compile(r" ?([@.]) ?")
_PARENTHESIS = re.compile(r"([()])")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox, both parts as written: quotes of the local part included, display name left out."""

    local: str
    domain: str

    @property
    def address(self) -> str:
        """``local@domain``."""
        return f"{self.local}@{self.domain}"


def mailboxes(value: bytes, *, groups: bool = False) -> tuple[Mailbox, ...]:
    """Return the mailboxes of a From, To or Cc value, folded or not; an empty group holds none.

    ``groups`` allows ``name: members;``, which To and Cc may hold and a From should not. Raises ``Malformed`` for
    anything doubtful and says what it is, ``LimitExceeded`` over 64 KiB.
    """
    if len(value) > VALUE_LIMIT:
        raise LimitExceeded(f"more than {VALUE_LIMIT} bytes")
    text = decode_raw(unfold(value))
    if _CONTROL.search(text):
        raise Malformed("a control character")
    found = [_mailbox(match) for match in _matches(without_comments(text), groups)]
    if not value.isascii() and any(not mailbox.address.isascii() for mailbox in found) and not is_utf8(value):
        raise Malformed("an address that is no UTF-8")
    return tuple(found)


def is_utf8(value: bytes) -> bool:
    """Return whether ``value`` reads in UTF-8."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _matches(text: str, groups: bool) -> Iterator[re.Match[str]]:
    position, inside = 0, False
    while True:
        opened = _GROUP.match(text, position) if groups and not inside else None
        if opened:
            position, inside = opened.end(), True
        if not (opened and text.startswith(";", position)):
            match = _MAILBOX.match(text, position)
            if match is None:
                raise Malformed(_complaint(text[position:]))
            yield match
            position = match.end()
        if inside and (closed := _GROUP_END.match(text, position)):
            position, inside = closed.end(), False
        if position == len(text) and not inside:
            return
        if not text.startswith(",", position):
            named = "<" in text[position:] and not text[:position].rstrip().endswith(">")
            raise Malformed("an @ stands in a name without quotes" if named else "something stands behind an address")
        position += 1


_COMPLAINTS = (
    (re.compile(r"\s*+(?:,.*+)?+", re.DOTALL), "an address is missing"),
    (re.compile(r"[^<>]*+<[^<>]*+(?:<.*+)", re.DOTALL), "angle brackets stand in one another"),
    (re.compile(r"[^<>]*+<[^<>]*+"), "an angle bracket is not closed"),
    (re.compile(r"[^<>]*+<\s*+@.*+", re.DOTALL), "a source route stands before the address"),
    (re.compile(r"[^<>]*+<\s*+mailto:.*+", re.DOTALL | re.IGNORECASE), "mailto: stands before the address"),
    (re.compile(r"[^<>@,]*+,.*+", re.DOTALL), "a comma stands in a name without quotes"),
    (re.compile(r"[^<>@:]*+:.*+", re.DOTALL), "a colon stands in a name without quotes, or it is a group"),
    (re.compile(r"[^<>@\[\]]*+[\[\]].*+", re.DOTALL), "a square bracket stands in a name without quotes"),
    (re.compile(r"[^<>@]*+@[^<>]*+<.*+", re.DOTALL), "an @ stands in a name without quotes"),
    (re.compile(r"[^@]*+"), "no address stands there"),
)
"""What is wrong with the rest of a list that does not begin with a mailbox; the first that matches all of it."""


def _complaint(rest: str) -> str:
    """Say what is wrong, without repeating what stands there."""
    return next((text for shape, text in _COMPLAINTS if shape.fullmatch(rest)), "an address that is not well formed")


def _mailbox(match: re.Match[str]) -> Mailbox:
    shown, local, domain = match[1], match[2] or match[4] or match[6], match[3] or match[5] or match[7]
    if "=?" in local or not is_visible(local + domain):
        raise Malformed("an address holds an encoded word or characters that are not seen")
    if shown is not None and folded(shown) != folded(f"{local}@{domain}"):
        raise Malformed("another address stands in a name without quotes")
    check_length(local, domain)
    return Mailbox(local, domain)


def addresses_seen(value: bytes) -> tuple[str, ...]:
    """Return all that looks like an address in a field value, each once, in order: never an error, often too many.

    Display names, comments, quoted strings and encoded words are searched as well.
    """
    found: dict[str, None] = {}
    flat = b" ".join(unfold(value).splitlines())
    for text in dict.fromkeys((decode_raw(flat), decode_words(flat))):
        for reading in dict.fromkeys((text, _bare(text))):
            found.update(dict.fromkeys(_looking_like_addresses(reading)))
    return tuple(found)


def _bare(text: str) -> str:
    """Return ``text`` without what a reader may skip: comments, quotes, escapes, controls, blanks around dot and @."""
    pieces, depth = [], 0
    for piece in _PARENTHESIS.split(text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(depth - 1, 0)
        elif not depth:
            pieces.append(piece)
    squeezed = _SQUEEZED.sub("", " ".join(pieces))
    return _AROUND_MARK.sub(r"\1", _BLANK_RUN.sub(" ", squeezed))


def _looking_like_addresses(text: str) -> Iterator[str]:
    for run in _RUN.finditer(text):
        parts = run[0].split("@")
        for left, right in pairwise(parts):
            domain = _SEEN_DOMAIN.match(right.lstrip("'`*=|]{}?/"))
            if not domain or not domain[0].strip("."):
                continue
            for local in dict.fromkeys((left, left.lstrip(_NOT_FIRST))):
                if local:
                    yield f"{local}@{domain[0].strip('.')}"
