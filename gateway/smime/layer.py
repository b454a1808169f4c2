"""Which S/MIME layer the root of a message is, told by its content and not by its label (RFC 8551 §3.10).

A label alone protects nothing: only what parses as CMS counts. Other systems' protection (OpenPGP) is content to us.
"""

import binascii
from enum import StrEnum

from gateway.cms.content import ContentKind, content_kind
from gateway.errors import Malformed
from gateway.mail.entity import Entity, decoded_body, read_entity
from gateway.mail.header import Header, content_type

SIGNATURE_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})


class Layer(StrEnum):
    """In the words of the record."""

    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    COMPRESSED = "compressed"


_LAYERS = {
    ContentKind.SIGNED: Layer.SIGNED,
    ContentKind.ENVELOPED: Layer.ENCRYPTED,
    ContentKind.AUTH_ENVELOPED: Layer.ENCRYPTED,
    ContentKind.COMPRESSED: Layer.COMPRESSED,
}


def root_layer(content: bytes, header: Header) -> Layer | None:
    """Return the layer at the MIME root of ``content``, or None where there is none that parses."""
    if _may_be_clear_signed(header):
        return Layer.SIGNED if _is_clear_signed(content) else None
    body = _cms_body(content, header)
    if body is None:
        return None
    try:
        return _LAYERS.get(content_kind(body))
    except Malformed:
        return None
