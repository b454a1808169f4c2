"""Content transfer encodings (RFC 2045 §6.7 and §6.8): base64 and quoted-printable, both ways.

Decoding is as tolerant as mail readers are. Encoding gives lines of at most 76 characters, CRLF line ends, and in
quoted-printable neither trailing blanks nor lines that begin with ``From ``.
"""

import binascii
import re

from gateway.errors import Malformed

Buffer = bytes | bytearray | memoryview

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET = bytes(set(range(256)) - set(_ALPHABET))
_BLOCK = 57 * 1024
_LONG_LINE = re.compile(rb"^[^\r\n]{77,}+", re.MULTILINE)
_FROM_LINE = re.compile(rb"^F(?=rom )", re.MULTILINE)
_BROKEN_DASHES = re.compile(rb"=\r\n(-++)(?<=--)")
_BROKEN_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r\n|\Z)")


def encode_base64(data: Buffer) -> bytes:
    """Return ``data`` in base64, in lines of 76 characters, each ended by CRLF; nothing for nothing."""
    # Block by block, so that the many small line objects of a large body never live at the same time.
    view = memoryview(data)
    return b"".join([_base64_block(view[start : start + _BLOCK]) for start in range(0, len(view), _BLOCK)])


def _base64_block(block: memoryview) -> bytes:
    encoded = binascii.b2a_base64(block, newline=False)
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
    lines.append(b"")
    return b"\r\n".join(lines)


def decode_base64(data: Buffer) -> bytes:
    """Return the bytes behind base64 text; foreign characters are skipped and lost padding is supplied."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        return _decode_broken(bytes(data))


def _decode_broken(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text + b"==")
    except binascii.Error:
        digits = text.translate(None, _NOT_ALPHABET)
        # One lone digit at the end holds no whole byte: the text was cut off.
        return binascii.a2b_base64(digits[: len(digits) // 4 * 4])


def is_exact_base64(data: bytes) -> bool:
    """Return whether decoding ``data`` skips, guesses and loses nothing but white space."""
    digits = data.translate(None, b" \t\r\n")
    padding = len(digits) - len(digits.rstrip(b"="))
    if len(digits) % 4 or padding > 2:
        return False
    return not digits[: len(digits) - padding].translate(None, _ALPHABET)


def encode_quoted_printable(text: bytes, *, binary: bool = False) -> bytes:
    """Return ``text``, whose line ends are all CRLF, in quoted-printable; the line ends stay line ends.

    ``binary``: line ends of any kind are octets like others and come back as they were (RFC 2045 §6.7 rule 4).
    """
    encoded = binascii.b2a_qp(text, quotetabs=False, istext=not binary)
    if binary or b"\n" not in text:
        # Only soft breaks are left, in the style of the first line end.
        encoded = encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    # A blank at the end of a line becomes three octets after the line was measured.
    encoded = _LONG_LINE.sub(lambda line: _broken(line[0]), encoded)
    if b"From " in encoded:
        # A soft break after the F: no line grows, and the rest can begin with "From " no more.
        encoded = _FROM_LINE.sub(b"=46=\r\n", encoded)
    if b"=\r\n--" in encoded:
        # A soft break must not bring "--" to the start of a line, where it could become a boundary.
        encoded = _BROKEN_DASHES.sub(lambda dashes: b"=\r\n" + b"=2D=\r\n" * (len(dashes[1]) - 1) + b"-", encoded)
    return encoded


def _broken(line: bytes) -> bytes:
    """Return a line of 77 or more octets in two, cut by a soft break before the octet or escape that is too much."""
    escape = line.find(b"=", 73, 75)
    at = 75 if escape < 0 else escape
    return line[:at] + b"=\r\n" + line[at:]


def decode_quoted_printable(data: Buffer) -> bytes:
    """Return the bytes behind quoted-printable text; broken escapes stay as they are."""
    return binascii.a2b_qp(data)


def is_exact_quoted_printable(data: bytes) -> bool:
    """Return whether every ``=`` in ``data`` is a whole escape or a soft line break."""
    return _BROKEN_ESCAPE.search(data) is None


def decode(data: Buffer, encoding: str) -> bytes:
    """Return the bytes behind ``data`` in the lower-case ``encoding``. Raises ``Malformed`` for an unknown one."""
    if encoding in ("7bit", "8bit", "binary"):
        return bytes(data)
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    raise Malformed("body part: unknown Content-Transfer-Encoding; send it as base64 or quoted-printable")
