"""Opening: the S/MIME layer at the root of an entity (RFC 8551 §3).

Content decides, not the label; but what is labelled S/MIME and does not parse is ``Malformed``, so that nobody takes it
for an unsigned message. Signed bytes are slices of what came.
"""

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from gateway.cms.compressed import Compressed
from gateway.cms.content import Buffer
from gateway.cms.enveloped import Enveloped
from gateway.cms.probe import claims, read_cms
from gateway.cms.signed import SignedData
from gateway.errors import Malformed
from gateway.mail.entity import IDENTITY, Entity, decoded_body, read_entity, type_of
from gateway.mail.header import Field, Header, edit
from gateway.smime.finding import Layer
from gateway.smime.frame import CMS_TYPES, check_frame

_BASE64_SEQUENCE = re.compile(rb"\s*+M[A-Za-z0-9+/]")
"""How the base64 text of a BER SEQUENCE begins (0x30 is ``M``)."""
_SIGNATURE = re.compile(rb"pkcs-?7-?sig|\.p7s", re.IGNORECASE)


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
        if found.signers and found.content is None:
            raise Malformed("a detached signature, and nothing beside it")
        return SignedLayer(found, b"".join(found.content or ()))
    return found


def may_be_cms(content: bytes, body: int) -> bool:
    """A cheap look at the first bytes of the body, which begins at ``body``, so that ordinary mail is never decoded."""
    return content[body : body + 1] == b"\x30" or bool(_BASE64_SEQUENCE.match(content, body))


def _octets(entity: Entity) -> Buffer:
    """Return the decoded body; what needs no decoding is not copied."""
    if entity.encoding in IDENTITY:
        return memoryview(entity.content)[entity.body : entity.end]
    return decoded_body(entity)


def claimed_kind(entity: Entity) -> str:
    """Return what an entity that could not be read is by its first octets, else by its smime-type; empty: nothing."""
    with suppress(Malformed):
        if found := claims(_octets(entity)):
            return found
    return entity.content_type.parameters.get("smime-type", "").lower()


def layer_name(layer: AnyLayer) -> Layer:
    """Return the word of the record."""
    if isinstance(layer, SignedLayer):
        return Layer.SIGNED
    return Layer.ENCRYPTED if isinstance(layer, Enveloped) else Layer.COMPRESSED


def root_layer(content: bytes, header: Header) -> Layer | None:
    """Return the layer at the MIME root of ``content``, or None where there is none, or none that holds.

    Certificates that nobody signed anything with are no signature (row SIG-04), nor is one in a frame that does not
    keep its two parts together for every reader.
    """
    try:
        if not _may_be_layer(content, header):
            return None
        layer = read_layer(read_entity(content, header=header))
    except Malformed:
        return None
    if layer is None or (isinstance(layer, SignedLayer) and not layer.data.signers):
        return None
    return layer_name(layer)


def _may_be_layer(content: bytes, header: Header) -> bool:
    """What is no multipart/signed and does not begin like CMS need not be read to be told so."""
    kind = type_of(header).type
    if kind.startswith(("multipart/", "message/")):
        return kind == "multipart/signed"
    return may_be_cms(content, header.body)


def _clear_signed(entity: Entity) -> SignedLayer | None:
    """multipart/signed with a CMS signature (RFC 8551 §3.5.3); another protocol's is content to us."""
    if not is_smime(entity):
        return None
    check_frame(entity)
    part, signature = entity.children
    content = memoryview(entity.content)[part.start : part.end]
    data = read_cms(decoded_body(signature))
    if not isinstance(data, SignedData):
        raise Malformed("multipart/signed: the second part holds no signature")
    carried = None if data.content is None else b"".join(data.content)
    return SignedLayer(data, content, part, contradicted=carried is not None and carried != content)


def is_smime(entity: Entity) -> bool:
    """Return whether a multipart/signed is S/MIME by its label or a later part's, in whatever spelling."""
    labels = [(entity.header, "content-type")]
    labels += [(part.header, name) for part in entity.children[1:] for name in ("content-type", "content-disposition")]
    return any(_SIGNATURE.search(header.raw(field)) for header, name in labels for field in header.named(name))


def is_signature(part: Entity) -> bool:
    """Return whether a part is a signature by its type, in whatever spelling, or by its first octets."""
    with suppress(Malformed):
        if claims(_octets(part)) == "signed-data":
            return True
    return _SIGNATURE.search(part.content_type.type.encode()) is not None


def without_fields(header: Header, drop: Collection[Field]) -> bytes:
    """Return the header block, empty line included, without the fields ``drop``."""
    return edit(bytes(header.content[: header.body]), header, drop=drop)
