"""Encoded words in header fields (RFC 2047, language tags of RFC 2231 §5), read the way mail readers do.

Nothing here fails: an unknown charset or a broken encoding is shown as well as can be. Charsets come from a closed
list, because Python would remember every invented name for ever and some of its codecs are no charsets at all.
"""

import binascii
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from gateway.mail.transfer import decode_base64

WORD_BYTES = 45
"""Bytes of text that fit an encoded word of 75 characters."""

_WORD = re.compile(r"=\?([^?*\s]{1,40}+)(?:\*[^?\s]{0,40}+)?+\?([bBqQ])\?([^?]*+)\?=")
_EXACT_B = re.compile("[A-Za-z0-9+/]*+={0,2}")
_EXACT_Q = re.compile("(?:[^=\\s]|=[0-9A-Fa-f]{2})*+")
_CHARSET = re.compile(
    r"utf-?8|us-ascii|ascii|utf-?(?:7|16|32)(?:[-_]?[bl]e)?|iso[-_]?8859[-_]?\d{1,2}|latin-?\d{1,2}|windows-?125\d|"
    r"cp\d{3,4}|koi8-[rut]|gb2312|gbk|gb18030|hz|big5(?:-?hkscs)?|euc-?(?:jp|kr)|iso-2022-(?:jp(?:-[123])?|kr)|"
    r"shift[-_]?jis|s-?jis|ks_c_5601-1987|tis-?620|mac-?(?:roman|cyrillic|greek|turkish)|viscii|ptcp154"
)
_LATIN_1 = frozenset({"iso-8859-1", "iso8859-1", "iso_8859-1", "latin-1", "latin1"})
_OF_MAIL = re.compile(
    r"utf-?[78]|us-ascii|ascii|iso[-_]?8859[-_]?\d{1,2}(?:-[ei])?|latin-?\d{1,2}|windows-?(?:125\d|874)|macintosh|"
    r"cp(?:125\d|437|85\d|86\d|874|932|936|949|950)|koi8-[rut]|gb2312|gbk|gb18030|big5(?:-?hkscs)?|euc-?(?:jp|kr)|"
    r"iso-2022-(?:jp(?:-[123])?|kr)|shift[-_]?jis|s-?jis|ks_c_5601-1987|tis-?620|mac-?(?:roman|cyrillic|greek|turkish)|"
    r"viscii|unknown(?:-8bit)?|x-unknown"
)
"""Charsets of names in mail: in all of them an ASCII letter is itself, or all readers know them."""


def decode_charset(data: bytes, charset: str) -> str:
    """Return ``data`` read in ``charset``; where that cannot be, in UTF-8, else in Latin-1.

    What is called Latin-1 is read as Windows-1252, which it is where it holds dashes and quotes (as browsers do).
    """
    name = "cp1252" if charset.lower() in _LATIN_1 else charset.lower()
    if _CHARSET.fullmatch(name):
        try:
            return data.decode(name, "replace")
        except LookupError:
            pass  # the family is listed, this member does not exist
    return decode_raw(data)


def decode_raw(data: bytes) -> str:
    """Return ``data`` read in UTF-8, or in Latin-1 where it is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decode_words(value: bytes) -> str:
    """Return an unfolded field value with its encoded words decoded; blanks between two of them vanish."""
    text = decode_raw(value)
    return "".join(piece.text for piece in pieces(text)) if "=?" in text else text


class Piece(NamedTuple):
    """A piece of a field value: what one or several encoded words say, or text between them."""

    text: str
    encoded: bool


def pieces(text: str, *, joined: bool = True) -> Iterator[Piece]:
    """Yield an unfolded field value in pieces, without the blanks between two encoded words.

    ``joined``: neighbours in one charset are joined before they are decoded, for senders split characters between
    words; some readers decode each by itself.
    """
    words = list(_WORD.finditer(text))
    yield Piece(text[: words[0].start()] if words else text, False)
    pending: list[bytes] = []
    for word, following in pairwise([*words, None]):
        assert word is not None
        pending.append(_word_bytes(word))
        gap = text[word.end() : following.start() if following else len(text)]
        near = following is not None and not gap.strip()
        if joined and near and following is not None and following[1].lower() == word[1].lower():
            continue
        yield Piece(decode_charset(b"".join(pending), word[1]), True)
        pending.clear()
        if not near:
            yield Piece(gap, False)


def without_words(text: str) -> str:
    """Return ``text`` without the encoded words that all readers decode alike: well formed, in a charset of mail."""
    return _WORD.sub(lambda word: "" if _is_certain(word) else word[0], text)


def raw_words(text: str) -> Iterator[bytes]:
    """Yield the octets of each encoded word, before any charset is applied."""
    return map(_word_bytes, _WORD.finditer(text))


def _is_certain(word: re.Match[str]) -> bool:
    exact = _EXACT_B if word[2] in "bB" else _EXACT_Q
    return (
        word[0].isascii() and exact.fullmatch(word[3]) is not None and _OF_MAIL.fullmatch(word[1].lower()) is not None
    )


def _word_bytes(word: re.Match[str]) -> bytes:
    data = word[3].encode("utf-8", "surrogatepass")
    return decode_base64(data) if word[2] in "bB" else binascii.a2b_qp(data, header=True)


def encode_words(text: str) -> bytes:
    """Return ``text`` as an unstructured field value: ASCII as it is, else encoded words of UTF-8 (RFC 2047 §2)."""
    if text.isascii():
        return text.encode()
    words: list[bytes] = []
    chunk = b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    words.append(chunk)
    return b"\r\n ".join(b"=?utf-8?b?%s?=" % binascii.b2a_base64(word, newline=False) for word in words)
