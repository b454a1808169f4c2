"""Giving the parts of an entity another Content-Transfer-Encoding (RFC 2045 §6): what both its users have in common.

``canonical`` makes content fit to be signed, ``transport`` fit to be relayed. Neither touches what is somebody's
signature, nor what readers may disagree about, nor what could not be decoded without loss.
"""

import re

from gateway.mail.entity import IDENTITY, Entity
from gateway.mail.transfer import encode_base64, encode_quoted_printable, is_exact_base64, is_exact_quoted_printable

BARE_RETURN = re.compile(rb"\r(?!\n)")

_UNQUOTED = bytes(range(32, 61)) + bytes(range(62, 127)) + b"\t\r\n"


class Pieces:
    """New content as pieces in order: slices of the old one wherever nothing changes."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._view = memoryview(content)
        self._pieces: list[bytes | memoryview] = []
        self._position = 0

    def put(self, start: int, end: int, replacement: bytes) -> None:
        """Write what stands before ``start``, then ``replacement`` for ``content[start:end]``."""
        self._pieces += (self._view[self._position : start], replacement)
        self._position = end

    def finish(self) -> bytes:
        """Write the rest and return it all."""
        return b"".join([*self._pieces, self._view[self._position :]]) if self._pieces else self.content


def is_protected(entity: Entity) -> bool:
    """Whether an entity must stay as it is: its bytes are signed, or readers may disagree about what it is."""
    return entity.content_type.type in ("multipart/signed", "multipart/encrypted") or _is_doubtful(entity)


def is_container(entity: Entity) -> bool:
    """Whether an entity holds others, as far as its type says: its own encoding changes nothing but the label."""
    return bool(entity.children) or entity.content_type.type.startswith(("multipart/", "message/"))


def declares_8bit(entity: Entity) -> bool:
    """Whether an entity is labelled 8bit or binary."""
    return entity.encoding in ("8bit", "binary")


def is_exact(body: bytes, encoding: str) -> bool:
    """Whether decoding ``body`` loses and guesses nothing."""
    if encoding == "base64":
        return is_exact_base64(body)
    if encoding == "quoted-printable":
        return is_exact_quoted_printable(body)
    return encoding in IDENTITY


def recoded(payload: bytes, entity: Entity) -> tuple[str, bytes]:
    """Return the encoding that suits the decoded ``payload`` of a leaf, and its body in it."""
    is_text = entity.content_type.type.startswith("text/") and entity.encoding != "base64"
    if is_text and _suits_quoted_printable(payload):
        return "quoted-printable", encode_quoted_printable(payload)
    return "base64", encode_base64(payload)


def _is_doubtful(entity: Entity) -> bool:
    header = entity.header
    types, encodings = header.named("content-type"), header.named("content-transfer-encoding")
    if len(types) > 1 or len(encodings) > 1 or header.body == header.end:
        return True
    main_type = entity.content_type.type.partition("/")[0]
    if types and not header.value(types[0]).lower().startswith(main_type.encode()):
        return True
    if encodings and header.value(encodings[0]).lower() not in (b"", entity.encoding.encode("utf-8", "replace")):
        return True
    return main_type == "multipart" and entity.encoding not in IDENTITY


def _suits_quoted_printable(text: bytes) -> bool:
    if b"\0" in text or BARE_RETURN.search(text) or text.count(b"\n") != text.count(b"\r"):
        return False
    # Quoted-printable spends three bytes on each byte it quotes, base64 four on every three of any kind.
    return len(text.translate(None, _UNQUOTED)) * 6 <= len(text)
