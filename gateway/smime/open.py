"""Opening: the S/MIME layer at the root of an entity (RFC 8551 §3).

Content decides, not the label; but what is labelled S/MIME and does not parse is ``Malformed``, so that nobody takes it
for an unsigned message. Signed bytes are slices of what came.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from gateway.cms.compressed import Compressed
from gateway.cms.content import Octets
from gateway.cms.enveloped import Enveloped
from gateway.cms.probe import read_cms
from gateway.cms.signed import SignedData
from gateway.errors import Malformed
from gateway.mail.entity import IDENTITY, Entity, decoded_body
from gateway.mail.header import Field, Header, edit
from gateway.smime.layer import SIGNATURE_TYPES, Layer, may_be_cms

CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_BOUNDARY = re.compile(rb";\s*boundary[*0-9]*\s*=", re.IGNORECASE)
_PARAMETER = rb';[ \t]*(?:[^\s;"=()]+[ \t]*=[ \t]*(?:"[^"\\]*"|[^\s;"()\\]*))?[ \t]*'
_PLAIN = re.compile(rb"multipart/signed[ \t]*(?:" + _PARAMETER + rb")*", re.IGNORECASE)
_VISIBLE_ENDS = re.compile(r"(?!=\?)[!-~](?:[ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class SignedLayer:
    """A signature and the bytes it covers. ``part``: the entity that they are, where they stand beside it.

    ``contradicted``: a signature beside its content that carries other content too (row SIG-03).
    """

    data: SignedData
    content: bytes | memoryview
    part: Entity | None = None
    contradicted: bool = False

    @property
    def clear(self) -> bool:
        """Whether it is a multipart/signed."""
        return self.part is not None

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
        found = read_cms(_octets(entity))
    except Malformed:
        if labelled:
            raise
        return None
    if isinstance(found, SignedData):
        return SignedLayer(found, b"".join(found.content or ()))
    return found


def _octets(entity: Entity) -> Octets:
    """Return the decoded body; what needs no decoding is not copied."""
    if entity.encoding in IDENTITY:
        return memoryview(entity.content)[entity.body : entity.end]
    return decoded_body(entity)


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
    if not _reads_one_way(entity):
        raise Malformed("a multipart/signed that other readers may take apart in another way")
    part, signature = entity.children
    content = memoryview(entity.content)[part.start : part.end]
    data = read_cms(decoded_body(signature))
    if not isinstance(data, SignedData):
        raise Malformed("the signature of a multipart/signed is none")
    carried = None if data.content is None else b"".join(data.content)
    return SignedLayer(data, content, part, contradicted=carried is not None and carried != content)


def _reads_one_way(entity: Entity) -> bool:
    """Whether all readers find the same two parts: else others may show what was not signed (row SIG-01).

    The Content-Type stands once, without rubbish, comments and escapes, its boundary once and without blanks at its
    ends; no transfer encoding, which a multipart may not have (RFC 2045 §6.4), gives it other bytes.
    """
    header = entity.header
    fields = header.named("content-type")
    if len(fields) != 1 or entity.encoding not in IDENTITY:
        return False
    if not header.reads_one_way or not entity.children[1].header.reads_one_way:
        return False
    value = header.value(fields[0])
    boundary = entity.content_type.parameters.get("boundary", "")
    return (
        _PLAIN.fullmatch(value) is not None
        and len(_BOUNDARY.findall(value)) == 1
        and _VISIBLE_ENDS.fullmatch(boundary) is not None
    )


def without_fields(header: Header, drop: Collection[Field]) -> bytes:
    """Return the header block, empty line included, without the fields ``drop``."""
    return edit(bytes(header.content[: header.body]), header, drop=drop)
