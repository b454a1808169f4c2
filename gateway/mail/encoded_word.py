"""Encoded words in header fields (RFC 2047, language tags of RFC 2231 §5), read the way mail readers do.

Nothing here fails: an unknown charset or a broken encoding is shown as well as can be. Charsets come from a closed
list, because Python would remember every invented name for ever and some of its codecs are no charsets at all.
"""

import binascii
import re
from itertools import pairwise

from gateway.mail.transfer import decode_base64

WORD_BYTES = 45
"""Bytes of text that fit an encoded word of 75 characters."""

_WORD = re.compile(r"=\?([^?*\s]{1,40}+)(?:\*[^?\s]{0,40}+)?+\?([bBqQ])\?([^?]*+)\?=")
_CHARSET = re.compile(
    r"utf-?8|us-ascii|ascii|utf-?(?:7|16|32)(?:[-_]?[bl]e)?|iso[-_]?8859[-_]?\d{1,2}|latin-?\d{1,2}|windows-?125\d|"
    r"cp\d{3,4}|koi8-[rut]|gb2312|gbk|gb18030|hz|big5(?:-?hkscs)?|euc-?(?:jp|kr)|iso-2022-(?:jp(?:-[123])?|kr)|"
    r"shift[-_]?jis|s-?jis|ks_c_5601-1987|tis-?620|mac-?(?:roman|cyrillic|greek|turkish)|viscii|ptcp154"
)


def decode_charset(data: bytes, charset: str) -> str:
    """Return ``data`` read in ``charset``; where that cannot be, in UTF-8, else in Latin-1."""
    name = charset.lower()
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
    """Return an unfolded field value with its encoded words decoded; blanks between two of them vanish.

    Neighbours in one charset are joined before they are decoded: senders split characters between words.
    """
    text = decode_raw(value)
    if "=?" not in text:
        return text
    words = list(_WORD.finditer(text))
    if not words:
        return text
    pieces = [text[: words[0].start()]]
    pending: list[bytes] = []
    for word, following in pairwise([*words, None]):
        assert word is not None
        pending.append(_word_bytes(word))
        gap = text[word.end() : following.start() if following else len(text)]
        if following and not gap.strip() and following[1].lower() == word[1].lower():
            continue
        pieces.append(decode_charset(b"".join(pending), word[1]))
        pieces.append("" if following and not gap.strip() else gap)
        pending.clear()
    return "".join(pieces)


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
