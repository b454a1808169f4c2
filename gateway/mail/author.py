"""Who wrote a message: the one mailbox of its one From field, where all readers find the same (row SIG-09).

Some readers decode encoded words before they look for addresses and some after, each word by itself or neighbours
together; to some a comment or a quoted string ends where it does not in RFC 5322, at a line end for instance. So the
field is read by the strict grammar and then in each of these ways, and no way may lead to an address but the author's.
One that stands as plain text in a quoted string or comment is text to every reader (``"Per conto di: a@b" <c@d>``);
that it is there is told.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from gateway.errors import Malformed
from gateway.mail.address import same_mailbox
from gateway.mail.encoded_word import Piece, decode_raw, pieces, raw_words, without_words
from gateway.mail.header import Header, spelt, unfold
from gateway.mail.lexical import QUOTED_STRING, comment_end
from gateway.mail.mailbox import is_utf8, mailboxes

USUAL = 200
"""Octets of values that are remembered: a helpdesk writes under the same few names, and each is read more than once."""


@dataclass(frozen=True, slots=True)
class Author:
    """The author of a message. ``address`` None: nobody knows, and ``fault`` says why in a phrase without content."""

    address: str | None = None
    fault: str | None = None
    names_other: bool = False
    """Whether a display name or comment shows another address."""


def read_author(header: Header, *, fold: bool = True) -> Author:
    """Read the From of a message. ``fold``: letter case counts in no local part (``mail.address.folded``)."""
    fields = header.named("from")
    if len(fields) != 1:
        return Author(fault="more than one From field" if fields else "no From field")
    if header.taken_for(_FROM_LINE):
        return Author(fault="a line that is no header field is a From to some readers")
    try:
        address, names_other = sole_mailbox(header.folded(fields[0]), fold=fold)
    except Malformed as error:
        return Author(fault=f"From: {error}")
    return Author(address, names_other=names_other)


def sole_mailbox(value: bytes, *, fold: bool = True) -> tuple[str, bool]:
    """Return the one address that every reader finds in a field value, and whether the value shows another as text.

    ``value``: as it stands, for its line ends are signs to some reader. Raises ``Malformed`` where there is none, or
    not one, and says why.
    """
    return _usual(value, fold) if len(value) <= USUAL else _sole_mailbox(value, fold)


def _sole_mailbox(value: bytes, fold: bool) -> tuple[str, bool]:
    found = mailboxes(value)
    if len(found) > 1:
        raise Malformed("more than one address")
    reading = _Reading(found[0].address, fold)
    text = decode_raw(unfold(value))
    if b"\n" in value.rstrip(b"\r\n"):
        _check_folds(decode_raw(value.rstrip(b"\r\n")))
    names_other = reading.shows_other(text)
    if names_other and not is_utf8(value):
        raise Malformed(f"{_OTHER}a value that is no UTF-8")
    if "=?" in text:
        if "=?" in without_words(text):
            raise Malformed("an encoded word is broken or in an unusual charset")
        for reading_of in dict.fromkeys(tuple(pieces(text, joined=joined)) for joined in (True, False)):
            names_other |= reading.shows_other(reading.decoded(reading_of, strict=names_other))
        reading.check_octets(text)
    return reading.own, names_other


_usual = lru_cache(1024)(_sole_mailbox)
_FROM_LINE = re.compile(spelt("from:"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ENDS = re.compile(r'[()\[\],;:"]')
_SIGNS = re.compile(r"[<>\\]")
_STRUCTURE = re.compile(r'[<>@:\\)"]')
_RUN = re.compile(r'[^\s<>(),;:"\\]++')
_DOMAIN_IN_OCTETS = re.compile(r"@[0-9A-Za-z-]++\.[A-Za-z]")
_AROUND_MARK = re.compile(r"(?:(?<![ \t])[ \t]*+|(?<=[ \t]))([@\0])[ \t]*+")
_COMMENT, _STRING = "(", "\1"
_GAP = f" \t{_COMMENT}"
_DOTTED = re.compile(r"\.[ \t]*+\(")
_NO_LETTERS = "'`*|.!?"
_TEXT = re.compile(rf'(?:[^"(]++|{QUOTED_STRING}(?=@))*+', re.DOTALL)
_QUOTED = re.compile(QUOTED_STRING, re.DOTALL)
_OTHER = "another address stands in "
YIELDED = "\0"
"""Stands for an @ that an encoded word yields; no value that is read holds this octet itself."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One field value, read in several ways; ``own`` is the address that the strict grammar found."""

    own: str
    fold: bool

    def shows_other(self, text: str) -> bool:
        """Whether a quoted string or comment shows another address as text. Raises ``Malformed`` where some reader
        would take it for the author, or where the value does not take apart as it should.
        """
        plain, strings = _taken_apart(text)
        self._check_plain(plain)
        runs = [run for string in strings if "@" in string for run in _RUN.findall(string.replace("\\", ""))]
        other = any(run.strip("@") and not self._is_own(run) for run in runs if "@" in run)
        lone = any(not run.strip("@") for run in runs)
        if (other or lone) and any(_SIGNS.search(string) for string in strings):
            raise Malformed(f"{_OTHER}a quoted string or comment, in angle brackets or with a backslash")
        if other and "<" not in plain and any("  " in string for string in strings):
            # Which Ruby's reader does not take apart, so that all of it is shown as the address.
            raise Malformed(f"{_OTHER}a comment with two blanks side by side")
        name = plain.partition("<")[0].rstrip(_GAP)
        if other and (_DOTTED.search(f"{name}{_COMMENT}") or ("." in name and _STRING in name)):
            # Which Ruby's reader takes for an address.
            raise Malformed(f"{_OTHER}a quoted string or comment beside a dot")
        return other

    def _check_plain(self, plain: str) -> None:
        """Outside quoted strings and comments there is a name without signs, or the own address as name."""
        name, angle, rest = plain.partition("<")
        address, _, behind = rest.partition(">") if angle else (plain.strip(_GAP), "", "")
        if address.strip() != self.own or behind.strip(_GAP):
            raise Malformed("a comment stands within the angle brackets, or an encoded word moves the address")
        if angle and _STRUCTURE.search(name) and not self._is_own(name.strip(_GAP)):
            raise Malformed(f"a sign that needs quotes stands in the name, or {_OTHER}it")

    def check_octets(self, text: str) -> None:
        """No octets of an encoded word may be an address to those who do not know its charset. Raises ``Malformed``."""
        for octets in raw_words(text):
            for run in _RUN.findall(octets.decode("latin-1")):
                if _DOMAIN_IN_OCTETS.search(run) and not self._is_own(run):
                    raise Malformed(f"{_OTHER}an encoded word")

    def decoded(self, found: Iterable[Piece], *, strict: bool) -> str:
        """Return the value with its encoded words decoded. Raises ``Malformed`` where they yield what they may not.

        ``strict``: they may yield no sign at all that ends an address.
        """
        text = ""
        for encoded, run in groupby(found, key=lambda piece: piece.encoded):
            piece = "".join(each.text for each in run)
            if encoded and strict and _ENDS.search(piece):
                raise Malformed(f"{_OTHER}the name, beside an encoded word that may end it")
            text += _harmless(piece).replace("@", YIELDED) if encoded else piece
        for address in _RUN.findall(_AROUND_MARK.sub(r"\1", text)):
            if YIELDED in address and not self._is_own(address.replace(YIELDED, "@")):
                raise Malformed(f"{_OTHER}an encoded word")
        text = text.replace(YIELDED, "@")
        if "=?" in text:
            raise Malformed("an encoded word holds another")
        return text

    def _is_own(self, address: str) -> bool:
        return same_mailbox(address.strip(_NO_LETTERS), self.own, fold=self.fold)


