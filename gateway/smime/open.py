"""Opening: the S/MIME layer at the root of an entity, and putting its content in the place of what came (RFC 8551 §3).

Content decides, not the label; but what is labelled S/MIME and does not parse is ``Malformed``, so that nobody takes it
for an unsigned message. Signed bytes are slices of what came. Of an opened entity only the Content-* fields are
promoted: whatever else stands in its header was written by the sender of the ciphertext, not by a mail server.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.cms.compressed import Compressed
from gateway.cms.enveloped import Enveloped
from gateway.cms.probe import read_cms
from gateway.cms.signed import SignedData
from gateway.errors import Malformed
from gateway.mail.entity import Entity, decoded_body
from gateway.mail.header import Field, Header, read_header
from gateway.smime.layer import SIGNATURE_TYPES, Layer, may_be_cms

CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_BOUNDARY = re.compile(rb";\s*boundary[*0-9]*\s*=", re.IGNORECASE)
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class SignedLayer:
    """A signature and the bytes it covers. ``clear``: they stand beside it (multipart/signed).

    ``contradicted``: a signature beside its content that carries other content too (row SIG-03).
    """

    data: SignedData
    content: bytes
    clear: bool
    contradicted: bool = False

    @property
    def replaceable(self) -> bool:
        """Whether the content may stand in the place of the layer; what is certificates only has none."""
        return not self.clear and self.data.content is not None


AnyLayer = SignedLayer | Enveloped | Compressed


def read_layer(entity: Entity) -> AnyLayer | None:
    """Return the layer that ``entity`` itself is, None where it is none. Raises ``Malformed``, ``LimitExceeded``."""
    kind = entity.content_type.type
    if kind == "multipart/signed":
        return _clear_signed(entity)
    if kind.startswith(("multipart/", "message/")):
        return None
    labelled = kind in CMS_TYPES
    if not labelled and not may_be_cms(entity.content, entity.body):
        return None
    try:
        found = read_cms(decoded_body(entity))
    except Malformed:
        if labelled:
            raise
        return None
    if isinstance(found, SignedData):
        return SignedLayer(found, b"".join(found.content or ()), clear=False)
    return found


def layer_name(layer: AnyLayer) -> Layer:
    """Return the word of the record."""
    if isinstance(layer, SignedLayer):
        return Layer.SIGNED
    return Layer.ENCRYPTED if isinstance(layer, Enveloped) else Layer.COMPRESSED


def _clear_signed(entity: Entity) -> SignedLayer | None:
    """multipart/signed with a CMS signature (RFC 8551 §3.5.3); another protocol's is content to us."""
    types = [child.content_type.type for child in entity.children]
    protocol = entity.content_type.parameters.get("protocol", "").lower()
    if protocol not in SIGNATURE_TYPES and not SIGNATURE_TYPES & set(types[1:]):
        return None
    if len(types) != 2 or types[1] not in SIGNATURE_TYPES:
        raise Malformed("a multipart/signed that is not content and signature")
    if not _reads_one_way(entity.header):
        raise Malformed("a multipart/signed that other readers may take apart in another way")
    part, signature = entity.children
    content = entity.content[part.start : part.end]
    data = read_cms(decoded_body(signature))
    if not isinstance(data, SignedData):
        raise Malformed("the signature of a multipart/signed is none")
    carried = None if data.content is None else b"".join(data.content)
    return SignedLayer(data, content, clear=True, contradicted=carried is not None and carried != content)


def _reads_one_way(header: Header) -> bool:
    """Whether a Content-Type and its boundary stand once: else others may show what was not signed (row SIG-01)."""
    fields = header.named("content-type")
    return len(fields) == 1 and len(_BOUNDARY.findall(header.value(fields[0]))) == 1


def with_crlf(content: bytes | bytearray) -> bytes:
    """Return ``content`` with every line end as CRLF: what was inside an envelope must be fit for SMTP."""
    return _LINE_END.sub(b"\r\n", content)


def put_in_place(content: bytes, header: Header, drop: Collection[Field], inner: bytes) -> bytes:
    """Return the message ``content`` with the entity ``inner`` in the place of its own, without the fields ``drop``.

    All of the message's fields but Content-* stay in order; of ``inner``'s only Content-* count.
    """
    inner_header = read_header(inner)
    kept = [field for field in header.fields if not field.name.startswith("content-") and field not in drop]
    promoted = [inner_header.raw(field) for field in inner_header.fields if field.name.startswith("content-")]
    pieces = [header.raw(field) for field in kept]
    if not any(field.name == "mime-version" for field in kept):
        pieces.append(b"MIME-Version: 1.0\r\n")
    pieces += promoted or [b"Content-Type: text/plain\r\n"]
    return b"".join((*pieces, b"\r\n", memoryview(inner)[inner_header.body :]))
