"""Which S/MIME layer the root of a message is, told by its content and not by its label (RFC 8551 §3.10).

A label alone protects nothing: only what parses as CMS counts, and what parses counts under any label. Other systems'
protection (OpenPGP) is content to us.
"""

import re
from enum import StrEnum

from gateway.cms.enveloped import Enveloped
from gateway.cms.probe import Parsed, read_cms
from gateway.cms.signed import SignedData
from gateway.errors import Malformed
from gateway.mail.content_type import content_type
from gateway.mail.entity import decoded_body, read_entity
from gateway.mail.header import Header

SIGNATURE_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})

_BASE64_SEQUENCE = re.compile(rb"\s*M[A-Za-z0-9+/]")
"""How the base64 text of a BER SEQUENCE begins (0x30 is ``M``)."""


class Layer(StrEnum):
    """In the words of the record."""

    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    COMPRESSED = "compressed"


def root_layer(content: bytes, header: Header) -> Layer | None:
    """Return the layer at the MIME root of ``content``, or None where there is none that parses."""
    try:
        if _type(header) == "multipart/signed":
            return _clear_signed(content)
        if not may_be_cms(content, header.body):
            return None
        return _layer(read_cms(decoded_body(read_entity(content))))
    except Malformed:
        return None


def _type(header: Header) -> str:
    """Return the root's content type; what is no multipart need not be read to be told so."""
    fields = header.named("content-type")
    value = header.value(fields[0]) if fields else b""
    return content_type(value).type if b"multipart" in value.lower() else "text/plain"


def may_be_cms(content: bytes, body: int) -> bool:
    """A cheap look at the first bytes of the body, which begins at ``body``, so that ordinary mail is never decoded."""
    return content[body : body + 1] == b"\x30" or bool(_BASE64_SEQUENCE.match(content, body))


def _clear_signed(content: bytes) -> Layer | None:
    """A multipart/signed of two parts whose second is a CMS signature (RFC 8551 §3.5.3)."""
    parts = read_entity(content).children
    if len(parts) != 2 or parts[1].content_type.type not in SIGNATURE_TYPES:
        return None
    return _layer(read_cms(decoded_body(parts[1])))


def _layer(found: Parsed | None) -> Layer | None:
    """The word for it; certificates that nobody signed anything with are no signature (row SIG-04)."""
    if isinstance(found, SignedData):
        return Layer.SIGNED if found.signers else None
    if isinstance(found, Enveloped):
        return Layer.ENCRYPTED
    return None if found is None else Layer.COMPRESSED