def _check_folds(text: str) -> None:
    """Some reader ends a quoted string or comment at a line end, and goes on behind a comment in the one around it.

    Raises ``Malformed`` where it could find another address so.
    """
    _, marked = _marked(text)
    folded = [(mark, string) for mark, string in marked if "\n" in string]
    if folded and any("@" in string for _, string in marked):
        raise Malformed("an address stands in a quoted string or comment, and a line ends in one")
    if any(mark == _COMMENT and "(" in string for mark, string in folded):
        raise Malformed("a line ends in a comment that stands in another")


def _harmless(said: str) -> str:
    """Return what encoded words say; it holds no sign that would move the address or end what they stand in."""
    if _CONTROL.search(said):
        raise Malformed("an encoded word holds a control character")
    try:
        plain, strings = _taken_apart(said)
    except Malformed:
        plain, strings = ")", []
    if ")" in plain or any(_SIGNS.search(part) for part in (plain, *strings)):
        raise Malformed("an encoded word holds an angle bracket, a backslash, or half a quoted string or comment")
    return said


def _taken_apart(text: str) -> tuple[str, list[str]]:
    """Return ``text`` with a mark for each comment and quoted string (but a local part), and what stands in those.

    Raises ``Malformed`` where one does not end.
    """
    plain, marked = _marked(text)
    return plain, [string for _, string in marked]


def _marked(text: str) -> tuple[str, list[tuple[str, str]]]:
    """As ``_taken_apart``, each of those with its mark."""
    plain: list[str] = []
    marked: list[tuple[str, str]] = []
    position = 0
    while (found := _TEXT.match(text, position)) and found.end() < len(text):
        begin = found.end()
        if text[begin] == "(":
            position = comment_end(text, begin + 1)
        elif quoted := _QUOTED.match(text, begin):
            position = quoted.end()
        else:
            raise Malformed("a quoted string does not end")
        mark = _COMMENT if text[begin] == "(" else _STRING
        plain += (found[0], mark)
        marked.append((mark, text[begin + 1 : position - 1]))
    plain.append(text[position:])
    return "".join(plain), marked
