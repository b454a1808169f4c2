"""The Content-Type field (RFC 2045 §5.1, parameter continuations and charsets of RFC 2231).

Reads what sloppy senders write: missing quotes, a trailing semicolon, rubbish between parameters. Of a parameter
given twice the first counts; a plain one goes before one in pieces.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from gateway.errors import LimitExceeded, Malformed
from gateway.mail.encoded_word import decode_charset
from gateway.mail.header import unfold
from gateway.mail.lexical import QUOTED_STRING, without_comments

VALUE_LIMIT = 64 * 1024
PARAMETERS_LIMIT = 1000
USUAL = 72
"""Bytes of values that are remembered: without boundary and file name, the same few stand in everybody's mail."""

_TYPE = re.compile(r"[ \t]*+([!-.0-:<-~]++)[ \t]*+/[ \t]*+([!-.0-:<-~]++)")
_CLOSED = re.compile(rf"(?:[^\"]++|{QUOTED_STRING})*+", re.DOTALL)
_SEGMENT = re.compile(rf";((?:[^;\"]++|{QUOTED_STRING})*+)", re.DOTALL)
_QUOTED = re.compile(QUOTED_STRING, re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PIECE = re.compile(r"([^*\s\"]++)(?:\*(\d{1,3}))?(\*)?")


@dataclass(frozen=True, slots=True)
class ContentType:
    """Lower-case ``type`` such as ``multipart/signed``, and the parameters by lower-case name.

    Bytes that are no UTF-8 are kept in the values as lone surrogates (``surrogateescape``).
    """

    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def content_type(value: bytes) -> ContentType:
    """Read the value of a Content-Type field, folded or not.

    Raises ``Malformed`` when there is no type and subtype, ``LimitExceeded`` over 64 KiB or 1,000 parameters.
    """
    size = len(value)
    if size > VALUE_LIMIT:
        raise LimitExceeded(f"Content-Type: more than {VALUE_LIMIT} bytes")
    return _usual(value) if size <= USUAL else _read(value)


def _read(value: bytes) -> ContentType:
    text = without_comments(unfold(value).decode("utf-8", "surrogateescape"))
    kind = _TYPE.match(text)
    if kind is None:
        raise Malformed("Content-Type: not of the form type/subtype")
    return ContentType(f"{kind[1]}/{kind[2]}".lower(), _parameters(text, kind.end()))


_usual = lru_cache(1024)(_read)


def _parameters(text: str, position: int) -> dict[str, str]:
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    segments = _segments(text, position)
    if len(segments) > PARAMETERS_LIMIT:
        raise LimitExceeded(f"Content-Type: more than {PARAMETERS_LIMIT} parameters")
    for segment in segments:
        name, equals, value = segment.partition("=")
        piece = _PIECE.fullmatch(name.strip().lower())
        if not equals or piece is None:
            continue
        if piece[2] or piece[3]:
            pieces.setdefault(piece[1], {}).setdefault(int(piece[2] or 0), (_unquoted(value), bool(piece[3])))
        else:
            plain.setdefault(piece[1], _unquoted(value))
    return {name: _joined(parts) for name, parts in pieces.items()} | plain


def _segments(text: str, position: int) -> list[str]:
    """Return what stands behind each semicolon outside quoted strings; from a quote that does not end on, all count.

    Behind such a quote none can begin another quoted string: every one before the end is escaped, or would end it.
    """
    closed = _CLOSED.match(text, position)
    assert closed is not None
    *whole, last = _SEGMENT.findall(";" + text[position : closed.end()])
    first, *rest = text[closed.end() :].split(";")
    return [*whole, last + first, *rest][1:]


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = _QUOTED.match(value)
    if quoted is None:
        return value.strip('"')
    return _ESCAPE.sub(r"\1", quoted[0][1:-1])


def _joined(parts: dict[int, tuple[str, bool]]) -> str:
    """Join the pieces of a parameter (RFC 2231 §3 and §4), up to the first gap; the first names the charset."""
    first, extended = parts.get(0, ("", False))
    charset = ""
    if extended and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
        parts = parts | {0: (first, True)}
    data = bytearray()
    for number in range(len(parts)):
        if number not in parts:
            break
        text, escaped = parts[number]
        raw = text.encode("utf-8", "surrogateescape")
        data += unquote_to_bytes(raw) if escaped else raw
    return decode_charset(bytes(data), charset) if charset else data.decode("utf-8", "surrogateescape")
