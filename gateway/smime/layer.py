"""The kinds of S/MIME layers, in the words of the record, and a first look at what may be one (RFC 8551 §3.10)."""

import re
from enum import StrEnum

CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
"""Labels of a CMS object that stands alone."""
SIGNATURE_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
"""Labels of a signature beside its content."""

_BASE64_SEQUENCE = re.compile(rb"\s*+M[A-Za-z0-9+/]")
"""How the base64 text of a BER SEQUENCE begins (0x30 is ``M``)."""


class Layer(StrEnum):
    """In the words of the record."""

    SIGNED = "signed"
    ENCRYPTED = "encrypted"
    COMPRESSED = "compressed"


def may_be_cms(content: bytes, body: int) -> bool:
    """A cheap look at the first bytes of the body, which begins at ``body``, so that ordinary mail is never decoded."""
    return content[body : body + 1] == b"\x30" or bool(_BASE64_SEQUENCE.match(content, body))
